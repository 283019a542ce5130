import { defineFinding } from '../finding.ts'

interface Row {
  caller: string
  model: string | null
  calls: number
  different: number
  total_ms: number
  tokens: number | null
  usd: number | null
  traces: string[]
}

/** The same prompt sent to the same model more than once. */
export default defineFinding<Row>({
  kind: 'duplicate-prompt',
  about: 'The same prompt (by its keyed hash) goes to the same model more than once.',
  sql: `
    WITH prompts AS (
      SELECT coalesce(p.name, '(top level)') AS caller, a.model, m.hash AS prompt, i.hash AS instructions, count(*) AS n, sum(a.weight) AS weighted,
        sum(a.duration_ms * a.weight) AS ms, sum((coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) * a.weight) AS tokens, sum(cost_usd * a.weight) AS usd,
        min(a.trace_key) AS trace_key
      FROM ai_calls a JOIN payloads m ON m.span_key = a.span_key AND m.role = 'gen_ai.input.messages'
        LEFT JOIN payloads i ON i.span_key = a.span_key AND i.role = 'gen_ai.system_instructions'
        LEFT JOIN spans p ON p.span_key = a.parent_key
      WHERE a.status NOT IN ('open', 'error') GROUP BY ALL)
    SELECT caller, model, round(sum(weighted) FILTER (n > 1))::BIGINT AS calls, count(*) FILTER (n > 1) AS different, sum(ms * (n - 1) / n) AS total_ms,
      sum(tokens * (n - 1) / n)::BIGINT AS tokens, sum(usd * (n - 1) / n) AS usd, top_traces(trace_key, CASE WHEN n > 1 THEN n END) AS traces
    FROM prompts GROUP BY ALL HAVING max(n) > 1 ORDER BY usd DESC NULLS LAST, tokens DESC, caller LIMIT 20`,
  find: (rows) =>
    rows.map((row) => ({
      key: `${row.caller}\0${row.model ?? ''}`,
      title: `${row.caller} sends the same prompt to ${row.model ?? 'a model'} again: ${row.calls} calls for ${row.different} ${row.different === 1 ? 'prompt' : 'prompts'}`,
      cost: { calls: row.calls - row.different, total_ms: row.total_ms, tokens: row.tokens, usd: row.usd },
      traces: row.traces,
      facts: { caller: row.caller, model: row.model, prompts: row.different },
      advice: 'Keep the answer in a cache keyed by model, parameters and prompt (at temperature 0 the answer hardly changes); where two requests ask at the same moment, let the second wait for the first.',
    })), // prettier-ignore
})
