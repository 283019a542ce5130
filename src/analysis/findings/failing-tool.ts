import { defineFinding } from '../finding.ts'

interface Row {
  tool: string
  calls: number
  failed: number
  total_ms: number
  file: string | null
  line: number | null
  traces: string[]
}

/** A tool that fails often: each failure costs the model another turn. */
export default defineFinding<Row>({
  kind: 'failing-tool',
  about: 'A tool fails in a tenth of its calls or more.',
  sql: `
    WITH failing AS (SELECT tool, round(sum(t.weight))::BIGINT AS calls, round(sum(t.weight) FILTER (status = 'error'))::BIGINT AS failed,
      sum(t.duration_ms * t.weight) FILTER (status = 'error') AS total_ms, min(variant) AS variant,
        top_traces(CASE WHEN status = 'error' THEN trace_key END, epoch_us(start_time)) AS traces
      FROM tool_calls t WHERE status <> 'open' GROUP BY tool
      HAVING count(*) FILTER (status = 'error') >= 2 AND sum(t.weight) FILTER (status = 'error') >= 0.1 * sum(t.weight))
    SELECT tool, f.calls, failed, total_ms, v.file, v.line, traces FROM failing f LEFT JOIN variants v USING (variant) ORDER BY failed DESC, tool LIMIT 50`,
  find: (rows) =>
    rows.map((row) => ({
      key: row.tool,
      title: `Tool ${row.tool} fails in ${row.failed} of ${row.calls} calls`,
      severity: row.failed / row.calls >= 0.25 ? ('high' as const) : ('medium' as const),
      cost: { calls: row.failed, total_ms: row.total_ms },
      traces: row.traces,
      places: row.file === null ? [] : [{ file: row.file, line: row.line, function: row.tool }],
      facts: { tool: row.tool, error_rate: row.failed / row.calls },
      advice: 'When the model calls it wrongly, say in its description and schema what it expects, and answer with a message the model can act on. When what it calls is down, retry inside the tool before the model pays for another turn.',
    })), // prettier-ignore
})
