import type { SessionReader } from '../../store/query.ts'
import { literal } from './calls.ts'

/** A conversation with its totals; times in milliseconds. */
export interface Conversation {
  conversation: string
  /** How it was known: `recorded`, `inherited`, `chain`, `session`, `inferred`. */
  source: string
  start_time: string
  /** From the first call's beginning to the last one's end, the user's time included. */
  span_ms: number
  /** Traces its calls are in: turns, where each turn is a request. */
  turns: number
  calls: number
  tool_calls: number
  input_tokens: number
  output_tokens: number
  cost_usd: number | null
  /** What the calls took, added up. */
  duration_ms: number
  errors: number
  models: string[]
  /** Input tokens of the last call by those of the first: how much the prompt grew. */
  growth: number | null
}

/** One AI call or tool of a conversation, in the order of time. */
export interface ConversationStep {
  turn: number
  span_id: string
  trace_id: string
  /** Milliseconds since the conversation began. */
  at_ms: number
  layer: string
  name: string
  duration_ms: number | null
  first_token_ms: number | null
  input_tokens: number | null
  output_tokens: number | null
  cached_tokens: number | null
  cost_usd: number | null
  status: string
  error_type: string | null
  finish_reasons: string[] | null
  /** Cost of everything up to here. */
  so_far_usd: number | null
}

export interface Conversations {
  total: number
  /** AI calls without a conversation. */
  calls_outside: number
  list: Conversation[]
}

/** The conversations of a session, those that cost the most first. */
export async function conversations(reader: SessionReader, limit: number): Promise<Conversations> {
  const [all] = await reader.rows<{ total: number; calls_outside: number }>(
    `SELECT (SELECT count(*) FROM conversations) AS total, (SELECT coalesce(round(sum(weight)), 0)::BIGINT FROM ai_calls WHERE conversation IS NULL) AS calls_outside`,
  )
  const list = await reader.rows<Conversation>(
    `WITH top AS (FROM conversations ORDER BY cost_usd DESC NULLS LAST, calls DESC, start_time, conversation LIMIT ${limit}),
       ends AS (SELECT conversation, arg_min(input_tokens, start_ns) AS first_tokens, arg_max(input_tokens, start_ns) AS last_tokens FROM ai_calls
         WHERE conversation IN (SELECT conversation FROM top) AND input_tokens > 0 GROUP BY conversation),
       turns AS (SELECT conversation, round(sum(weight))::BIGINT AS turns FROM (SELECT conversation, trace_id, max(weight) AS weight FROM ai_calls
         WHERE conversation IN (SELECT conversation FROM top) GROUP BY ALL) GROUP BY conversation),
       tools AS (SELECT conversation, round(sum(weight))::BIGINT AS n FROM tool_calls WHERE conversation IN (SELECT conversation FROM top) GROUP BY conversation)
     SELECT t.conversation, source, start_time, epoch_ms(end_time - start_time)::DOUBLE AS span_ms, turns, calls, coalesce(n, 0)::BIGINT AS tool_calls,
       coalesce(input_tokens, 0)::BIGINT AS input_tokens, coalesce(output_tokens, 0)::BIGINT AS output_tokens, cost_usd, coalesce(duration_ms, 0) AS duration_ms, errors, models,
       last_tokens / first_tokens AS growth
     FROM top t JOIN turns USING (conversation) LEFT JOIN ends USING (conversation) LEFT JOIN tools USING (conversation) ORDER BY cost_usd DESC NULLS LAST, calls DESC, start_time, conversation`,
  )
  return { total: all?.total ?? 0, calls_outside: all?.calls_outside ?? 0, list }
}

/** The course of a conversation: every call and tool, turn by turn. */
export function courseOf(reader: SessionReader, conversation: string, limit: number): Promise<ConversationStep[]> {
  const id = literal(conversation)
  return reader.rows(
    `WITH steps AS (
       SELECT span_id, trace_id, start_ns, 'ai' AS layer, coalesce(model, name) AS name, duration_ms, first_token_ms, input_tokens, output_tokens,
         cache_read_tokens AS cached_tokens, cost_usd, status, error_type, finish_reasons FROM ai_calls WHERE conversation = ${id}
       UNION ALL SELECT t.span_id, t.trace_id, s.start_ns, 'tool', tool, t.duration_ms, NULL, NULL, NULL, NULL, NULL, t.status, t.error_type, NULL
         FROM tool_calls t JOIN spans s ON s.span_key = t.span_key WHERE t.conversation = ${id})
     SELECT dense_rank() OVER (ORDER BY turn_ns, trace_id) AS turn, span_id, trace_id, (start_ns - min(start_ns) OVER ()) / 1e6 AS at_ms, layer, name, duration_ms,
       first_token_ms, input_tokens, output_tokens, cached_tokens, cost_usd, status, error_type, finish_reasons,
       sum(cost_usd) OVER (ORDER BY start_ns, span_id) AS so_far_usd
     FROM (SELECT *, min(start_ns) OVER (PARTITION BY trace_id) AS turn_ns FROM steps) ORDER BY start_ns, span_id LIMIT ${limit}`,
  )
}

/** Conversations whose id begins with `start`. */
export function findConversations(reader: SessionReader, start: string): Promise<{ conversation: string }[]> {
  return reader.rows(
    `SELECT conversation FROM conversations WHERE starts_with(conversation, ${literal(start)}) ORDER BY conversation = ${literal(start)} DESC, conversation LIMIT 5`,
  )
}
