import type { SessionReader } from '../store/query.ts'

/** A worker thread of the app. */
export interface ThreadReport {
  pid: number | null
  thread: number
  /** Share of time in which its event loop was busy, 0 to 1. */
  utilization: number | null
  delay_max_ms: number | null
  /** Times that its event loop was blocked for longer than the stall threshold, and the longest. */
  stalls: number
  longest_ms: number | null
  heap_bytes: number | null
  heap_peak_bytes: number | null
  heap_limit_bytes: number | null
}

/** The worker threads that were measured, the busiest first. */
export async function threadReport(reader: SessionReader, limit: number): Promise<ThreadReport[]> {
  return await reader.rows<ThreadReport>(
    `WITH m AS (SELECT process, (attributes->>'thread.id')::INTEGER AS thread, avg(value) FILTER (name = 'perf.thread.eventloop.utilization') AS utilization,
         max(value) FILTER (name = 'perf.thread.eventloop.delay.max') * 1000 AS delay_max_ms, arg_max(value, time) FILTER (name = 'perf.thread.heap.used') AS heap_bytes,
         max(value) FILTER (name = 'perf.thread.heap.used') AS heap_peak_bytes, max(value) FILTER (name = 'perf.thread.heap.limit') AS heap_limit_bytes
       FROM metrics WHERE starts_with(name, 'perf.thread.') GROUP BY 1, 2),
     s AS (SELECT process, thread, count(*) AS stalls, max(duration_ms) AS longest_ms FROM stalls WHERE thread > 0 GROUP BY 1, 2)
     SELECT p.pid, coalesce(m.thread, s.thread) AS thread, utilization, delay_max_ms, coalesce(stalls, 0) AS stalls, longest_ms, heap_bytes, heap_peak_bytes, heap_limit_bytes
     FROM m FULL JOIN s ON s.process = m.process AND s.thread = m.thread LEFT JOIN processes p ON p.process = coalesce(m.process, s.process)
     ORDER BY utilization DESC NULLS LAST, longest_ms DESC NULLS LAST, 2 LIMIT ${limit}`,
  )
}
