import type { SessionReader } from '../store/query.ts'
import type { TimedSpan } from './critical-path.ts'

/** The ended spans of one trace. */
export interface TimedTrace {
  trace_id: string
  spans: TimedSpan[]
  /** How many traces it stands for. */
  weight: number
  /** Ids of the spans that the condition named. */
  matched: ReadonlySet<string>
}

const TRACES_PER_QUERY = 200

/** Traces that hold a span for which `condition` (SQL over `spans`) is true, one by one; at most `limit`, spread evenly over the session. */
export async function* timedTraces(reader: SessionReader, condition: string, limit: number): AsyncGenerator<TimedTrace> {
  const keys = await reader.rows<{ trace_id: string }>(
    `SELECT trace_id FROM (SELECT trace_id, row_number() OVER (ORDER BY first_ns, trace_id) - 1 AS i, count(*) OVER () AS n
       FROM (SELECT trace_id, min(start_ns) AS first_ns FROM spans WHERE (${condition}) AND duration_ms IS NOT NULL GROUP BY trace_id))
     WHERE n <= ${limit} OR i * ${limit} // n <> (i - 1) * ${limit} // n ORDER BY i`,
  )
  for (let from = 0; from < keys.length; from += TRACES_PER_QUERY) {
    const ids = keys.slice(from, from + TRACES_PER_QUERY).map(({ trace_id }) => trace_id)
    yield* await tracesOf(reader, ids, condition)
  }
}

/** The ended spans of some traces; `condition` says which of them match. */
export async function tracesOf(reader: SessionReader, ids: readonly string[], condition: string): Promise<TimedTrace[]> {
  const keys = ids.map((id) => `${BigInt(`0x${id}`)}`).join(', ')
  const rows = await reader.rows<TimedSpan & { trace_id: string; weight: number; matched: boolean }>(
    `SELECT trace_id, (arg_min(weight, start_ns) OVER (PARTITION BY trace_key))::DOUBLE AS weight, span_id, parent_id, name, layer, (start_ns - min(start_ns) OVER (PARTITION BY trace_key)) / 1e6 AS start_ms,
       start_ms + duration_ms AS end_ms, coalesce(${condition}, false) AS matched
     FROM spans WHERE duration_ms IS NOT NULL AND trace_key IN (${keys})`,
  )
  const traces = new Map<string, { trace_id: string; spans: TimedSpan[]; weight: number; matched: Set<string> }>(
    ids.map((trace_id) => [trace_id, { trace_id, spans: [], weight: 1, matched: new Set() }]),
  )
  for (const { trace_id, weight, matched, ...span } of rows) {
    const trace = traces.get(trace_id)
    if (trace === undefined) continue
    trace.spans.push(span)
    trace.weight = weight
    if (matched) trace.matched.add(span.span_id)
  }
  return [...traces.values()]
}
