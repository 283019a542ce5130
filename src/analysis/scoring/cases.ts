import type { SessionReader } from '../../store/query.ts'
import { messagesIn, textIn } from './message-text.ts'
import type { ScoreCase } from './scorer.ts'

const CALLS = `SELECT span_id, coalesce(agent, 'model ' || coalesce(model, name)) AS subject FROM ai_calls
    WHERE status <> 'open' AND coalesce(operation, 'chat') NOT IN ('embeddings', 'rerank', 'count_tokens', 'create_batch')
  UNION ALL SELECT span_id, 'tool ' || tool FROM tool_calls WHERE status <> 'open'`

/** How many calls can be scored. */
export async function countCases(reader: SessionReader): Promise<number> {
  const [row] = await reader.rows<{ total: number }>(`SELECT count(*) AS total FROM (${CALLS})`)
  return row?.total ?? 0
}

/**
 * Ids of the calls to score: all, or `limit` of them by the hash of their id, the same each time. Each agent, tool and model has its turn, so that a
 * tool that is called a million times leaves room for the answers of models.
 */
export async function casesToScore(reader: SessionReader, limit: number): Promise<{ ids: string[]; total: number }> {
  const total = await countCases(reader)
  const turn = total <= limit ? '0' : 'row_number() OVER (PARTITION BY subject ORDER BY hash(span_id), span_id)'
  const rows = await reader.rows<{ span_id: string }>(
    `SELECT span_id FROM (SELECT span_id, ${turn} AS turn FROM (${CALLS})) ORDER BY turn, hash(span_id), span_id LIMIT ${limit}`,
  )
  return { ids: rows.map(({ span_id: id }) => id), total }
}

interface Row extends Omit<ScoreCase, 'messages' | 'answer'> {
  prompt: string | null
  instructions: string | null
  answer: string | null
}

/** The calls of these ids, with their recorded contents. */
export async function loadCases(reader: SessionReader, ids: readonly string[]): Promise<ScoreCase[]> {
  if (ids.length === 0) return []
  const list = ids.map((id) => `'${id}'`).join(',')
  const content = (alias: string, role: string, column = 'size'): string => `max(${column}) FILTER (role = '${role}') AS ${alias}`
  const rows = await reader.rows<Row>(
    `WITH wanted AS (SELECT unnest([${list}]) AS span_id),
       contents AS (SELECT span_id, ${content('prompt', 'gen_ai.input.messages', 'text')}, ${content('instructions', 'gen_ai.system_instructions', 'text')},
         ${content('answer', 'gen_ai.output.messages', 'text')}, ${content('arguments', 'tool.arguments', 'text')}, ${content('result', 'tool.result', 'text')},
         ${content('prompt_bytes', 'gen_ai.input.messages')}, ${content('answer_bytes', 'gen_ai.output.messages')},
         coalesce(bool_or(truncated OR ends_with(text, '…')) FILTER (role IN ('gen_ai.input.messages', 'tool.arguments')), false) AS prompt_cut,
         coalesce(bool_or(truncated OR ends_with(text, '…')) FILTER (role IN ('gen_ai.output.messages', 'tool.result')), false) AS answer_cut
         FROM payloads SEMI JOIN wanted USING (span_id) GROUP BY span_id)
     SELECT 'ai' AS kind, span_id AS "spanId", trace_id AS "traceId", name, model, NULL AS tool, agent, conversation, status, error_type AS "errorType", prompt, instructions, answer,
       coalesce(prompt_cut, false) AS "promptCut", coalesce(answer_cut, false) AS "answerCut", prompt_bytes AS "promptBytes", answer_bytes AS "answerBytes",
       input_tokens AS "inputTokens", output_tokens AS "outputTokens", cost_usd AS "costUsd", duration_ms AS "durationMs", first_token_ms AS "firstTokenMs", finish_reasons AS "finishReasons",
       attributes->'perf.ai.tool_calls' AS "toolCalls", attributes->>'gen_ai.output.type' AS "outputType", stream_end AS "streamEnd"
     FROM ai_calls SEMI JOIN wanted USING (span_id) LEFT JOIN contents USING (span_id)
     UNION ALL SELECT 'tool', span_id, trace_id, name, NULL, tool, agent, conversation, status, error_type, arguments, NULL, result, coalesce(prompt_cut, false), coalesce(answer_cut, false),
       arguments_bytes, tool_calls.result_bytes, NULL, NULL, NULL, duration_ms, NULL, NULL, NULL, NULL, NULL FROM tool_calls SEMI JOIN wanted USING (span_id) LEFT JOIN contents USING (span_id)
     ORDER BY "spanId"`,
  )
  return rows.map(toCase)
}

function toCase({ prompt, instructions, answer, ...facts }: Row): ScoreCase {
  if (facts.kind === 'tool') return { ...facts, messages: prompt === null ? null : [{ role: 'user', text: prompt }], answer }
  const system = instructions === null ? [] : [{ role: 'system', text: textIn(instructions) }]
  return {
    ...facts,
    messages: prompt === null ? null : [...system, ...messagesIn(prompt)],
    answer: answer === null ? null : textIn(answer),
  }
}
