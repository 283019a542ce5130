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
      SELECT span_key, called_key, layer = 'ai' AS is_ai, CASE WHEN layer = 'http' AND called_key <> exactly_key THEN exactly_key END AS exactly_key FROM call_targets
      WHERE layer IN ('db', 'http', 'tool', 'cache', 'ai') AND (layer <> 'db' OR statement IS NOT NULL)
        AND upper(coalesce(operation, 'SELECT')) IN ('SELECT', 'GET', 'MGET', 'HGET', 'HGETALL') AND coalesce(method, 'GET') = 'GET'),
    said AS (SELECT span_key, hash FROM payloads WHERE role = 'db.query.parameters' OR role = 'url.query' OR ends_with(role, '.arguments')),
    timed AS (
      SELECT s.span_key, s.parent_key, s.trace_key, t.is_ai, t.called_key AS call, s.start_ns, s.duration_ms, s.weight,
        CASE WHEN t.exactly_key IS NOT NULL THEN hash(t.exactly_key, a.hash) WHEN a.hash IS NOT NULL THEN hash(a.hash) END AS arguments
      FROM spans s JOIN reads t ON t.span_key = s.span_key LEFT JOIN said a ON a.span_key = t.span_key
      WHERE s.kind <> 'server' AND s.parent_key IS NOT NULL AND s.duration_ms IS NOT NULL AND s.status <> 'error'),
    pairs AS (
      SELECT *, lag({call: call, key: span_key, end_ns: start_ns + duration_ms * 1e6, ms: duration_ms, arguments: arguments, is_ai: is_ai}) OVER w AS before
      FROM timed WINDOW w AS (PARTITION BY parent_key ORDER BY start_ns, span_key)),
    chained AS (
      SELECT parent_key, trace_key, before.call AS first, call AS second, before.key AS first_key, span_key, before.ms AS before_ms, duration_ms, weight, arguments FROM pairs
      WHERE before IS NOT NULL AND before.call <> call AND start_ns >= before.end_ns AND start_ns - before.end_ns <= 1e6 + before.ms * 5e4
        AND NOT before.is_ai AND NOT is_ai
        AND (arguments IS NULL OR arguments = before.arguments)),
    found AS (
      SELECT p.name AS parent, min(first_key) AS first_key, min(c.span_key) AS second_key, round(sum(c.weight))::BIGINT AS pairs, count(DISTINCT c.parent_key) AS parents,
        sum(least(c.before_ms, c.duration_ms) * c.weight) AS saved_ms, bool_and(c.arguments IS NOT NULL) AS same_arguments, top_traces(c.trace_key, c.duration_ms) AS traces
      FROM chained c JOIN spans p ON p.span_key = c.parent_key GROUP BY p.name, c.first, c.second HAVING count(DISTINCT c.parent_key) >= 3 AND sum(least(c.before_ms, c.duration_ms)) >= 3)
    SELECT parent, a.called AS first, b.called AS second, pairs, parents, saved_ms, same_arguments, traces
    FROM found JOIN call_targets a ON a.span_key = first_key JOIN call_targets b ON b.span_key = second_key ORDER BY saved_ms DESC, parent, first LIMIT 50`,
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
