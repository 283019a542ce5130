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
    SELECT coalesce(p.name, '(top level)') AS caller, a.model, round(sum(a.weight))::BIGINT AS calls, weighted_quantile(first_token_ms, a.weight, 0.95) AS p95_ms,
      weighted_quantile(input_tokens, a.weight, 0.5) AS input_p50, sum(cache_read_tokens * a.weight) / nullif(sum(input_tokens * a.weight), 0) AS cached_share, sum(first_token_ms * a.weight) AS total_ms,
      top_traces(a.trace_key, first_token_ms) AS traces
    FROM ai_calls a LEFT JOIN spans p ON p.span_key = a.parent_key WHERE first_token_ms IS NOT NULL
    GROUP BY ALL HAVING weighted_quantile(first_token_ms, a.weight, 0.95) >= ${SLOW_MS} ORDER BY total_ms DESC, caller LIMIT 20`,
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
