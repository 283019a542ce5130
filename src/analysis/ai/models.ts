import type { SessionReader } from '../../store/query.ts'
import { PLACED_CALLS, tokens } from './calls.ts'

/** How one model did. Times in milliseconds, counts weighted by sampling. */
export interface ModelUse {
  provider: string | null
  model: string | null
  operation: string | null
  calls: number
  input_tokens: number
  output_tokens: number
  cached_tokens: number
  cost_usd: number | null
  /** US dollars per thousand tokens, input and output together, of the calls whose cost is known. */
  usd_per_1k: number | null
  p50_ms: number
  p95_ms: number
  first_token_p50_ms: number | null
  /** Output tokens a second after the first token; of whole answers over the whole call. Median. */
  tokens_per_second: number | null
  /** Longest gap between two chunks of a stream, 95th percentile over the streams. */
  gap_p95_ms: number | null
  /** Part of the output tokens. */
  reasoning_tokens: number
  /** Answers that a limit of tokens cut off. */
  cut_off: number
  /** Calls in which the model asked for a tool. */
  asked_for_tools: number
  /** Calls that followed a failed one of the same model at the same place. */
  retries: number
  errors: number
  /** Share of calls that did not fail, 0 to 1. */
  success: number
  /** Calls that failed and were followed, at the same place, by one of another model. */
  fallbacks_from: number
  /** Calls that stood in for another model's failed one. */
  fallbacks_to: number
}

/** A model that stood in for another one. */
export interface Fallback {
  model: string | null
  to: string | null
  error_type: string | null
  count: number
  /** How many of them succeeded. */
  saved: number
  /** What the failed attempts took. */
  lost_ms: number
  trace_id: string
}

/** Use by provider, model and operation, the most expensive first. */
export async function modelUse(reader: SessionReader, limit: number): Promise<{ models: ModelUse[]; fallbacks: Fallback[] }> {
  const after = await reader.rows<Fallback>(
    `SELECT model, next_model AS to, error_type, round(sum(weight))::BIGINT AS count, round(coalesce(sum(weight) FILTER (next_status <> 'error'), 0))::BIGINT AS saved,
       sum(duration_ms * weight) AS lost_ms, min(trace_id) AS trace_id
     FROM (SELECT model, status, error_type, weight, duration_ms, trace_id, start_ns, lead(model) OVER siblings AS next_model, lead(status) OVER siblings AS next_status, lead(start_ns) OVER siblings AS next_ns
       FROM (${PLACED_CALLS}) WHERE place IS NOT NULL AND coalesce(operation, '') <> 'embeddings' WINDOW siblings AS (PARTITION BY trace_id, place ORDER BY start_ns, span_key))
     WHERE status = 'error' AND next_model IS NOT NULL AND next_ns >= start_ns + duration_ms * 1e6 GROUP BY ALL ORDER BY count DESC, model, next_model, error_type LIMIT 200`,
  )
  const fallbacks = after.filter(({ model, to }) => model !== to)
  const models = await reader.rows<ModelUse>(
    `SELECT provider, model, operation, round(sum(weight))::BIGINT AS calls, ${tokens('input_tokens')} AS input_tokens, ${tokens('output_tokens')} AS output_tokens,
       ${tokens('cache_read_tokens')} AS cached_tokens, sum(cost_usd * weight) AS cost_usd,
       1000 * sum(cost_usd * weight) / nullif(sum((coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) * weight::DOUBLE) FILTER (cost_usd IS NOT NULL), 0) AS usd_per_1k,
       weighted_quantile(duration_ms, weight, 0.5) AS p50_ms, weighted_quantile(duration_ms, weight, 0.95) AS p95_ms, weighted_quantile(first_token_ms, weight, 0.5) AS first_token_p50_ms,
       weighted_quantile(CASE WHEN status <> 'error' AND output_tokens > 1 THEN 1000 * output_tokens / nullif(duration_ms - coalesce(first_token_ms, 0), 0) END, weight, 0.5) AS tokens_per_second,
       weighted_quantile(TRY_CAST(attributes->>'perf.stream.max_gap_ms' AS DOUBLE), weight, 0.95) AS gap_p95_ms, ${tokens('reasoning_tokens')} AS reasoning_tokens,
       round(coalesce(sum(weight) FILTER (regexp_matches(lower(finish_reasons::VARCHAR), '"(length|max_tokens|max_output_tokens)"')), 0))::BIGINT AS cut_off,
       round(coalesce(sum(weight) FILTER (contains(attributes, '"perf.ai.tool_calls"')), 0))::BIGINT AS asked_for_tools, 0 AS retries,
       round(coalesce(sum(weight) FILTER (status = 'error'), 0))::BIGINT AS errors, 1 - coalesce(sum(weight) FILTER (status = 'error'), 0) / sum(weight) AS success,
       0 AS fallbacks_from, 0 AS fallbacks_to
     FROM ai_calls WHERE status <> 'open' GROUP BY provider, model, operation ORDER BY cost_usd DESC NULLS LAST, calls DESC, model, operation LIMIT ${limit}`,
  )
  const sum = (rows: Fallback[]): number => rows.reduce((total, { count }) => total + count, 0)
  for (const use of models) {
    if (use.operation === 'embeddings') continue
    use.retries = sum(after.filter(({ model, to }) => model === use.model && to === use.model))
    use.fallbacks_from = sum(fallbacks.filter(({ model }) => model === use.model))
    use.fallbacks_to = sum(fallbacks.filter(({ to }) => to === use.model))
  }
  return { models, fallbacks }
}
