import { defineFinding } from '../finding.ts'

interface Row {
  caller: string
  model: string | null
  calls: number
  input_p50: number
  output_p50: number
  messages_p95: number | null
  tokens: number
  usd: number | null
  traces: string[]
}

/** Input from which on a prompt counts as large, in tokens, in the median of a caller's calls. */
const LARGE_TOKENS = 8000

/** Calls that send much and get little back. */
export default defineFinding<Row>({
  kind: 'oversized-context',
  about: `Calls send ${LARGE_TOKENS} tokens or more for an answer a fiftieth of that, and most of it is not cached.`,
  sql: `
    SELECT coalesce(p.name, '(top level)') AS caller, a.model, round(sum(a.weight))::BIGINT AS calls, weighted_quantile(input_tokens, a.weight, 0.5) AS input_p50,
      weighted_quantile(output_tokens, a.weight, 0.5) AS output_p50, weighted_quantile(messages, a.weight, 0.95) AS messages_p95,
      round(sum(input_tokens * a.weight))::BIGINT AS tokens, sum(cost_usd * a.weight) AS usd, top_traces(a.trace_key, input_tokens) AS traces
    FROM ai_calls a JOIN (SELECT span_key, TRY_CAST((attributes->>'perf.ai.messages') AS BIGINT) AS messages FROM spans WHERE layer = 'ai') USING (span_key) LEFT JOIN spans p ON p.span_key = a.parent_key
    WHERE input_tokens IS NOT NULL AND output_tokens IS NOT NULL AND coalesce(operation, 'chat') <> 'embeddings' GROUP BY ALL
    HAVING count(*) >= 3 AND weighted_quantile(input_tokens, a.weight, 0.5) >= greatest(${LARGE_TOKENS}, 50 * weighted_quantile(output_tokens, a.weight, 0.5))
      AND sum(coalesce(cache_read_tokens, 0) * a.weight) < 0.5 * sum(input_tokens * a.weight) ORDER BY tokens DESC, caller LIMIT 20`,
  find: (rows) =>
    rows.map((row) => ({
      key: `${row.caller}\0${row.model ?? ''}`,
      title: `${row.caller} sends ${Math.round(row.input_p50)} tokens to ${row.model ?? 'a model'} for an answer of ${Math.round(row.output_p50)}`,
      severity: row.tokens >= 500_000 ? ('high' as const) : ('medium' as const),
      cost: { calls: row.calls, tokens: row.tokens, usd: row.usd },
      traces: row.traces,
      facts: { caller: row.caller, model: row.model, input_tokens_p50: row.input_p50, output_tokens_p50: row.output_p50, messages_p95: row.messages_p95 },
      advice: 'Send what the question needs: retrieve passages instead of whole documents, summarise older turns of the conversation, drop old tool results. What must stay belongs in front, where the prompt cache can serve it.',
    })), // prettier-ignore
})
