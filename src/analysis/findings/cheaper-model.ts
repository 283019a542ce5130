import { defineFinding } from '../finding.ts'

interface Row {
  caller: string
  model: string
  cheaper: string
  calls: number
  cheaper_calls: number
  usd: number
  per_call_usd: number
  cheaper_per_call_usd: number
  error_rate: number
  cheaper_error_rate: number
  traces: string[]
}

/** One caller uses two models for the same work; the cheaper one fails no more often. */
export default defineFinding<Row>({
  kind: 'cheaper-model',
  about: 'A caller uses an expensive model for calls that a cheaper one already answers there, without more errors.',
  sql: `
    WITH models AS (
      SELECT coalesce(p.name, '(top level)') AS caller, a.model, count(*) AS n, round(sum(a.weight))::BIGINT AS calls, sum(cost_usd * a.weight) AS usd,
        sum(cost_usd * a.weight) / nullif(sum(a.weight) FILTER (cost_usd IS NOT NULL), 0) AS per_call,
        sum(cost_usd * a.weight) / nullif(sum((coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) * a.weight) FILTER (cost_usd IS NOT NULL), 0) AS per_token,
        sum(coalesce(input_tokens, 0) * a.weight) / sum(a.weight) AS input,
        coalesce(sum(a.weight) FILTER (a.status = 'error'), 0) / sum(a.weight) AS error_rate, top_traces(a.trace_key, cost_usd) AS traces
      FROM ai_calls a LEFT JOIN spans p ON p.span_key = a.parent_key
      WHERE a.status <> 'open' AND a.model IS NOT NULL AND coalesce(operation, 'chat') <> 'embeddings' GROUP BY ALL)
    SELECT x.caller, x.model, y.model AS cheaper, x.calls, y.calls AS cheaper_calls, x.usd, x.per_call AS per_call_usd,
      y.per_token / x.per_token * x.per_call AS cheaper_per_call_usd, x.error_rate, y.error_rate AS cheaper_error_rate, x.traces
    FROM models x JOIN models y ON y.caller = x.caller AND y.model <> x.model
    WHERE x.n >= 5 AND y.n >= 5 AND y.per_token <= x.per_token / 2 AND y.error_rate <= x.error_rate + 0.01 AND x.input BETWEEN y.input / 3 AND y.input * 3
    QUALIFY row_number() OVER (PARTITION BY x.caller, x.model ORDER BY y.per_token, y.model) = 1 ORDER BY x.usd DESC, x.caller LIMIT 20`,
  find: (rows) =>
    rows.map((row) => {
      const saved = row.calls * (row.per_call_usd - row.cheaper_per_call_usd)
      return {
        key: `${row.caller}\0${row.model}\0${row.cheaper}`,
        title: `${row.caller} could use ${row.cheaper}, as it does already for ${row.cheaper_calls} calls, instead of ${row.model}`,
        severity: saved >= 1 ? ('high' as const) : saved >= 0.05 ? ('medium' as const) : ('low' as const),
        cost: { calls: row.calls, usd: saved },
        traces: row.traces,
        facts: { model: row.model, usd_per_call: row.per_call_usd, cheaper: row.cheaper, its_usd_per_call: row.cheaper_per_call_usd, error_rate: row.error_rate, its_error_rate: row.cheaper_error_rate },
        advice: 'Compare the answers of both on a sample of these prompts before changing it: errors say nothing about quality. Where the cheaper one is not good enough, route by difficulty.',
      }
    }), // prettier-ignore
})
