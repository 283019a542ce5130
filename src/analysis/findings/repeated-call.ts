import { defineFinding } from '../finding.ts'

interface Row {
  layer: string
  call: string
  calls: number
  different: number
  total_ms: number
  most: number
  results_known: boolean
  results_equal: boolean
  traces: string[]
}

/** Calls with the same arguments from which on they count as repeated. */
const MIN_REPEATS = 3

/** Operations that only read: of SQL, MongoDB and vector stores. */
const READS = "'SELECT', 'find', 'aggregate', 'count', 'distinct', 'query', 'search', 'get', 'scroll', 'retrieve'"

/** Identical calls (by the hash of their arguments) that a cache would save. */
export default defineFinding<Row>({
  kind: 'repeated-call',
  about: 'The same query, request, tool or function is called again and again with the same arguments.',
  sql: `
    WITH calls AS (
      SELECT s.layer, coalesce(s.attributes->>'db.query.text', s.name) AS call, a.hash AS arguments, count(*) AS n, sum(s.weight) AS weighted,
        sum(s.duration_ms * s.weight) AS ms, count(DISTINCT r.hash) AS results, count(r.hash) = count(*) AS results_known, any_value(s.trace_id) AS trace_id
      FROM spans s JOIN payloads a ON a.span_id = s.span_id AND (a.role = 'db.query.parameters' OR a.role = 'url.query' OR ends_with(a.role, '.arguments'))
        LEFT JOIN payloads r ON r.span_id = s.span_id AND ends_with(r.role, '.result')
      WHERE s.layer <> 'ai' AND s.kind <> 'server' AND s.duration_ms IS NOT NULL AND s.status <> 'error'
        AND coalesce(s.attributes->>'db.operation.name', 'SELECT') IN (${READS}) AND coalesce(s.attributes->>'http.request.method', 'GET') = 'GET'
      GROUP BY ALL)
    SELECT layer, call, round(sum(weighted))::BIGINT AS calls, count(*) AS different, sum(ms) AS total_ms, max(n) AS most,
      bool_and(results_known) AS results_known, bool_and(results <= 1) AS results_equal, (list(trace_id ORDER BY n DESC, arguments))[1:3] AS traces
    FROM calls GROUP BY ALL HAVING max(n) >= ${MIN_REPEATS} AND sum(n) >= 2 * count(*) ORDER BY total_ms DESC, call LIMIT 50`,
  find: (rows) =>
    rows
      // Another answer to the same question: a cache would serve stale ones.
      .filter((row) => !row.results_known || row.results_equal)
      .map((row) => ({
        key: `${row.layer}\0${row.call}`,
        title: `${row.call} is called ${row.calls} times with only ${row.different} different ${row.different === 1 ? 'set' : 'sets'} of arguments`,
        cost: { calls: row.calls - row.different, total_ms: row.total_ms * (1 - row.different / row.calls) },
        traces: row.traces,
        facts: { call: row.call, calls: row.calls, different_arguments: row.different, most_for_one: row.most, same_results: row.results_known ? 'yes' : 'unknown' },
        advice: row.results_known
          ? 'Equal arguments gave equal results each time: keep the result in a cache keyed by the arguments, with a bounded size and a time to live that fits how often the data changes.'
          : 'If equal arguments give equal results, keep the result in a cache keyed by the arguments, with a bounded size and a time to live; within one request, pass the value on instead of asking again.',
      })), // prettier-ignore
})
