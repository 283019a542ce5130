import type { SessionReader } from '../../store/query.ts'
import { criticalShares } from '../critical-shares.ts'
import { NOTICED_MS, defineFinding } from '../finding.ts'

interface Row {
  layer: string
  name: string
  calls: number
  share: number
  total_ms: number
  p50_ms: number | null
  file: string | null
  line: number | null
  traces: string[]
  /** How the share was found. */
  by: 'critical path' | 'self time'
  sampled: number | null
  /** Traces with such a call; not counted where the traces are too long to be followed. */
  in_traces: number | null
}

/** Share of all traces' time that they must wait for one name. */
const SHARE = 0.25
const MOST = 3
/** Where the traces that can be followed span by span hold less of the time, their critical paths do not speak for the session. */
const MIN_COVERED = 0.5

/** The one call for which most of the session's traces wait. */
export default defineFinding<Row>({
  kind: 'bottleneck',
  about: `Traces wait ${SHARE * 100} % or more of their time for calls of one name: on the critical paths of up to 300 traces spread over the session (in sessions of traces with more than 1,000 spans each: by self time).`,
  sql: `
    WITH whole AS (SELECT sum(duration_ms * weight) AS ms FROM traces WHERE status <> 'open'),
    heavy AS (SELECT layer, name, round(sum(weight) FILTER (NOT is_transport))::BIGINT AS calls, sum(self_ms * weight) AS total_ms, weighted_quantile(duration_ms, weight, 0.5) AS p50_ms,
        min(variant) AS variant, top_traces(trace_key, self_ms) AS traces
      FROM calls WHERE parent_key IS NOT NULL GROUP BY layer, name HAVING sum(self_ms * weight) >= ${SHARE} * (SELECT ms FROM whole))
    SELECT layer, heavy.name, heavy.calls, least(1, total_ms / whole.ms) AS share, total_ms, p50_ms, v.file, v.line, traces, 'self time' AS by
    FROM heavy LEFT JOIN variants v USING (variant), whole ORDER BY share DESC, heavy.name LIMIT ${MOST}`,
  async read(reader) {
    const { names, covered, sampled } = await criticalShares(reader)
    if (covered < MIN_COVERED)
      return (await reader.rows<Omit<Row, 'sampled' | 'in_traces'>>(this.sql)).map((row) => ({ ...row, sampled: null, in_traces: null }))
    const found = names.filter(({ share }) => share >= SHARE).slice(0, MOST)
    return Promise.all(found.map(async (row) => ({ ...row, ...(await figuresOf(reader, row)), by: 'critical path' as const, sampled })))
  },
  find: (rows) =>
    rows.map((row) => ({
      key: `${row.layer}\0${row.name}`,
      title: `${Math.round(row.share * 100)} % of the time of all traces is spent in ${row.layer} ${row.name}`,
      ...(row.in_traces !== null && row.total_ms < NOTICED_MS * row.in_traces ? { severity: 'low' as const } : {}),
      cost: { calls: row.calls, total_ms: row.total_ms },
      cpu: { layer: row.layer, name: row.name },
      traces: row.traces,
      places: row.file === null ? [] : [{ file: row.file, line: row.line, function: row.name }],
      facts: { name: row.name, share: row.share, p50_ms: row.p50_ms, found_by: row.by, traces_looked_at: row.sampled },
      ...(row.by === 'self time' ? {} : { query: callsOf(row) }),
      advice: `Whatever else gets faster, the whole cannot get faster by more than the rest. \`perf-agent what-if '${row.layer}.${row.name}' -50%\` shows what half of it would bring.`,
    })),
})

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** SQL that shows the calls of a name. */
const callsOf = ({ layer, name }: Pick<Row, 'layer' | 'name'>): string =>
  `SELECT trace_id, start_time, duration_ms FROM spans WHERE layer = ${literal(layer)} AND name = ${literal(name)} ORDER BY duration_ms DESC LIMIT 20`

type Figures = Pick<Row, 'calls' | 'p50_ms' | 'file' | 'line' | 'in_traces'>

async function figuresOf(reader: SessionReader, row: Pick<Row, 'layer' | 'name'>): Promise<Figures> {
  const [figures] = await reader.rows<Figures>(
    `SELECT round(sum(s.weight))::BIGINT AS calls, weighted_quantile(s.duration_ms, s.weight, 0.5) AS p50_ms, any_value(v.file) AS file, any_value(v.line) AS line,
       count(DISTINCT s.trace_key) * avg(s.weight) AS in_traces FROM spans s LEFT JOIN store.ai_uncounted w ON w.span_id = s.span_key LEFT JOIN variants v USING (variant)
     WHERE s.layer = ${literal(row.layer)} AND s.name = ${literal(row.name)} AND s.duration_ms IS NOT NULL AND w.span_id IS NULL`,
  )
  return figures ?? { calls: 0, p50_ms: null, file: null, line: null, in_traces: null }
}
