/** Select statements of the views about conversations, rewards and scores; they read the views `spans` and `ai_calls`. */
export function aiViewQueries({
  hex64,
  time,
}: {
  hex64: (column: string) => string
  time: (column: string) => string
}): Record<string, string> {
  // As double: a token count times a FLOAT would be rounded to 24 bits.
  const total = (column: string): string => `round(sum(${column} * weight::DOUBLE))::BIGINT`
  return {
    conversations: `SELECT conversation, min(conversation_source) AS source, min(start_time) AS start_time, max(start_time + to_microseconds((coalesce(duration_ms, 0) * 1000)::BIGINT)) AS end_time,
      round(sum(weight))::BIGINT AS calls, count(DISTINCT trace_id) AS traces, ${total('input_tokens')} AS input_tokens, ${total('output_tokens')} AS output_tokens,
      ${total('cache_read_tokens')} AS cache_read_tokens, sum(cost_usd * weight) AS cost_usd, sum(duration_ms * weight) AS duration_ms,
      round(coalesce(sum(weight) FILTER (status = 'error'), 0))::BIGINT AS errors, list_sort(list(DISTINCT model) FILTER (model IS NOT NULL)) AS models
      FROM ai_calls WHERE conversation IS NOT NULL GROUP BY conversation`,
    rewards: `SELECT ${hex64('e.span_id')} AS span_id, s.trace_id, ${time('e.time_ns')} AS time, attributes_of->>'gen_ai.evaluation.name' AS choice, attributes_of->>'perf.reward.option' AS option,
      TRY_CAST((attributes_of->>'gen_ai.evaluation.score.value') AS DOUBLE) AS value, TRY_CAST((attributes_of->>'perf.reward.best') AS DOUBLE) AS best, attributes_of->>'gen_ai.evaluation.explanation' AS explanation,
      coalesce(r.span_id, CASE WHEN s.layer = 'ai' THEN s.span_id END) AS ai_span_id, e.process, coalesce(s.weight, 1) AS weight, e.span_id AS span_key
      FROM (SELECT span_id, time_ns, process, attributes AS attributes_of FROM store.events WHERE name = 'gen_ai.evaluation.result') e LEFT JOIN spans s ON s.span_key = e.span_id
      LEFT JOIN (SELECT min(span_id) AS span_id, attributes->>'gen_ai.response.id' AS response FROM spans WHERE layer = 'ai' AND span_key NOT IN (FROM store.ai_uncounted)
          AND EXISTS (FROM store.events WHERE name = 'gen_ai.evaluation.result' AND contains(attributes, '"gen_ai.response.id"')) GROUP BY response) r
        ON r.response = (attributes_of->>'gen_ai.response.id')`,
    scores: `SELECT s.span_id, s.trace_id, s.session, s.layer, s.name, coalesce(s.attributes->>'gen_ai.tool.name', CASE WHEN s.layer = 'tool' THEN s.name END) AS tool, x.agent,
      CASE WHEN s.layer = 'ai' THEN coalesce(s.attributes->>'gen_ai.request.model', s.attributes->>'gen_ai.response.model') END AS model, scorer, score, k.weight AS scorer_weight, outcome, reason,
      s.start_time, s.weight FROM store.scores k JOIN spans s ON s.span_key = k.span_id LEFT JOIN store.ai_context x ON x.span_id = k.span_id`,
  }
}
