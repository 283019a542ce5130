import { defineFinding } from '../finding.ts'

interface Row {
  caller: string
  model: string | null
  calls: number
  input_tokens: number
  cached_tokens: number
  drifting: 'system instructions' | 'tool definitions' | 'messages'
  part: number | null
  shared_after: number
  traces: string[]
}

/** Below this many tokens providers do not cache a prompt. */
const MIN_TOKENS = 1024

/**
 * Calls of one caller that share most of their prompt but not its beginning, so that the provider's prompt cache (which matches from the
 * first token on) cannot help. The order in which providers build the prompt: tools, instructions, messages.
 */
export default defineFinding<Row>({
  kind: 'prompt-cache-miss',
  about:
    'Prompts of one caller share most parts, but one before them differs in each call, so the provider’s prompt cache never matches; names the first part that differs.',
  sql: `
    WITH calls AS (
      SELECT a.span_key, a.trace_key, coalesce(p.name, '(top level)') AS caller, a.model, a.input_tokens, coalesce(a.cache_read_tokens, 0) AS cached, a.weight,
        t.hash AS tools, i.hash AS instructions, from_json(m.parts, '[{"hash":"VARCHAR","size":"BIGINT"}]') AS sized, list_transform(sized, lambda x: x.hash) AS parts,
        row_number() OVER (PARTITION BY p.name, a.model ORDER BY a.start_time, a.span_key) AS i
      FROM ai_calls a JOIN payloads m ON m.span_key = a.span_key AND m.role = 'gen_ai.input.messages'
        LEFT JOIN payloads i ON i.span_key = a.span_key AND i.role = 'gen_ai.system_instructions'
        LEFT JOIN payloads t ON t.span_key = a.span_key AND t.role = 'gen_ai.tool.definitions'
        LEFT JOIN spans p ON p.span_key = a.parent_key
      WHERE a.input_tokens >= ${MIN_TOKENS} AND a.status <> 'open'),
    pairs AS (
      SELECT c.*, CASE
          WHEN c.tools IS DISTINCT FROM b.tools THEN 'tool definitions'
          WHEN c.instructions IS DISTINCT FROM b.instructions THEN 'system instructions'
          ELSE 'messages' END AS drifting,
        coalesce(list_position(list_transform(range(1, least(len(c.parts), len(b.parts)) + 1), k -> c.parts[k] = b.parts[k]), false), 0) AS part,
        b.parts AS before, len(list_intersect(c.parts, b.parts)) AS shared
      FROM calls c JOIN calls b ON b.caller = c.caller AND b.model IS NOT DISTINCT FROM c.model AND b.i = c.i - 1)
    SELECT caller, model, round(sum(weight))::BIGINT AS calls, round(sum(input_tokens * weight))::BIGINT AS input_tokens, round(sum(cached * weight))::BIGINT AS cached_tokens,
      arg_max(drifting, (of_kind, drifting)) AS drifting, arg_max(part, (of_part, -part)) FILTER (drifting = 'messages') AS part,
      round(weighted_quantile(shared, weight, 0.5))::BIGINT AS shared_after, top_traces(trace_key, -i) AS traces
    FROM (SELECT *, sum(weight) OVER (PARTITION BY caller, model, drifting) AS of_kind, sum(weight) OVER (PARTITION BY caller, model, drifting, part) AS of_part
      FROM (SELECT *, coalesce(list_sum(list_transform(sized[:part - 1], lambda x: x.size)), 0) AS stays,
          list_sum(list_transform(list_filter(sized[part + 1:], lambda x: list_contains(before, x.hash)), lambda x: x.size)) AS lost FROM pairs)
      WHERE drifting <> 'messages' OR (part > 0 AND lost >= stays))
    GROUP BY caller, model
    HAVING count(*) >= 3 AND sum(cached * weight) < 0.2 * sum(input_tokens * weight) ORDER BY input_tokens DESC, caller LIMIT 20`,
  find: (rows) =>
    rows.map((row) => {
      const where = row.drifting === 'messages' ? `message ${row.part ?? 1}` : `the ${row.drifting}`
      return {
        key: `${row.caller}\0${row.model ?? ''}\0${row.drifting}`,
        title: `Prompts of ${row.caller} to ${row.model ?? 'a model'} miss the prompt cache: ${where} ${row.drifting === 'messages' ? 'differs' : 'differ'} in each call`,
        severity: row.input_tokens >= 100_000 ? ('high' as const) : ('medium' as const),
        cost: { calls: row.calls, tokens: row.input_tokens - row.cached_tokens },
        traces: row.traces,
        facts: { caller: row.caller, model: row.model, first_difference: where, cached_share: row.cached_tokens / row.input_tokens, parts_shared: row.shared_after },
        advice: 'Put what never changes first (tool definitions in a fixed order, then instructions) and what changes last: no date, id, user name or random order in the beginning. For Anthropic, set `cache_control` on the last part that stays the same.',
      }
    }), // prettier-ignore
})
