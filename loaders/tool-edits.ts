// Text edits that keep lines: insertions within a line and replacements of equal length.

interface Edit {
  readonly at: number
  readonly remove: number
  readonly text: string
}

export interface Edits {
  insert(at: number, text: string): void
  /** Puts `text`, padded with spaces, over the characters from `start` to `end`; it must not be longer. */
  overwrite(start: number, end: number, text: string): void
  readonly list: readonly Edit[]
}

/** Collects edits; those at one offset are applied in the order they were made. */
export function createEdits(): Edits {
  const list: Edit[] = []
  return {
    list,
    insert(at, text) {
      list.push({ at, remove: 0, text })
    },
    overwrite(start, end, text) {
      if (text.length > end - start) throw new RangeError('overwrite is longer than what it replaces')
      list.push({ at: start, remove: end - start, text: text.padEnd(end - start) })
    },
  }
}

/** `source` with the edits applied. */
export function applyEdits(source: string, edits: Edits): string {
  let code = ''
  let from = 0
  for (const { at, remove, text } of inOrder(edits)) {
    code += source.slice(from, at) + text
    from = at + remove
  }
  return code + source.slice(from)
}

/** Where text was inserted, as source-map positions count (lines and columns from 0), in order. */
export function insertedColumns(source: string, edits: Edits): { line: number; column: number; length: number }[] {
  const result: { line: number; column: number; length: number }[] = []
  let line = 0
  let lineStart = 0
  for (const { at, remove, text } of inOrder(edits)) {
    for (let next = source.indexOf('\n', lineStart); next !== -1 && next < at; next = source.indexOf('\n', lineStart)) {
      line++
      lineStart = next + 1
    }
    if (remove === 0) result.push({ line, column: at - lineStart, length: text.length })
  }
  return result
}

// What is inserted where a replacement starts goes before it.
const inOrder = (edits: Edits): Edit[] => [...edits.list].sort((a, b) => a.at - b.at || Math.sign(a.remove) - Math.sign(b.remove))
