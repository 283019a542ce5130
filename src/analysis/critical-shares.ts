import type { SessionReader } from '../store/query.ts'
import { criticalPath, type TimedSpan } from './critical-path.ts'
import { tracesOf } from './timed-traces.ts'

/** What traces waited for in spans of one name. */
export interface CriticalShare {
  layer: string
  name: string
  /** Of the time of all traces looked at, 0 to 1. */
  share: number
  /** Milliseconds in the session, estimated from the traces looked at. */
  total_ms: number
  /** Those in which it took the most, at most three. */
  traces: string[]
}

/** What the traces of a session waited for. */
export interface CriticalShares {
  /** How many were looked at, of how many. */
  sampled: number
  traces: number
  /** Share of the time of all traces that traces of this size hold, 0 to 1. */
  covered: number
  /** The largest first. Roots are left out: what a trace itself does is no call of it. */
  names: CriticalShare[]
}

const MAX_TRACES = 300
/** Larger ones are not followed span by span. */
const MAX_SPANS = 1000

/** The critical paths of at most 300 traces, spread evenly over the session, by name; requests of an AI client under the name of its call. */
export async function criticalShares(reader: SessionReader): Promise<CriticalShares> {
  const keys = await reader.rows<{ trace_id: string; weight: number; n: number; covered: number }>(
    `SELECT trace_id, weight, n, covered FROM (SELECT trace_id, weight, spans, row_number() OVER (PARTITION BY spans <= ${MAX_SPANS} ORDER BY start_time, trace_key) - 1 AS i,
       count(*) OVER (PARTITION BY spans <= ${MAX_SPANS}) AS n, sum(duration_ms * weight) FILTER (spans <= ${MAX_SPANS}) OVER () / nullif(sum(duration_ms * weight) OVER (), 0) AS covered
     FROM traces WHERE status <> 'open') WHERE spans <= ${MAX_SPANS} AND (n <= ${MAX_TRACES} OR i * ${MAX_TRACES} // n <> (i - 1) * ${MAX_TRACES} // n) ORDER BY i`,
  )
  const weights = new Map(keys.map(({ trace_id, weight }) => [trace_id, weight]))
  const names = new Map<string, { layer: string; name: string; ms: number; traces: { id: string; ms: number }[] }>()
  let whole = 0
  for (const { trace_id, spans } of keys.length === 0 ? [] : await tracesOf(reader, [...weights.keys()], 'false')) {
    const weight = weights.get(trace_id) ?? 1
    for (const { layer, name, ms, isRoot } of waitsOf(spans)) {
      whole += ms * weight
      if (isRoot) continue
      const key = `${layer}\0${name}`
      const entry = names.get(key) ?? { layer, name, ms: 0, traces: [] }
      entry.ms += ms * weight
      entry.traces.push({ id: trace_id, ms })
      names.set(key, entry)
    }
  }
  const stands = (keys[0]?.n ?? 0) / Math.max(1, keys.length)
  return {
    sampled: keys.length,
    traces: keys[0]?.n ?? 0,
    covered: keys[0]?.covered ?? 0,
    names: [...names.values()]
      .map(({ layer, name, ms, traces }) => ({
        layer,
        name,
        share: whole > 0 ? ms / whole : 0,
        total_ms: ms * stands,
        traces: longest(traces),
      }))
      .sort((a, b) => b.share - a.share || (a.name < b.name ? -1 : 1)),
  }
}

interface Wait {
  layer: string
  name: string
  ms: number
  isRoot: boolean
}

/** What one trace waited for, by name. */
function waitsOf(spans: readonly TimedSpan[]): Wait[] {
  const byId = new Map(spans.map((span) => [span.span_id, span]))
  const waits = new Map<string, Wait>()
  for (const { span_id, start_ms, end_ms } of criticalPath(spans)) {
    const span = byId.get(span_id)
    if (span === undefined) continue
    const parent = span.parent_id === null ? undefined : byId.get(span.parent_id)
    const { layer, name } = span.layer === 'http' && parent?.layer === 'ai' ? parent : span
    const isRoot = parent === undefined
    const key = `${layer}\0${name}\0${isRoot}`
    const wait = waits.get(key) ?? { layer, name, ms: 0, isRoot }
    wait.ms += end_ms - start_ms
    waits.set(key, wait)
  }
  return [...waits.values()]
}

function longest(traces: readonly { id: string; ms: number }[]): string[] {
  return traces
    .toSorted((a, b) => b.ms - a.ms || (a.id < b.id ? -1 : 1))
    .slice(0, 3)
    .map(({ id }) => id)
}
