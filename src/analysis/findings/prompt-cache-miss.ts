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
  about: 'Prompts of one caller share most parts, but an early part differs in each call, so the provider’s prompt cache never matches.',
  sql: `
    WITH calls AS (
      SELECT a.span_id, a.trace_id, coalesce(p.name, '(top level)') AS caller, a.model, a.input_tokens, coalesce(a.cache_read_tokens, 0) AS cached, a.weight,
        t.hash AS tools, i.hash AS instructions, list_transform(from_json(m.parts, '[{"hash":"VARCHAR","size":"BIGINT"}]'), x -> x.hash) AS parts,
        row_number() OVER (PARTITION BY p.name, a.model ORDER BY a.start_time, a.span_id) AS i
      FROM ai_calls a JOIN payloads m ON m.span_id = a.span_id AND m.role = 'gen_ai.input.messages'
        LEFT JOIN payloads i ON i.span_id = a.span_id AND i.role = 'gen_ai.system_instructions'
        LEFT JOIN payloads t ON t.span_id = a.span_id AND t.role = 'gen_ai.tool.definitions'
        JOIN spans s ON s.span_id = a.span_id LEFT JOIN spans p ON p.span_key = s.parent_key
      WHERE a.input_tokens >= ${MIN_TOKENS} AND a.status <> 'open'),
    pairs AS (
      SELECT c.*, CASE
          WHEN c.tools IS DISTINCT FROM b.tools THEN 'tool definitions'
          WHEN c.instructions IS DISTINCT FROM b.instructions THEN 'system instructions'
          ELSE 'messages' END AS drifting,
        coalesce(list_position(list_transform(range(1, least(len(c.parts), len(b.parts)) + 1), k -> c.parts[k] = b.parts[k]), false), 0) AS part,
        len(list_intersect(c.parts, b.parts)) AS shared
      FROM calls c JOIN calls b ON b.caller = c.caller AND b.model IS NOT DISTINCT FROM c.model AND b.i = c.i - 1)
    SELECT caller, model, count(*) AS calls, round(sum(input_tokens * weight))::BIGINT AS input_tokens, round(sum(cached * weight))::BIGINT AS cached_tokens,
      mode(drifting) AS drifting, mode(part) FILTER (drifting = 'messages') AS part, quantile_disc(shared, 0.5) AS shared_after, (list(trace_id ORDER BY span_id))[1:3] AS traces
    FROM pairs WHERE drifting <> 'messages' OR (part = 1 AND shared > 0) GROUP BY caller, model
    HAVING count(*) >= 3 AND sum(cached) < 0.2 * sum(input_tokens) ORDER BY input_tokens DESC, caller LIMIT 20`,
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
