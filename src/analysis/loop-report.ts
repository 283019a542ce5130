import type { SessionReader } from '../store/query.ts'
import { BLOCKING_CALLS } from './blocking-calls.ts'

/** Garbage collections of one kind. */
export interface GcReport {
  kind: string
  count: number
  total_ms: number
  p50_ms: number
  p95_ms: number
  max_ms: number
}

/** Stalls at one place. */
export interface StallReport {
  /** Synchronous call that blocked, else the function whose code ran. */
  what: string
  file: string | null
  line: number | null
  count: number
  total_ms: number
  max_ms: number
  /** Name of the span it was in, where it was in one. */
  span: string | null
  trace_id: string | null
}

/** The event loop as a whole. */
export interface LoopReport {
  /** Share of time in which it was busy, 0 to 1. */
  utilization: number | null
  delay_p50_ms: number | null
  delay_max_ms: number | null
  /** Share of the measured time that collections took, 0 to 1. */
  gc_share: number | null
  gc: GcReport[]
  stalls: StallReport[]
}

/** Collections, stalls, delay; null where nothing was measured. */
export async function loopReport(reader: SessionReader, limit: number): Promise<LoopReport | null> {
  const [loop] = await reader.rows<{
    rounds: number
    seconds: number
    utilization: number | null
    delay_p50_ms: number | null
    delay_max_ms: number | null
  }>(
    `SELECT count(*) FILTER (name = 'process.memory.usage') AS rounds, coalesce(epoch(max(time)) - epoch(min(time)), 0) AS seconds,
       avg(value) FILTER (name = 'nodejs.eventloop.utilization') AS utilization, median(value) FILTER (name = 'nodejs.eventloop.delay.p50') * 1000 AS delay_p50_ms,
       max(value) FILTER (name = 'nodejs.eventloop.delay.max') * 1000 AS delay_max_ms FROM metrics`,
  )
  const gc = await reader.rows<GcReport>(
    `SELECT kind, count(*) AS count, sum(duration_ms) AS total_ms, quantile_cont(duration_ms, 0.5) AS p50_ms, quantile_cont(duration_ms, 0.95) AS p95_ms,
       max(duration_ms) AS max_ms FROM gc GROUP BY kind ORDER BY total_ms DESC`,
  )
  const stalls = await reader.rows<StallReport>(
    `SELECT coalesce(what, '(not seen)') AS what, arg_max(file, duration_ms) FILTER (file IS NOT NULL) AS file,
       arg_max(line, duration_ms) FILTER (file IS NOT NULL) AS line, count(*) AS count, sum(duration_ms) AS total_ms, max(duration_ms) AS max_ms,
       arg_max(span_name, duration_ms) AS span, arg_max(trace_id, duration_ms) AS trace_id
     FROM (${BLOCKING_CALLS}) GROUP BY what, CASE WHEN held THEN '' ELSE concat(file, ':', line) END ORDER BY total_ms DESC LIMIT ${limit}`,
  )
  if (loop === undefined || (loop.rounds === 0 && stalls.length === 0)) return null
  const total = gc.reduce((sum, row) => sum + row.total_ms, 0)
  const { utilization, delay_p50_ms, delay_max_ms, seconds } = loop
  return { utilization, delay_p50_ms, delay_max_ms, gc_share: seconds > 1 ? total / 1000 / seconds : null, gc, stalls }
}
