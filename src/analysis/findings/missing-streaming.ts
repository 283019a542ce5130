import { defineFinding } from '../finding.ts'

interface Row {
  route: string
  model: string | null
  calls: number
  p50_ms: number
  output_p50: number | null
  total_ms: number
  traces: string[]
}

/** An answer that takes this long in the median, in milliseconds, is read while it comes. */
const SLOW_MS = 2000

/** A request in which a person waits for a whole answer that could be streamed. */
export default defineFinding<Row>({
  kind: 'missing-streaming',
  about: `AI calls of ${SLOW_MS / 1000} s or more inside a request whose answer is not streamed.`,
  sql: `
    SELECT r.name AS route, a.model, round(sum(a.weight))::BIGINT AS calls, weighted_quantile(a.duration_ms, a.weight, 0.5) AS p50_ms, weighted_quantile(a.output_tokens, a.weight, 0.5) AS output_p50,
      sum(a.duration_ms * a.weight) AS total_ms, top_traces(a.trace_key, a.duration_ms) AS traces
    FROM ai_calls a JOIN (SELECT span_key FROM spans WHERE layer = 'ai' AND (attributes->>'perf.ai.tool_calls') IS NULL) USING (span_key) JOIN requests r ON r.trace_key = a.trace_key AND r.direction = 'in' AND a.start_time >= r.start_time
    WHERE NOT a.streamed AND coalesce(a.operation, 'chat') IN ('chat', 'generate_content', 'text_completion') AND a.status NOT IN ('open', 'error')
      AND coalesce(a.output_tokens, 0) >= 100
    GROUP BY ALL HAVING weighted_quantile(a.duration_ms, a.weight, 0.5) >= ${SLOW_MS} ORDER BY total_ms DESC, route LIMIT 20`,
  find: (rows) =>
    rows.map((row) => ({
      key: `${row.route}\0${row.model ?? ''}`,
      title: `${row.route} waits ${(row.p50_ms / 1000).toFixed(1)} s for a whole answer of ${row.model ?? 'a model'} that could be streamed`,
      severity: 'medium' as const,
      cost: { calls: row.calls, total_ms: row.total_ms },
      traces: row.traces,
      facts: { route: row.route, model: row.model, p50_ms: row.p50_ms, output_tokens_p50: row.output_p50 },
      advice: 'Ask for a stream and pass the text on as it comes (server-sent events): the first words appear after the time to the first token, not after the whole answer.',
    })), // prettier-ignore
})
