import { defineFinding } from '../finding.ts'
import { IS_LATE } from '../throttled.ts'

interface Row {
  layer: string
  /** With the host of a request. */
  name: string
  span_name: string
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
    WITH totals AS (SELECT t.layer, t.called_at AS name, sum(s.weight) AS n FROM calls s JOIN call_targets t USING (span_key)
      WHERE s.kind = 'client' AND NOT s.is_transport AND NOT s.is_wrapper GROUP BY ALL),
    sent AS (SELECT s.layer, s.name AS span_name, CASE WHEN s.is_transport THEN s.name ELSE t.called_at END AS name, s.is_transport OR s.is_wrapper AS is_transport, s.weight, s.duration_ms, s.trace_key,
        s.error_type = '429' OR coalesce(t.status_code = '429', false) AS limited, ${IS_LATE} AS late, TRY_CAST(t.resends AS BIGINT) > 0 AS retried
      FROM calls s JOIN call_targets t USING (span_key) WHERE s.kind = 'client' AND (s.error_type IS NOT NULL OR t.status_code = '429' OR t.resends IS NOT NULL)),
    hits AS (SELECT * EXCLUDE (limited, late, retried), unnest([CASE WHEN limited THEN 'limited' END, CASE WHEN late THEN 'timeout' END, CASE WHEN retried THEN 'retried' END]) AS kind
      FROM sent WHERE limited OR late OR retried)
    SELECT layer, name, any_value(span_name) AS span_name, kind, round(greatest(coalesce(sum(weight) FILTER (is_transport), 0), coalesce(sum(weight) FILTER (NOT is_transport), 0)))::BIGINT AS calls,
      round(any_value(n))::BIGINT AS all_calls, sum(duration_ms * weight) AS total_ms, top_traces(trace_key, duration_ms) AS traces
    FROM hits JOIN totals USING (layer, name) WHERE kind IS NOT NULL GROUP BY layer, name, kind ORDER BY calls DESC, name, kind LIMIT 50`,
  find: (rows) =>
    rows.map((row) => ({
      key: `${row.kind}\0${row.layer}\0${row.name}`,
      title: `${row.name} ${WORDS[row.kind].title} ${row.calls} of ${row.all_calls} times`,
      severity: row.calls / row.all_calls >= 0.2 && row.calls >= 3 ? ('high' as const) : row.calls >= 3 ? ('medium' as const) : ('low' as const),
      cost: { calls: row.calls, total_ms: row.total_ms },
      traces: row.traces,
      facts: { call: row.span_name, to: row.name, layer: row.layer, share: row.calls / row.all_calls },
      advice: WORDS[row.kind].advice,
    })), // prettier-ignore
})
