/** Calls of an embedded database that are shorter are left out. */
const SHORTEST_CALL_MS = 1

const HELD = `SELECT s.name AS what, p.name AS span_name, s.trace_id, s.start_time, s.duration_ms, s.process, s.thread
  FROM spans s LEFT JOIN spans p ON p.span_key = s.parent_key AND p.trace_key = s.trace_key
  WHERE s.layer = 'db' AND s.duration_ms >= ${SHORTEST_CALL_MS} AND contains(s.attributes, '"perf.loop.blocking":true')`

const SEEN = `SELECT coalesce(b.call, b.function) AS what, b.function, b.file, b.line, s.name AS span_name, s.trace_id, b.start_time, b.duration_ms, b.process, b.thread
  FROM stalls b LEFT JOIN spans s USING (span_id) WHERE b.thread = 0`

/** Most of either is the other. */
const SAME = `s.process = h.process AND s.thread = h.thread AND h.start_time < s.start_time + to_microseconds((s.duration_ms * 1000)::BIGINT)
  AND s.start_time < h.start_time + to_microseconds((h.duration_ms * 1000)::BIGINT) AND least(s.duration_ms, h.duration_ms) >= greatest(s.duration_ms, h.duration_ms) / 2`

/**
 * SQL of what held the event loop of the main thread (worker threads are often there to compute), one row each (`what, function, file, line, span_name, trace_id, duration_ms, held`): the stalls that were
 * seen, and the calls of embedded databases (`held`), which hold it from start to end. A call that was seen as a stall is one row, at the
 * place of the stall.
 */
export const BLOCKING_CALLS = `
  WITH held AS MATERIALIZED (${HELD}), seen AS MATERIALIZED (${SEEN})
  SELECT what, function, file, line, span_name, trace_id, duration_ms, false AS held FROM seen s
    WHERE NOT EXISTS (SELECT 1 FROM held h WHERE ${SAME})
  UNION ALL
  SELECT h.what, s.function, s.file, s.line, h.span_name, h.trace_id, h.duration_ms, true FROM held h LEFT JOIN seen s ON ${SAME}`
