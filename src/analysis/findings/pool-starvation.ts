import { defineFinding } from '../finding.ts'

interface Row {
  system: string | null
  server: string | null
  calls: number
  waited_ms: number
  p95_ms: number
  share: number
  traces: string[]
}

/** Waits whose slowest twentieth is at least this long, in milliseconds. */
const LONG_WAIT_MS = 10

/** Queries that wait for a free connection of their pool: within their span, or in a span of its own before it (`pool.connect`). */
export default defineFinding<Row>({
  kind: 'pool-starvation',
  about: 'Queries spend much of their time waiting for a connection of the pool.',
  sql: `
    SELECT db_system AS system, server, round(sum(weight) FILTER (pool_wait_ms IS NOT NULL))::BIGINT AS calls, sum(pool_wait_ms * weight) AS waited_ms, weighted_quantile(pool_wait_ms, weight, 0.95) AS p95_ms,
      sum(pool_wait_ms * weight) / nullif(sum(duration_ms * weight), 0) AS share, top_traces(CASE WHEN pool_wait_ms IS NOT NULL THEN trace_key END, pool_wait_ms) AS traces
    FROM (SELECT span_key, weight, duration_ms, trace_key, TRY_CAST((attributes->>'perf.pool.wait_ms') AS DOUBLE) AS pool_wait_ms FROM spans WHERE layer = 'db' AND duration_ms IS NOT NULL)
      JOIN call_targets USING (span_key)
    GROUP BY ALL HAVING weighted_quantile(pool_wait_ms, weight, 0.95) >= ${LONG_WAIT_MS} AND sum(pool_wait_ms * weight) >= 0.2 * sum(duration_ms * weight) ORDER BY waited_ms DESC LIMIT 20`,
  find: (rows) =>
    rows.map((row) => ({
      key: `${row.system ?? ''}\0${row.server ?? ''}`,
      title: `Queries wait for a ${row.system ?? 'database'} connection: ${Math.round(row.p95_ms)} ms at p95, ${Math.round(row.share * 100)} % of their time`,
      cost: { calls: row.calls, total_ms: row.waited_ms },
      traces: row.traces,
      facts: { wait_p95_ms: row.p95_ms, share_of_time: row.share, server: row.server },
      advice:
        'Hold connections for a shorter time (no awaits of other services inside a transaction, release in `finally`), then raise the size of the pool as far as the database allows: connections needed = queries per second × seconds per query.',
    })),
})
