import { defineFinding } from '../finding.ts'

interface Row {
  system: string | null
  statement: string
  calls: number
  total_ms: number
  p95_ms: number
  rows_p95: number | null
  traces: string[]
}

/** A statement whose slowest twentieth takes at least this long, in milliseconds. */
const SLOW_MS = 100

/** A statement that ran less often (the schema at the start, for one) must take so long. */
const FEW = 3
const SLOW_ONCE_MS = 1000

/** A statement that takes long on the database's side (its wait for a connection not counted). */
export default defineFinding<Row>({
  kind: 'slow-query',
  about: `A statement whose 95th percentile is ${SLOW_MS} ms or more, the wait for a connection aside; of one that ran less than ${FEW} times ${SLOW_ONCE_MS / 1000} s.`,
  sql: `
    WITH slow AS (SELECT t.statement FROM spans s JOIN call_targets t USING (span_key) WHERE s.layer = 'db' AND s.status <> 'open' GROUP BY t.statement HAVING max(s.duration_ms) >= ${SLOW_MS})
    SELECT system, statement, round(sum(weight))::BIGINT AS calls, sum(own_ms * weight) AS total_ms,
      weighted_quantile(own_ms, weight, 0.95) AS p95_ms, weighted_quantile(rows, weight, 0.95) AS rows_p95, top_traces(trace_key, own_ms) AS traces
    FROM (SELECT db_system AS system, statement, weight, trace_key, TRY_CAST(said[1] AS BIGINT) AS rows, greatest(duration_ms - coalesce(TRY_CAST(said[2] AS DOUBLE), 0), 0) AS own_ms
      FROM (SELECT span_key, weight, trace_key, duration_ms, json_extract_string(attributes, ['db.response.returned_rows', 'perf.pool.wait_ms']) AS said FROM spans
          WHERE layer = 'db' AND status <> 'open' AND EXISTS (FROM slow)) s
        JOIN call_targets t USING (span_key) SEMI JOIN slow ON slow.statement = t.statement)
    GROUP BY ALL HAVING weighted_quantile(own_ms, weight, 0.95) >= ${SLOW_MS} AND (count(*) >= ${FEW} OR max(own_ms) >= ${SLOW_ONCE_MS}) ORDER BY total_ms DESC, statement LIMIT 50`,
  find: (rows) =>
    rows.map((row) => ({
      key: `${row.system ?? ''}\0${row.statement}`,
      title: `Slow query, ${Math.round(row.p95_ms)} ms at p95: ${row.statement}`,
      cost: { calls: row.calls, total_ms: row.total_ms },
      traces: row.traces,
      facts: { statement: row.statement, system: row.system, p95_ms: row.p95_ms, rows_p95: row.rows_p95 },
      advice:
        row.rows_p95 !== null && row.rows_p95 > 1000
          ? `It returns ${Math.round(row.rows_p95)} rows at p95: ask for fewer (a \`LIMIT\`, pages, only the columns needed), then look at its plan with \`EXPLAIN (ANALYZE, BUFFERS)\`.`
          : 'Look at its plan with `EXPLAIN (ANALYZE, BUFFERS)`: a sequential scan over a large table wants an index on the columns of its `WHERE` and `ORDER BY`.',
    })),
})
