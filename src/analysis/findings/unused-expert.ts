import { ASKED } from '../ai/questions.ts'
import { defineFinding } from '../finding.ts'

interface Row {
  caller: string
  model: string
  questions: number
  calls: number
  /** Questions of which something tells whose answer was used, and in how many it was this model's. */
  told: number
  used: number
  /** By rewards of the app, and by the answer standing in a later prompt. */
  by_reward: number
  by_prompt: number
  usd: number | null
  tokens: number
  /** Time by which its answer came after the last of the others'. */
  waited_ms: number
  used_models: string[]
  traces: string[]
}

/** So many questions must tell whose answer was used. */
const MIN_TOLD = 5

/** A model asked beside others, whose answer the app never uses. */
export default defineFinding<Row>({
  kind: 'unused-expert',
  about:
    'A model or expert that is asked beside others and costs, but whose answers are not used: never rewarded, and in no later prompt while others are.',
  sql: `
    WITH ${ASKED},
      -- A message of an answer that is, part by part, in the prompt of a later call of the same trace or conversation.
      answers AS (SELECT m.span_id, m.question, m.trace_id, m.conversation, m.start_ns, unnest(o.parts->>'$[*].hash') AS part
        FROM members m JOIN payloads o ON o.span_key = m.span_key AND o.role = 'gen_ai.output.messages' WHERE o.parts IS NOT NULL),
      later AS (SELECT c.span_id, c.trace_id, c.conversation, c.start_ns, unnest(i.parts->>'$[*].hash') AS part
        FROM placed c JOIN payloads i ON i.span_key = c.span_key AND i.role = 'gen_ai.input.messages'
        WHERE i.parts IS NOT NULL AND (c.trace_id IN (SELECT trace_id FROM members) OR c.conversation IN (SELECT conversation FROM members))),
      repeated AS (SELECT DISTINCT a.span_id FROM answers a JOIN later l ON l.part = a.part AND l.start_ns > a.start_ns AND (l.trace_id = a.trace_id OR l.conversation = a.conversation)),
      -- Equal answers tell nothing about whose was used.
      used AS (SELECT m.*, coalesce(m.reward > 0, false) AS rewarded, r.span_id IS NOT NULL AS quoted FROM members m LEFT JOIN repeated r ON r.span_id = m.span_id),
      told AS (SELECT *, bool_or(rewarded) OVER (PARTITION BY question) AS has_reward, bool_or(quoted) OVER (PARTITION BY question) AS has_quote,
          count(DISTINCT answer_hash) OVER (PARTITION BY question) = count(answer_hash) OVER (PARTITION BY question) AS differ,
          start_ns + duration_ms * 1e6 AS end_ns FROM used WHERE status <> 'error'),
      judged AS MATERIALIZED (SELECT *, has_reward OR (has_quote AND differ) AS is_told, rewarded OR quoted AS is_used, max(end_ns) OVER others AS others_end_ns FROM told
        WINDOW others AS (PARTITION BY question ORDER BY span_key ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW))
    SELECT coalesce(caller, '(top level)') AS caller, model, count(DISTINCT question) AS questions, round(sum(weight))::BIGINT AS calls, count(DISTINCT question) FILTER (is_told) AS told,
      count(DISTINCT question) FILTER (is_used) AS used, count(DISTINCT question) FILTER (has_reward) AS by_reward, count(DISTINCT question) FILTER (has_quote AND differ) AS by_prompt,
      sum(cost_usd * weight) AS usd, round(sum((coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) * weight::DOUBLE))::BIGINT AS tokens,
      coalesce(sum(greatest(0, end_ns - others_end_ns) / 1e6 * weight), 0) AS waited_ms,
      (SELECT list_sort(list(DISTINCT u.model)) FROM judged u WHERE u.is_used AND coalesce(u.caller, '(top level)') = coalesce(judged.caller, '(top level)')) AS used_models,
      (list(trace_id ORDER BY cost_usd DESC NULLS LAST, trace_id))[1:3] AS traces
    FROM judged GROUP BY judged.caller, model HAVING told >= ${MIN_TOLD} AND used = 0 ORDER BY usd DESC NULLS LAST, caller, model LIMIT 20`,
  find: (rows) =>
    rows.map((row) => {
      const usd = row.usd ?? 0
      const others = row.used_models.join(', ')
      return {
        key: `${row.caller}\0${row.model}`,
        title: `${row.caller} asks ${row.model} beside ${others === '' ? 'other models' : others}, and never uses its answer: ${row.questions} questions`,
        severity: usd >= 1 || row.waited_ms >= 60_000 ? ('high' as const) : usd >= 0.05 || row.waited_ms >= 1000 ? ('medium' as const) : ('low' as const),
        cost: { calls: row.calls, usd: row.usd, tokens: row.tokens, total_ms: row.waited_ms },
        traces: row.traces,
        facts: { model: row.model, caller: row.caller, questions: row.questions, told_by_rewards: row.by_reward, told_by_later_prompts: row.by_prompt, used_instead: row.used_models },
        advice: `Of ${row.told} questions something tells whose answer was used, and it was never that of ${row.model}. Ask it no longer, or only a small share of the time to see whether that changes; its calls cost what is said here, and where its answer comes last, everything waits for it.`,
        next_command: 'perf-agent report --ai',
      }
    }), // prettier-ignore
})
