/** Where one text differs from another. */
export interface SourceChange {
  /** First line that differs, from 1. */
  line: number
  removed: string[]
  added: string[]
  /** Lines that differ and are not among these. */
  more: number
}

const MAX_LINES = 6

/** The lines between the common beginning and the common end of two texts, a few of each; undefined where nothing but line ends differ. */
export function sourceChange(before: string, after: string): SourceChange | undefined {
  const [old, current] = [linesOf(before), linesOf(after)]
  let start = 0
  while (start < Math.min(old.length, current.length) && old[start] === current[start]) start++
  let end = 0
  while (end < Math.min(old.length, current.length) - start && old.at(-1 - end) === current.at(-1 - end)) end++
  const removed = old.slice(start, old.length - end)
  const added = current.slice(start, current.length - end)
  if (removed.length + added.length === 0) return undefined
  const shown = { removed: removed.slice(0, MAX_LINES), added: added.slice(0, MAX_LINES) }
  return { line: start + 1, ...shown, more: removed.length + added.length - shown.removed.length - shown.added.length }
}

const linesOf = (text: string): string[] => text.split('\n').map((line) => line.trimEnd())
