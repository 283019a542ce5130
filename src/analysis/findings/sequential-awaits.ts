import { CALLED, CALLED_EXACTLY } from '../call-identity.ts'
import { defineFinding } from '../finding.ts'

interface Row {
  parent: string
  first: string
  second: string
  pairs: number
  parents: number
  saved_ms: number
  same_arguments: boolean
  traces: string[]
}

/**
 * Two reads of one parent, one begun right after the other had ended, again and again, although the second does not need the first:
 * its arguments are the same while the results of the first differ, or both have the same arguments, or it has none.
 */
export default defineFinding<Row>({
  kind: 'sequential-awaits',
  about: 'Reads that wait for each other without need: their arguments do not depend on the result before.',
  sql: `
    WITH reads AS (
      SELECT s.span_key, s.parent_key, s.trace_key, s.layer, ${CALLED} AS call, s.start_ns, s.start_ns + s.duration_ms * 1e6 AS end_ns,
        s.duration_ms, s.weight, CASE WHEN s.layer = 'http' AND ${CALLED} <> ${CALLED_EXACTLY} THEN concat(${CALLED_EXACTLY}, a.hash) ELSE a.hash END AS arguments
      FROM spans s LEFT JOIN payloads a ON a.span_key = s.span_key AND (a.role = 'db.query.parameters' OR a.role = 'url.query' OR ends_with(a.role, '.arguments'))
      WHERE s.layer IN ('db', 'http', 'tool', 'cache', 'ai') AND s.kind <> 'server' AND s.parent_key IS NOT NULL AND s.duration_ms IS NOT NULL AND s.status <> 'error'
        AND (s.layer <> 'db' OR (s.attributes->>'db.query.text') IS NOT NULL)
        AND upper(coalesce(s.attributes->>'db.operation.name', 'SELECT')) IN ('SELECT', 'GET', 'MGET', 'HGET', 'HGETALL')
        AND coalesce(s.attributes->>'http.request.method', 'GET') = 'GET'),
    pairs AS (
      SELECT *, lag(call) OVER w AS before, lag(end_ns) OVER w AS before_end, lag(duration_ms) OVER w AS before_ms, lag(arguments) OVER w AS before_arguments,
        lag(layer) OVER w AS before_layer
      FROM reads WINDOW w AS (PARTITION BY parent_key ORDER BY start_ns, span_key)),
    chained AS (
      SELECT * FROM pairs WHERE before IS NOT NULL AND before <> call AND start_ns >= before_end AND start_ns - before_end <= 1e6 + before_ms * 5e4
        AND before_layer <> 'ai' AND layer <> 'ai'
        AND (arguments IS NULL OR arguments = before_arguments))
    SELECT p.name AS parent, c.before AS first, c.call AS second, round(sum(c.weight))::BIGINT AS pairs, count(DISTINCT c.parent_key) AS parents,
      sum(least(c.before_ms, c.duration_ms) * c.weight) AS saved_ms, bool_and(c.arguments IS NOT NULL) AS same_arguments, top_traces(c.trace_key, c.duration_ms) AS traces
    FROM chained c JOIN spans p ON p.span_key = c.parent_key GROUP BY ALL HAVING count(DISTINCT c.parent_key) >= 3 AND sum(least(c.before_ms, c.duration_ms)) >= 3
    ORDER BY saved_ms DESC, parent, first LIMIT 50`,
  find: (rows) =>
    rows.map((row) => ({
      key: `${row.parent}\0${row.first}\0${row.second}`,
      title: `In ${row.parent}, ${row.second} waits for ${row.first} and does not seem to need it`,
      cost: { calls: row.pairs, total_ms: row.saved_ms },
      traces: row.traces,
      facts: { parent: row.parent, first: row.first, second: row.second, why: row.same_arguments ? 'both have the same arguments' : 'the second has no arguments' },
      advice: 'Start both and await them together: `const [a, b] = await Promise.all([first(), second()])`. Not where one changes what the other reads, and not inside one transaction: its statements share a connection.',
    })), // prettier-ignore
})
