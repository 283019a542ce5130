import { defineFinding } from '../finding.ts'

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

/** An endpoint that answers slowly, and below which call its time goes: of a trace through several services only what ran while this one answered. */
export default defineFinding<Row>({
  kind: 'slow-endpoint',
  about: `An endpoint whose 95th percentile is ${SLOW_MS} ms or more, with the call that takes most of it.`,
  sql: `
    WITH slow AS (
      SELECT concat_ws(' ', method, coalesce(route, '(no route)')) AS route, round(sum(weight))::BIGINT AS calls, sum(duration_ms * weight) AS total_ms,
        weighted_quantile(duration_ms, weight, 0.5) AS p50_ms, weighted_quantile(duration_ms, weight, 0.95) AS p95_ms, top_traces(trace_key, duration_ms) AS traces
      FROM requests WHERE direction = 'in' AND status <> 'open' GROUP BY ALL HAVING weighted_quantile(duration_ms, weight, 0.95) >= ${SLOW_MS}),
    served AS (SELECT concat_ws(' ', method, coalesce(route, '(no route)')) AS route, trace_key, span_key, start_time, duration_ms FROM requests WHERE direction = 'in'),
    below AS (
      SELECT r.route, s.layer, s.name, sum(s.self_ms * s.weight) AS ms
      FROM served r JOIN calls s USING (trace_key) WHERE s.span_key <> r.span_key AND r.route IN (SELECT route FROM slow)
        AND s.start_time >= r.start_time AND epoch_us(s.start_time) <= epoch_us(r.start_time) + r.duration_ms * 1e3 GROUP BY ALL)
    SELECT slow.*, b.layer AS where_layer, b.name AS where_name, b.ms / nullif(total_ms, 0) AS where_share
    FROM slow LEFT JOIN (SELECT route, arg_max(layer, ms) AS layer, arg_max(name, ms) AS name, max(ms) AS ms FROM below GROUP BY route) b USING (route)
    ORDER BY total_ms DESC, route LIMIT 50`,
  find: (rows) =>
    rows.map((row) => ({
      key: row.route,
      title: `${row.route} takes ${Math.round(row.p95_ms)} ms at p95${row.where_name === null ? '' : `, ${(row.where_share ?? 0) >= 0.5 ? 'most' : 'the largest part'} of it in ${row.where_layer} ${row.where_name}`}`,
      cost: { calls: row.calls, total_ms: row.total_ms },
      traces: row.traces,
      facts: { route: row.route, p50_ms: row.p50_ms, p95_ms: row.p95_ms, most_time_in: row.where_name, its_share: row.where_share },
      advice:
        row.where_name === null
          ? 'Nothing below it is recorded: its time is its own code. Record a CPU profile (`PERF_CPU=on`), or its functions (`PERF_TOOLS`).'
          : `Start with ${row.where_layer} \`${row.where_name}\`: \`perf-agent trace ${row.traces[0]?.slice(0, 12) ?? '<id>'} --critical\` shows what one request waited for, \`perf-agent what-if '${row.where_layer}.${row.where_name}' -50%\` what half of it would bring.`,
    })),
})
