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

/** Client calls without a parent although the same call has one elsewhere: the context got lost on the way to them. */
export default defineFinding<Row>({
  kind: 'lost-context',
  about: 'Calls that could not be tied to the request, tool or job that made them.',
  sql: `
    SELECT layer, name, integration, round(sum(weight) FILTER (parent_id IS NULL))::BIGINT AS calls, count(*) FILTER (parent_id IS NULL) / count(*) AS share,
      sum(duration_ms * weight) FILTER (parent_id IS NULL) AS total_ms, (list(trace_id ORDER BY start_ns) FILTER (parent_id IS NULL))[1:3] AS traces
    FROM spans WHERE kind = 'client' GROUP BY ALL
    HAVING count(*) FILTER (parent_id IS NULL) >= 5 AND count(*) FILTER (parent_id IS NOT NULL) > 0 ORDER BY calls DESC, name LIMIT 20`,
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
