import { CALLS, defineFinding } from '../finding.ts'

interface Row {
  error_type: string | null
  layer: string
  name: string
  message: string | null
  calls: number
  all_calls: number
  total_ms: number | null
  first: string
  last: string
  tools: string[]
  stack: string | null
  traces: string[]
}

/** Errors of one cause: same class, same call, same message but for numbers and ids. Only where they begin, not in the spans around. */
export default defineFinding<Row>({
  kind: 'error-group',
  about: 'Errors grouped by cause: class, call and message (numbers and ids aside), with first and last time and the tools affected.',
  sql: `
    WITH failed AS MATERIALIZED (SELECT span_id, parent_id, is_transport FROM (${CALLS}) WHERE status = 'error'),
    causes AS (
      SELECT e.*, regexp_replace(e.message, '[0-9a-f]{8,}|\\d+', '#', 'g') AS pattern FROM errors e
      WHERE NOT EXISTS (SELECT 1 FROM failed c WHERE c.parent_id = e.span_id AND NOT c.is_transport)
        AND NOT EXISTS (SELECT 1 FROM failed c WHERE c.span_id = e.span_id AND c.is_transport)),
    totals AS (SELECT layer, name, sum(weight) AS n FROM spans GROUP BY ALL)
    SELECT error_type, c.layer, c.name, any_value(message) AS message, round(sum(weight))::BIGINT AS calls, round(any_value(t.n))::BIGINT AS all_calls,
      sum(duration_ms * weight) AS total_ms, min(start_time) AS first, max(start_time) AS last,
      list_sort(list(DISTINCT tool) FILTER (tool IS NOT NULL)) AS tools, any_value(stack) AS stack, (list(c.trace_id ORDER BY start_time DESC, c.trace_id))[1:3] AS traces
    FROM causes c JOIN totals t USING (layer, name)
      LEFT JOIN (SELECT trace_id, arg_min(tool, start_time) AS tool FROM tool_calls WHERE status = 'error' GROUP BY trace_id) u ON u.trace_id = c.trace_id
    GROUP BY error_type, c.layer, c.name, pattern ORDER BY calls DESC, c.name LIMIT 50`,
  find: (rows) =>
    rows.map((row) => ({
      key: `${row.layer}\0${row.name}\0${row.error_type ?? ''}\0${(row.message ?? '').replace(/[0-9a-f]{8,}|\d+/g, '#')}`,
      title: `${row.name} fails with ${row.error_type ?? 'an error'}${row.message === null ? '' : `: ${row.message}`} (${row.calls} of ${row.all_calls})`,
      severity: row.calls / row.all_calls >= 0.1 ? ('high' as const) : row.calls >= 3 ? ('medium' as const) : ('low' as const),
      cost: { calls: row.calls, total_ms: row.total_ms },
      traces: row.traces,
      places: placeOf(row.stack),
      facts: { error: row.error_type, message: row.message, first: row.first, last: row.last, tools: row.tools, share: row.calls / row.all_calls },
      advice: 'The trace shows what led to it. Handle it where it can be put right (a retry for what passes, a clear answer for what does not), and let it be seen otherwise.',
    })), // prettier-ignore
})

/** The first frame of a stack that is the app's own. */
function placeOf(stack: string | null): { file: string; line: number; function: string | null }[] {
  for (const frame of (stack ?? '').split('\n')) {
    const [, name, file, line] = /^\s+at (?:(.+?) \()?(?:file:\/\/)?([^()]+?):(\d+):\d+\)?$/.exec(frame) ?? []
    if (file !== undefined && !file.startsWith('node:') && !file.includes('node_modules'))
      return [{ file, line: Number(line), function: name ?? null }]
  }
  return []
}
