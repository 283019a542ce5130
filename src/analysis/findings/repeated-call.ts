import { NOTICED_MS, defineFinding } from '../finding.ts'

interface Row {
  layer: string
  call: string
  name: string
  calls: number
  different: number
  total_ms: number
  first_ms: number
  most: number
  results_known: boolean
  results_equal: boolean
  no_results: boolean
  traces: string[]
}

/** Calls with the same arguments from which on they count as repeated. */
const MIN_REPEATS = 3
/** Less than this share of the time of all traces is not worth a cache. */
const MIN_SHARE = 0.002

/** Operations that only read, as the app writes them but for case: of SQL, MongoDB and vector stores. */
const READS = "'select', 'find', 'aggregate', 'count', 'distinct', 'query', 'search', 'get', 'scroll', 'retrieve'"

/** Identical calls (by the hash of their arguments) that a cache would save. */
export default defineFinding<Row>({
  kind: 'repeated-call',
  about: 'The same query, request, tool or function is called again and again with the same arguments.',
  sql: `
    WITH said AS (
      SELECT a.span_key, a.hash AS arguments, r.hash AS result FROM payloads a LEFT JOIN payloads r ON r.span_key = a.span_key AND ends_with(r.role, '.result')
      WHERE a.role = 'db.query.parameters' OR a.role = 'url.query' OR ends_with(a.role, '.arguments')),
    reads AS (SELECT span_key, layer, exactly_key FROM call_targets
      WHERE layer <> 'ai' AND lower(coalesce(operation, 'select')) IN (${READS}) AND coalesce(method, 'GET') = 'GET'),
    alike AS (
      SELECT t.layer, t.exactly_key, a.arguments, min(s.span_key) AS span_key, count(*) AS n, sum(s.weight) AS weighted,
        sum(s.duration_ms * s.weight) AS ms, min(a.result) IS NOT DISTINCT FROM max(a.result) AS same_results, count(a.result) = count(*) AS results_known, count(a.result) = 0 AS no_results, min(s.trace_key) AS trace_key
      FROM spans s JOIN said a ON a.span_key = s.span_key JOIN reads t ON t.span_key = s.span_key
      WHERE s.layer <> 'ai' AND s.kind <> 'server' AND s.duration_ms IS NOT NULL AND s.status <> 'error'
      GROUP BY t.layer, t.exactly_key, a.arguments),
    calls AS (SELECT g.*, t.called_exactly AS call, s.name, s.duration_ms AS first_ms FROM alike g JOIN call_targets t USING (span_key) JOIN spans s USING (span_key))
    SELECT layer, call, any_value(name) AS name, round(sum(weighted))::BIGINT AS calls, count(*) AS different, sum(ms) AS total_ms, sum(first_ms) AS first_ms, max(n) AS most,
      bool_and(results_known) AS results_known, bool_and(same_results) AS results_equal, bool_and(no_results) AS no_results, top_traces(trace_key, n) AS traces
    FROM calls GROUP BY layer, call HAVING max(n) >= ${MIN_REPEATS} AND sum(n) >= 2 * count(*) ORDER BY total_ms DESC, call LIMIT 50`,
  find: (rows, { traces, busy_ms }) =>
    rows
      // Another answer to the same question: a cache would serve stale ones.
      .filter((row) => !row.results_known || row.results_equal)
      // Results of tools are always noted: one that gives nothing is called for what it does.
      .filter((row) => row.layer !== 'tool' || !row.no_results)
      .filter((row) => savedMs(row) >= MIN_SHARE * busy_ms)
      .map((row) => ({
        ...(savedMs(row) < NOTICED_MS * Math.min(traces, row.calls) ? { severity: 'low' as const } : {}),
        key: `${row.layer}\0${row.call}`,
        title: `${row.call} is called ${row.calls} times with only ${row.different} different ${row.different === 1 ? 'set' : 'sets'} of arguments`,
        cost: { calls: row.calls - row.different, total_ms: savedMs(row) },
        cpu: { layer: row.layer, name: row.name, share: row.total_ms > 0 ? savedMs(row) / row.total_ms : 0 },
        traces: row.traces,
        facts: { call: row.call, calls: row.calls, different_arguments: row.different, most_for_one: row.most, same_results: row.results_known ? 'yes' : 'unknown' },
        advice: row.results_known
          ? 'Equal arguments gave equal results each time: keep the result in a cache keyed by the arguments, with a bounded size and a time to live that fits how often the data changes.'
          : 'If equal arguments give equal results, keep the result in a cache keyed by the arguments, with a bounded size and a time to live; within one request, pass the value on instead of asking again.',
      })), // prettier-ignore
})

/** The first call with each set of arguments stays: where the others are quick already, as behind a cache, little is left to save. Span ids grow with time. */
const savedMs = ({ total_ms, first_ms }: Row): number => Math.max(0, total_ms - first_ms)
