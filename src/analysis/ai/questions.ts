import type { SessionReader } from '../../store/query.ts'
import { PLACED_CALLS } from './calls.ts'

/** What one model did among others that were asked the same. Times in milliseconds. */
export interface Expert {
  model: string
  /** Questions it was asked together with another model. */
  questions: number
  answered: number
  p50_ms: number | null
  cost_usd: number | null
  answer_bytes: number | null
  /** Share of its answers that equal another model's, letter by letter; null where none can be compared. */
  same_answer: number | null
  /** Questions after which the app named it in a reward, of those with rewards; null without rewards. */
  rewarded: number | null
  mean_reward: number | null
}

/** One question that several models were asked. */
export interface Question {
  trace_id: string
  caller: string | null
  start_time: string
  /** From the first call's beginning to the last one's end. */
  duration_ms: number
  cost_usd: number | null
  answers: {
    model: string
    span_id: string
    status: string
    duration_ms: number
    cost_usd: number | null
    output_tokens: number | null
    answer_hash: string | null
    answer_bytes: number | null
    reward: number | null
  }[]
}

export interface Questions {
  /** Questions that two or more models answered. */
  total: number
  calls: number
  cost_usd: number | null
  /** Cost of all answers but the cheapest of each question. */
  extra_usd: number | null
  experts: Expert[]
  list: Question[]
}

/**
 * Calls of two or more models that were asked the same: siblings whose last message has the same hash (what stands before it may differ), or
 * calls under one `perf.ai.question`, an attribute of theirs or of the span around them. Not counted: one model standing in for another that failed.
 */
export const ASKED = `
  placed AS (${PLACED_CALLS} AND coalesce(operation, 'chat') NOT IN ('embeddings', 'rerank', 'count_tokens') AND model IS NOT NULL),
  named AS (SELECT span_key, attributes->>'perf.ai.question' AS id FROM spans
    WHERE (layer IN ('workflow', 'step', 'node', 'function', 'tool', 'ai') OR kind = 'server') AND contains(attributes, '"perf.ai.question"')),
  -- Payloads are looked at only where more than one model was asked.
  shared AS (SELECT place FROM placed WHERE place IS NOT NULL GROUP BY place HAVING count(DISTINCT model) > 1),
  beside AS (SELECT c.*, coalesce(o.id, n.id) AS named FROM placed c LEFT JOIN named o ON o.span_key = c.span_key LEFT JOIN named n ON n.span_key = c.place
    LEFT JOIN shared h ON h.place = c.place WHERE h.place IS NOT NULL OR o.id IS NOT NULL OR n.id IS NOT NULL),
  asked AS MATERIALIZED (SELECT c.*, coalesce('id ' || named, 'in ' || place || ' ' || coalesce(i.parts->'$[#-1]'->>'hash', i.hash)) AS question, o.hash AS answer_hash, o.size AS answer_bytes
    FROM beside c LEFT JOIN payloads i ON i.span_key = c.span_key AND i.role = 'gen_ai.input.messages' LEFT JOIN payloads o ON o.span_key = c.span_key AND o.role = 'gen_ai.output.messages'),
  questions AS (SELECT question FROM asked WHERE question IS NOT NULL AND status <> 'error' GROUP BY question HAVING count(DISTINCT model) > 1),
  said AS (SELECT coalesce(ai_span_id, '') AS about, span_key, option, avg(value) AS value FROM rewards WHERE option IS NOT NULL GROUP BY ALL),
  members AS MATERIALIZED (SELECT a.*, coalesce(r.value, p.value) AS reward, bool_or(r.value IS NOT NULL OR p.value IS NOT NULL) OVER (PARTITION BY a.question) AS is_rewarded,
      count(*) OVER (PARTITION BY a.question, answer_hash) AS equal
    FROM asked a SEMI JOIN questions q ON q.question = a.question LEFT JOIN (SELECT about, avg(value) AS value FROM said WHERE about <> '' GROUP BY about) r ON r.about = a.span_id
      LEFT JOIN said p ON p.span_key = a.place AND p.option = a.model AND p.about = '')`

/** Who answered what, at which cost and time, where several models were asked one question. */
export async function questionReport(reader: SessionReader, limit: number): Promise<Questions> {
  const experts = await reader.rows<Expert>(
    `WITH ${ASKED},
       each AS (SELECT model, question, max(weight) AS weight, bool_or(reward IS NOT NULL) AS has_reward FROM members GROUP BY ALL),
       counts AS (SELECT model, round(sum(weight))::BIGINT AS questions, round(coalesce(sum(weight) FILTER (has_reward), 0))::BIGINT AS with_reward FROM each GROUP BY model)
     SELECT model, any_value(questions) AS questions, round(coalesce(sum(weight) FILTER (status <> 'error'), 0))::BIGINT AS answered,
       weighted_quantile(duration_ms, weight, 0.5) AS p50_ms, sum(cost_usd * weight) AS cost_usd, weighted_quantile(answer_bytes, weight, 0.5) AS answer_bytes,
       (sum(CASE WHEN equal > 1 THEN weight ELSE 0 END) FILTER (answer_hash IS NOT NULL) / sum(weight) FILTER (answer_hash IS NOT NULL))::DOUBLE AS same_answer,
       CASE WHEN bool_or(is_rewarded) THEN any_value(with_reward) END AS rewarded, sum(reward * weight) / sum(weight) FILTER (reward IS NOT NULL) AS mean_reward
     FROM members JOIN counts USING (model) GROUP BY model ORDER BY cost_usd DESC NULLS LAST, model LIMIT 20`,
  )
  const [sums] = await reader.rows<{ total: number; calls: number; cost_usd: number | null; extra_usd: number | null }>(
    `WITH ${ASKED} SELECT coalesce(round(sum(w)), 0)::BIGINT AS total, coalesce(round(sum(n)), 0)::BIGINT AS calls, sum(usd) AS cost_usd, sum(usd - least) AS extra_usd
     FROM (SELECT question, max(weight) AS w, sum(weight) AS n, sum(cost_usd * weight) AS usd, min(cost_usd * weight) FILTER (status <> 'error') AS least FROM members GROUP BY question)`,
  )
  const list = await reader.rows<Question>(
    `WITH ${ASKED} SELECT arg_min(trace_id, start_ns) AS trace_id, arg_min(caller, start_ns) AS caller, min(start_time) AS start_time,
       (max(start_ns + duration_ms * 1e6) - min(start_ns)) / 1e6 AS duration_ms, sum(cost_usd * weight) AS cost_usd,
       list({model: model, span_id: span_id, status: status, duration_ms: duration_ms, cost_usd: cost_usd, output_tokens: output_tokens,
         answer_hash: answer_hash[1:8], answer_bytes: answer_bytes, reward: reward} ORDER BY start_ns, span_key) AS answers
     FROM members GROUP BY question ORDER BY cost_usd DESC NULLS LAST, min(start_ns), question LIMIT ${limit}`,
  )
  return {
    total: sums?.total ?? 0,
    calls: sums?.calls ?? 0,
    cost_usd: sums?.cost_usd ?? null,
    extra_usd: sums?.extra_usd ?? null,
    experts,
    list,
  }
}
