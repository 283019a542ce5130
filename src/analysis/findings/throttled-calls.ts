import { CALLS, defineFinding } from '../finding.ts'

interface Row {
  layer: string
  name: string
  kind: 'limited' | 'timeout' | 'retried'
  calls: number
  all_calls: number
  total_ms: number
  traces: string[]
}

const WORDS = {
  limited: {
    title: 'was refused with 429 (too many requests)',
    advice: 'Limit how many of these calls run at once and how many start per second; wait as long as `retry-after` says, with jitter; ask the provider for a higher limit when the need is real.',
  },
  timeout: {
    title: 'timed out',
    advice: 'Look whether the other side is slow or the time limit too short: compare the limit with the p99 of the calls that succeeded. Give each attempt a limit of its own and the whole a deadline.',
  },
  retried: {
    title: 'had to be sent again',
    advice: 'Each retry costs a whole call: look at the errors of the first attempts, and cap the attempts. A retry of something that is not idempotent may run twice.',
  },
} // prettier-ignore

/** Calls that were rate-limited, timed out, or were retried. */
export default defineFinding<Row>({
  kind: 'throttled-calls',
  about: 'Outgoing calls are refused with 429, time out, or are retried.',
  sql: `
    SELECT layer, name, kind, round(greatest(coalesce(sum(weight) FILTER (hit AND is_transport), 0), coalesce(sum(weight) FILTER (hit AND NOT is_transport), 0)))::BIGINT AS calls,
      round(sum(weight) FILTER (NOT is_transport))::BIGINT AS all_calls,
      sum(duration_ms * weight) FILTER (hit) AS total_ms, (list(trace_id ORDER BY duration_ms DESC, trace_id) FILTER (hit))[1:3] AS traces
    FROM (SELECT s.layer, s.name, s.is_transport OR s.is_wrapper AS is_transport, k.kind, s.weight, s.duration_ms, s.trace_id, CASE k.kind
        WHEN 'limited' THEN coalesce(error_type = '429' OR (attributes->>'http.response.status_code') = '429', false)
        WHEN 'timeout' THEN coalesce(regexp_matches(error_type, '(?i)timeout|timed ?out|ETIMEDOUT'), false)
        ELSE coalesce(TRY_CAST(attributes->>'http.request.resend_count' AS BIGINT), 0) > 0 END AS hit
      FROM (${CALLS}) s, (VALUES ('limited'), ('timeout'), ('retried')) k(kind) WHERE s.kind = 'client' AND s.duration_ms IS NOT NULL)
    GROUP BY ALL HAVING count(*) FILTER (hit) > 0 AND count(*) FILTER (NOT is_transport) > 0 ORDER BY calls DESC, name LIMIT 50`,
  find: (rows) =>
    rows.map((row) => ({
      key: `${row.kind}\0${row.layer}\0${row.name}`,
      title: `${row.name} ${WORDS[row.kind].title} ${row.calls} of ${row.all_calls} times`,
      severity: row.calls / row.all_calls >= 0.2 && row.calls >= 3 ? ('high' as const) : row.calls >= 3 ? ('medium' as const) : ('low' as const),
      cost: { calls: row.calls, total_ms: row.total_ms },
      traces: row.traces,
      facts: { call: row.name, layer: row.layer, share: row.calls / row.all_calls },
      advice: WORDS[row.kind].advice,
    })), // prettier-ignore
})
