import { defineFinding } from '../finding.ts'

interface Row {
  layer: string
  name: string
  integration: string | null
  calls: number
  share: number
  total_ms: number
  traces: string[]
}

/** Calls none of which has a parent, from which on that is no start-up of an app that serves. */
const MANY = 20

/** Client calls without a parent although the same call has one elsewhere, or the app has requests and tools to which they could belong: the context got lost on the way to them. */
export default defineFinding<Row>({
  kind: 'lost-context',
  about: `Calls that could not be tied to the request, tool or job that made them: five or more where others of the name could, or all of ${MANY} or more.`,
  sql: `
    SELECT layer, name, integration, round(sum(weight) FILTER (parent_key IS NULL))::BIGINT AS calls, sum(weight) FILTER (parent_key IS NULL) / sum(weight) AS share,
      sum(duration_ms * weight) FILTER (parent_key IS NULL) AS total_ms, top_traces(CASE WHEN parent_key IS NULL THEN trace_key END, -start_ns) AS traces
    FROM spans WHERE kind = 'client' GROUP BY ALL
    HAVING count(*) FILTER (parent_key IS NULL) >= 5 AND (count(*) FILTER (parent_key IS NOT NULL) > 0
      OR count(*) >= ${MANY} AND EXISTS (FROM spans WHERE kind = 'server' OR layer IN ('workflow', 'tool'))) ORDER BY calls DESC, name LIMIT 20`,
  find: (rows) =>
    rows.map((row) => ({
      key: `${row.layer}\0${row.name}`,
      title: `${row.calls} calls of ${row.name} belong to no request, tool or job`,
      severity: 'low' as const,
      cost: { calls: row.calls, total_ms: row.total_ms },
      traces: row.traces,
      facts: { call: row.name, library: row.integration, share: row.share },
      advice: 'They may run at start-up or from a timer: then wrap that work in `workflow(name, fn)`. Otherwise a queue or pool of the app runs callbacks in another context: bind them with `AsyncResource.bind` where they are handed over.',
    })), // prettier-ignore
})
