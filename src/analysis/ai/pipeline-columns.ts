import type { Stage } from './pipelines.ts'

/**
 * Stages in the order in which they follow each other; those that overlap for more than half of the shorter one run beside each other.
 * Beginnings and ends are medians, so that a few odd runs change nothing.
 */
export function columnsOf(stages: readonly Stage[]): Stage[][] {
  const columns: Stage[][] = []
  for (const stage of [...stages].sort((a, b) => a.start_ms - b.start_ms || a.end_ms - b.end_ms || (a.name < b.name ? -1 : 1))) {
    const last = columns.at(-1)
    if (last?.some((other) => isBeside(other, stage)) === true) last.push(stage)
    else columns.push([stage])
  }
  return columns
}

function isBeside(a: Stage, b: Stage): boolean {
  const shared = Math.min(a.end_ms, b.end_ms) - Math.max(a.start_ms, b.start_ms)
  return shared > 0.5 * Math.min(a.end_ms - a.start_ms, b.end_ms - b.start_ms)
}
