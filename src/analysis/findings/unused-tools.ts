import { defineFinding } from '../finding.ts'

interface Row {
  caller: string
  model: string | null
  calls: number
  offered: number
  called: string[]
  definition_bytes: number
  traces: string[]
}

/** Characters of JSON per token, roughly: English text and schemas in the encodings of today's models. */
const CHARACTERS_PER_TOKEN = 4

/** Tool definitions sent with every call and never used. */
export default defineFinding<Row>({
  kind: 'unused-tools',
  about: 'Most of the tools offered to a model are never called, and every call pays for their definitions.',
  sql: `
    SELECT caller, model, round(sum(weight))::BIGINT AS calls, max(offered) AS offered, list_sort(list_distinct(flatten(list(called)))) AS called,
      sum(bytes * weight) / sum(weight) AS definition_bytes, top_traces(trace_key, offered) AS traces
    FROM (SELECT coalesce(p.name, '(top level)') AS caller, a.model, a.weight, a.trace_key, TRY_CAST(s.attributes->>'perf.ai.tool_definitions' AS BIGINT) AS offered,
        coalesce(from_json(s.attributes->'perf.ai.tool_calls', '["VARCHAR"]'), []) AS called, t.size AS bytes
      FROM ai_calls a JOIN spans s ON s.span_key = a.span_key AND s.layer = 'ai' JOIN payloads t ON t.span_key = a.span_key AND t.role = 'gen_ai.tool.definitions'
        LEFT JOIN spans p ON p.span_key = a.parent_key WHERE a.status NOT IN ('open', 'error'))
    GROUP BY caller, model HAVING count(*) >= 10 AND max(offered) >= 4 AND len(list_distinct(flatten(list(called)))) <= max(offered) / 2
    ORDER BY sum(bytes * weight) DESC, caller LIMIT 20`,
  find: (rows) =>
    rows.map((row) => {
      const unused = row.offered - row.called.length
      const tokens = Math.round(((row.definition_bytes / CHARACTERS_PER_TOKEN) * row.calls * unused) / row.offered)
      return {
        key: `${row.caller}\0${row.model ?? ''}`,
        title: `${row.caller} offers ${row.model ?? 'the model'} ${row.offered} tools, and ${row.called.length === 0 ? 'none' : `only ${row.called.length}`} was ever called`,
        severity: tokens >= 100_000 ? ('high' as const) : ('medium' as const),
        cost: { calls: row.calls, tokens },
        traces: row.traces,
        facts: { caller: row.caller, model: row.model, offered: row.offered, called: row.called, definition_bytes: Math.round(row.definition_bytes) },
        advice: 'Offer only the tools a step can need, or let the model search for them; shorten descriptions and schemas. Fewer tools also make wrong calls rarer. (Tokens are estimated at four characters each.)',
      }
    }), // prettier-ignore
})
