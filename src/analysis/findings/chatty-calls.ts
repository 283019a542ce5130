import { defineFinding } from '../finding.ts'

interface Row {
  layer: string
  system: string | null
  parent: string
  parents: number
  calls: number
  different: number
  most: number
  at_once: boolean
  total_ms: number
  file: string | null
  line: number | null
  traces: string[]
}

/** Calls of one parent to one system from which on it talks too much. */
const MANY = 15
/** As many alike in a row are the kind `n-plus-one`. */
const ALIKE = 5

/** Calls, under the alias `s`. */
const COUNTS = `s.layer IN ('db', 'http', 'ai', 'tool', 'mcp', 'cache') AND s.kind <> 'server' AND s.duration_ms IS NOT NULL AND s.parent_key IS NOT NULL`

const WORD: Record<string, { many: string; advice: string }> = {
  db: { many: 'queries', advice: 'Fetch what belongs together with one statement (joins, `WHERE id = ANY($1)`), in one round trip (a pipeline, a stored view), or keep what seldom changes.' },
  http: { many: 'requests', advice: 'Ask for it in fewer requests: a batch endpoint, an endpoint made for this page, or keep what seldom changes.' },
  ai: { many: 'AI calls', advice: 'Let one call do several of the steps (one prompt, structured output with all parts), and leave to plain code what needs no model.' },
  tool: { many: 'tool calls', advice: 'Offer a tool that does in one call what the model now puts together from many; each call costs a turn of the model.' },
  mcp: { many: 'MCP calls', advice: 'Offer a tool that does in one call what is now put together from many.' },
  cache: { many: 'cache calls', advice: 'Read and write several keys at once: `MGET`, `MSET`, a pipeline; keep what belongs together under one key.' },
} // prettier-ignore

/** One parent that makes very many calls to one system, different ones or all at once. */
export default defineFinding<Row>({
  kind: 'chatty-calls',
  about: `One parent makes ${MANY} calls or more to one database, service, model or set of tools: different ones, or many at once.`,
  sql: `
    WITH busy AS (SELECT parent_key, layer FROM spans s WHERE ${COUNTS} GROUP BY ALL HAVING count(*) >= ${MANY}),
    alike AS (
      SELECT s.parent_key, any_value(s.trace_key) AS trace_key, s.layer, t.system, t.called_key, count(*) AS n, sum(s.duration_ms) AS ms, any_value(s.weight) AS weight,
        sum(s.duration_ms) > 1.05 * (max(s.start_ns + s.duration_ms * 1e6) - min(s.start_ns)) / 1e6 AS at_once
      FROM spans s SEMI JOIN busy b ON b.parent_key = s.parent_key AND b.layer = s.layer JOIN call_targets t ON t.span_key = s.span_key WHERE ${COUNTS} GROUP BY s.parent_key, s.layer, t.system, t.called_key),
    talks AS (SELECT parent_key, any_value(trace_key) AS trace_key, layer, system, sum(n) AS n, count(*) AS different, bool_or(n >= ${ALIKE} AND at_once) AS at_once, sum(ms) AS ms, any_value(weight) AS weight
      FROM alike WHERE n < ${ALIKE} OR at_once GROUP BY parent_key, layer, system HAVING sum(n) >= ${MANY})
    SELECT t.layer, t.system, p.name AS parent, round(sum(t.weight))::BIGINT AS parents, round(sum(n * t.weight))::BIGINT AS calls, max(different) AS different, max(n)::BIGINT AS most,
      bool_or(at_once) AS at_once, sum(ms * t.weight) AS total_ms, any_value(v.file) AS file, any_value(v.line) AS line, top_traces(t.trace_key, n) AS traces
    FROM talks t JOIN spans p ON p.span_key = t.parent_key LEFT JOIN variants v ON v.variant = p.variant WHERE p.layer <> 'ai'
    GROUP BY t.layer, t.system, p.name ORDER BY total_ms DESC, parent LIMIT 50`,
  find: (rows) =>
    rows.map((row) => {
      const word = WORD[row.layer] ?? { many: 'calls', advice: '' }
      const per = Math.round(row.calls / row.parents)
      return {
        key: `${row.layer}\0${row.system ?? ''}\0${row.parent}`,
        title: `${row.parent} makes about ${per} ${word.many}${row.system === null ? '' : ` to ${row.system}`} each time, ${row.different} different`,
        cost: { calls: row.calls, total_ms: row.total_ms },
        traces: row.traces,
        places: row.file === null ? [] : [{ file: row.file, line: row.line, function: row.parent }],
        facts: { parent: row.parent, to: row.system, calls_per_parent: per, different_calls: row.different, most_calls: row.most, parents: row.parents, many_at_once: row.at_once },
        advice: word.advice,
      }
    }), // prettier-ignore
})
