import { defineFinding } from '../finding.ts'

interface Row {
  caller: string
  model: string | null
  calls: number
  p95_ms: number
  input_p50: number | null
  cached_share: number | null
  total_ms: number
  traces: string[]
}

/** A first token whose slowest twentieth takes this long, in milliseconds. */
const SLOW_MS = 2000

/** Streams that keep their reader waiting before the first token. */
export default defineFinding<Row>({
  kind: 'slow-first-token',
  about: `Streams whose first token takes ${SLOW_MS / 1000} s or more at the 95th percentile.`,
  sql: `
    SELECT coalesce(p.name, '(top level)') AS caller, a.model, round(sum(a.weight))::BIGINT AS calls, quantile_cont(first_token_ms, 0.95) AS p95_ms,
      quantile_cont(input_tokens, 0.5) AS input_p50, sum(cache_read_tokens * a.weight) / nullif(sum(input_tokens * a.weight), 0) AS cached_share, sum(first_token_ms * a.weight) AS total_ms,
      (list(a.trace_id ORDER BY first_token_ms DESC, a.trace_id))[1:3] AS traces
    FROM ai_calls a JOIN spans s ON s.span_id = a.span_id LEFT JOIN spans p ON p.span_key = s.parent_key WHERE first_token_ms IS NOT NULL
    GROUP BY ALL HAVING quantile_cont(first_token_ms, 0.95) >= ${SLOW_MS} ORDER BY total_ms DESC, caller LIMIT 20`,
  find: (rows) =>
    rows.map((row) => ({
      key: `${row.caller}\0${row.model ?? ''}`,
      title: `The first token of ${row.model ?? 'a model'} in ${row.caller} takes ${(row.p95_ms / 1000).toFixed(1)} s at p95`,
      severity: 'medium' as const,
      cost: { calls: row.calls, total_ms: row.total_ms },
      traces: row.traces,
      facts: { caller: row.caller, model: row.model, first_token_p95_ms: row.p95_ms, input_tokens_p50: row.input_p50, cached_share: row.cached_share },
      advice: 'Shorten the prompt or let the provider’s prompt cache serve its beginning, lower the reasoning effort, or take a smaller model for the first answer.',
    })), // prettier-ignore
})
