import { defineFinding } from '../finding.ts'

interface Row {
  layer: string
  parent: string
  call: string
  name: string
  file: string | null
  line: number | null
  parents: number
  calls: number
  most: number
  total_ms: number
  traces: string[]
}

/** Calls of one parent from which on they count as a pattern. */
const MIN_CALLS = 5

/** Calls, under the alias `s`. */
const COUNTS = `s.layer IN ('db', 'http', 'ai', 'tool', 'cache') AND s.kind <> 'server' AND s.duration_ms IS NOT NULL AND s.parent_key IS NOT NULL`

const WORD: Record<string, { one: string; advice: string }> = {
  db: { one: 'query', advice: 'Fetch all rows with one query: `WHERE id = ANY($1)` or a join, or load them through a batching loader.' },
  http: { one: 'request', advice: 'Ask for all of them in one request when the service has a batch endpoint, or cache what does not change between calls.' },
  ai: { one: 'AI call', advice: 'Put the items into one prompt, use the batch API, or make the calls concurrently with a limit.' },
  tool: { one: 'tool call', advice: 'Let the tool take a list, so that the model (or the code) calls it once.' },
  cache: { one: 'cache call', advice: 'Read all keys at once: `MGET`, `HMGET`, or a pipeline.' },
} // prettier-ignore

/** The same call made again and again, one after the other, by one parent. */
export default defineFinding<Row>({
  kind: 'n-plus-one',
  about: 'One parent makes the same query, request, AI or tool call many times, one after the other.',
  sql: `
    WITH busy AS (SELECT parent_key, layer FROM spans s WHERE ${COUNTS} GROUP BY ALL HAVING count(*) >= ${MIN_CALLS}),
    grouped AS (
      SELECT s.parent_key, any_value(s.trace_key) AS trace_key, s.layer, t.called_key, min(s.span_key) AS span_key, count(*) AS n,
        sum(s.duration_ms) AS ms, any_value(s.weight) AS weight,
        (max(s.start_ns + s.duration_ms * 1e6) - min(s.start_ns)) / 1e6 AS span_ms
      FROM spans s SEMI JOIN busy b ON b.parent_key = s.parent_key AND b.layer = s.layer JOIN call_targets t ON t.span_key = s.span_key WHERE ${COUNTS}
      GROUP BY s.parent_key, s.layer, t.called_key HAVING count(*) >= ${MIN_CALLS}),
    named AS (SELECT g.*, t.called AS call, s.name FROM grouped g JOIN call_targets t USING (span_key) JOIN spans s USING (span_key))
    SELECT c.layer, p.name AS parent, call, any_value(c.name) AS name, any_value(v.file) AS file, any_value(v.line) AS line, round(sum(c.weight))::BIGINT AS parents, round(sum(n * c.weight))::BIGINT AS calls, max(n) AS most,
      sum(ms * c.weight) AS total_ms, top_traces(c.trace_key, n) AS traces
    FROM named c JOIN spans p ON p.span_key = c.parent_key LEFT JOIN variants v ON v.variant = p.variant
    WHERE ms <= span_ms * 1.05
    GROUP BY c.layer, p.name, call ORDER BY total_ms DESC, call LIMIT 50`,
  find: (rows) =>
    rows.map((row) => {
      const word = WORD[row.layer] ?? { one: 'call', advice: '' }
      const per = Math.round(row.calls / row.parents)
      // One of the calls stays: what the others cost could be saved.
      const avoidable = row.total_ms * (1 - row.parents / row.calls)
      return {
        key: `${row.layer}\0${row.parent}\0${row.call}`,
        title: `${row.parent} makes the same ${word.one} about ${per} times in a row: ${row.call}`,
        cost: { calls: row.calls, total_ms: avoidable },
        cpu: { layer: row.layer, name: row.name, share: 1 - row.parents / row.calls },
        places: row.file === null ? [] : [{ file: row.file, line: row.line, function: row.parent }],
        traces: row.traces,
        facts: { parent: row.parent, call: row.call, calls_per_parent: per, most_calls: row.most, parents: row.parents },
        advice: word.advice,
      }
    }),
})
