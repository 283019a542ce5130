import { CALLS, defineFinding } from '../finding.ts'

interface Row {
  route: string
  calls: number
  total_ms: number
  p50_ms: number
  p95_ms: number
  where_layer: string | null
  where_name: string | null
  where_share: number | null
  traces: string[]
}

/** An endpoint whose slowest twentieth takes at least this long, in milliseconds. */
const SLOW_MS = 500

/** An endpoint that answers slowly, and below which call its time goes. */
export default defineFinding<Row>({
  kind: 'slow-endpoint',
  about: `An endpoint whose 95th percentile is ${SLOW_MS} ms or more, with the call that takes most of it.`,
  sql: `
    WITH slow AS (
      SELECT concat_ws(' ', method, coalesce(route, '(no route)')) AS route, round(sum(weight))::BIGINT AS calls, sum(duration_ms * weight) AS total_ms,
        quantile_cont(duration_ms, 0.5) AS p50_ms, quantile_cont(duration_ms, 0.95) AS p95_ms, (list(trace_id ORDER BY duration_ms DESC, trace_id))[1:3] AS traces
      FROM requests WHERE direction = 'in' AND status <> 'open' GROUP BY ALL HAVING quantile_cont(duration_ms, 0.95) >= ${SLOW_MS}),
    below AS (
      SELECT concat_ws(' ', r.method, coalesce(r.route, '(no route)')) AS route, s.layer, s.name, sum(t.self_ms * s.weight) AS ms
      FROM requests r JOIN (${CALLS}) s USING (trace_id) JOIN self_times t ON t.span_key = s.span_key
      WHERE r.direction = 'in' AND s.span_id <> r.span_id AND concat_ws(' ', r.method, coalesce(r.route, '(no route)')) IN (SELECT route FROM slow) GROUP BY ALL)
    SELECT slow.*, b.layer AS where_layer, b.name AS where_name, b.ms / nullif(total_ms, 0) AS where_share
    FROM slow LEFT JOIN (SELECT route, arg_max(layer, ms) AS layer, arg_max(name, ms) AS name, max(ms) AS ms FROM below GROUP BY route) b USING (route)
    ORDER BY total_ms DESC, route LIMIT 50`,
  find: (rows) =>
    rows.map((row) => ({
      key: row.route,
      title: `${row.route} takes ${Math.round(row.p95_ms)} ms at p95${row.where_name === null ? '' : `, most of it in ${row.where_layer} ${row.where_name}`}`,
      cost: { calls: row.calls, total_ms: row.total_ms },
      traces: row.traces,
      facts: { route: row.route, p50_ms: row.p50_ms, p95_ms: row.p95_ms, most_time_in: row.where_name, its_share: row.where_share },
      advice:
        row.where_name === null
          ? 'Nothing below it is recorded: its time is its own code. Record a CPU profile (`PERF_CPU=on`), or its functions (`PERF_TOOLS`).'
          : `Start with ${row.where_layer} \`${row.where_name}\`: \`perf-agent trace <id> --critical\` shows what one request waited for, \`perf-agent what-if '${row.where_layer}.${row.where_name}' -50%\` what half of it would bring.`,
    })),
})
