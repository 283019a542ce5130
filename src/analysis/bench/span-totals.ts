import { openSession } from '../../store/query.ts'
import { readSession } from '../../store/session.ts'
import { median } from './compare-implementations.ts'

/** When a run began and ended, milliseconds since the epoch. */
export interface RunTime {
  startedAt: number
  endedAt: number
}

/** Spans of one name in a session, by run. */
export interface SpanTotal {
  layer: string
  name: string
  /** How many in each run; weighted. */
  calls: number[]
  /** Their time in each run, in milliseconds; weighted. */
  ms: number[]
}

/** What each of these runs recorded in the session they share: a process belongs to the run it began in. */
export async function spanTotals(folder: string, runs: readonly RunTime[]): Promise<SpanTotal[]> {
  const reader = await openSession(readSession(folder))
  try {
    const rows = await reader.rows<{ layer: string; name: string; started_ms: number; calls: number; ms: number }>(`
      SELECT s.layer, s.name, epoch_ms(p.started_at)::DOUBLE AS started_ms, s.calls, s.ms FROM (
        SELECT process, layer, name, sum(weight)::DOUBLE AS calls, coalesce(sum(duration_ms * weight), 0)::DOUBLE AS ms FROM spans GROUP BY ALL
      ) s JOIN processes p USING (process)`)
    const totals = new Map<string, SpanTotal>()
    for (const { layer, name, started_ms, calls, ms } of rows) {
      // The clock of a process and ours may differ by less than a millisecond.
      const run = runs.findIndex(({ startedAt, endedAt }) => started_ms >= startedAt - 1 && started_ms <= endedAt + 1)
      if (run === -1) continue
      const key = `${layer} ${name}`
      const total = totals.get(key) ?? { layer, name, calls: runs.map(() => 0), ms: runs.map(() => 0) }
      totals.set(key, total)
      total.calls[run] = (total.calls[run] ?? 0) + calls
      total.ms[run] = (total.ms[run] ?? 0) + ms
    }
    return [...totals.values()]
  } finally {
    reader.close()
  }
}

/** Spans of one name in several sessions, in their order; null where there are none. */
export interface SpanRow {
  layer: string
  name: string
  /** Medians of the runs, and their times one by one. */
  per_arm: ({ calls_per_run: number; ms_per_run: number; values_ms: number[] } | null)[]
}

/** The names whose time per run differs most between the sessions. */
export function spansThatDiffer(arms: readonly (readonly SpanTotal[])[], limit: number): SpanRow[] {
  const rows = new Map<string, SpanRow>()
  for (const [i, totals] of arms.entries()) {
    for (const { layer, name, calls, ms } of totals) {
      const key = `${layer} ${name}`
      const row = rows.get(key) ?? { layer, name, per_arm: arms.map(() => null) }
      row.per_arm[i] = { calls_per_run: median(calls), ms_per_run: median(ms), values_ms: ms }
      rows.set(key, row)
    }
  }
  const spread = ({ per_arm }: SpanRow): number => {
    const times = per_arm.map((one) => one?.ms_per_run ?? 0)
    return Math.max(...times) - Math.min(...times)
  }
  return [...rows.values()].toSorted((a, b) => spread(b) - spread(a)).slice(0, limit)
}

/** Whether every run of every session had spans of this name: only then are its times comparable one by one. */
export function isEverywhere({ per_arm }: SpanRow): boolean {
  return per_arm.every((one) => one !== null && one.values_ms.every((ms) => ms > 0))
}
