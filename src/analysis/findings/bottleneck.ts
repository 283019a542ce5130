import { CALLS, defineFinding } from '../finding.ts'

interface Row {
  layer: string
  name: string
  calls: number
  self_ms: number
  share: number
  p50_ms: number
  file: string | null
  line: number | null
  traces: string[]
}

/** Share of all traces' time that one name must hold by itself. */
const SHARE = 0.25

/** The one call in which most of the session's time goes. */
export default defineFinding<Row>({
  kind: 'bottleneck',
  about: `One call holds ${SHARE * 100} % or more of the time of all traces by itself (its children not counted).`,
  sql: `
    WITH whole AS (SELECT sum(duration_ms * weight) AS ms FROM traces WHERE status <> 'open'),
    work AS (${CALLS})
    SELECT s.layer, s.name, round(sum(s.weight) FILTER (NOT s.is_transport))::BIGINT AS calls, sum(t.self_ms * s.weight) AS self_ms, sum(t.self_ms * s.weight) / any_value(whole.ms) AS share,
      quantile_cont(s.duration_ms, 0.5) AS p50_ms, any_value(v.file) AS file, any_value(v.line) AS line, (list(s.trace_id ORDER BY t.self_ms DESC, s.trace_id))[1:3] AS traces
    FROM work s JOIN self_times t USING (span_key) LEFT JOIN variants v USING (variant), whole
    WHERE s.parent_id IS NOT NULL GROUP BY s.layer, s.name HAVING sum(t.self_ms * s.weight) >= ${SHARE} * any_value(whole.ms) ORDER BY self_ms DESC, s.name LIMIT 3`,
  find: (rows) =>
    rows.map((row) => ({
      key: `${row.layer}\0${row.name}`,
      title: `${Math.round(row.share * 100)} % of the time of all traces is spent in ${row.layer} ${row.name}`,
      cost: { calls: row.calls, total_ms: row.self_ms },
      traces: row.traces,
      places: row.file === null ? [] : [{ file: row.file, line: row.line, function: row.name }],
      facts: { share: row.share, p50_ms: row.p50_ms },
      advice: `Whatever else gets faster, the whole cannot get faster by more than the rest. \`perf-agent what-if '${row.layer}.${row.name}' -50%\` shows what half of it would bring.`,
    })),
})
