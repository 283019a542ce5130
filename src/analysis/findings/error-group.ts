import { CALLED_AT } from '../../store/analytics/call-targets.ts'
import { defineFinding, type Severity } from '../finding.ts'
import { IS_LATE, IS_LIMITED } from '../throttled.ts'

interface Row {
  error_type: string | null
  layer: string
  name: string
  /** With the host of a request. */
  called: string
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

/** Errors of one cause: same class, same call, same message but for numbers and ids. Only where they begin, not in the spans around; what `throttled-calls` says is not said again. */
export default defineFinding<Row>({
  kind: 'error-group',
  about:
    'Errors grouped by cause: class, call and message (numbers and ids aside), with first and last time and the tools affected; refusals and timeouts of outgoing calls are `throttled-calls`.',
  sql: `
    WITH failed AS MATERIALIZED (SELECT span_key, parent_key, is_transport, ${CALLED_AT} AS called,
      kind = 'client' AND coalesce(${IS_LIMITED} OR ${IS_LATE}, false) AS is_throttled FROM calls s WHERE status = 'error'),
    causes AS (
      SELECT e.*, coalesce(f.called, e.name) AS called, regexp_replace(e.message, '[0-9a-f]{8,}|\\d+', '#', 'g') AS pattern FROM errors e LEFT JOIN failed f ON f.span_key = e.span_key
      WHERE NOT coalesce(f.is_throttled, false)
        AND NOT EXISTS (SELECT 1 FROM failed c WHERE c.parent_key = e.span_key AND NOT c.is_transport)
        AND NOT EXISTS (SELECT 1 FROM failed c WHERE c.span_key = e.span_key AND c.is_transport)),
    totals AS (SELECT t.layer, t.called_at AS called, sum(s.weight) AS n FROM spans s JOIN call_targets t USING (span_key) GROUP BY ALL)
    SELECT error_type, c.layer, c.called, any_value(c.name) AS name, arg_min(message, {began: start_time, key: c.span_key}) AS message, round(sum(weight))::BIGINT AS calls, round(any_value(t.n))::BIGINT AS all_calls,
      sum(duration_ms * weight) AS total_ms, min(start_time) AS first, max(start_time) AS last,
      list_sort(list(DISTINCT tool) FILTER (tool IS NOT NULL)) AS tools, arg_min(stack, {began: start_time, key: c.span_key}) AS stack, top_traces(c.trace_key, epoch_us(start_time)) AS traces
    FROM causes c JOIN totals t USING (layer, called)
      LEFT JOIN (SELECT trace_key, arg_min(tool, start_time) AS tool FROM tool_calls WHERE status = 'error' GROUP BY trace_key) u ON u.trace_key = c.trace_key
    GROUP BY error_type, c.layer, c.called, pattern ORDER BY calls DESC, c.called LIMIT 50`,
  find: (rows) =>
    rows.map((row) => ({
      key: `${row.layer}\0${row.called}\0${row.error_type ?? ''}\0${(row.message ?? '').replace(/[0-9a-f]{8,}|\d+/g, '#')}`,
      title: `${row.called} fails with ${row.error_type ?? 'an error'}${row.message === null ? '' : `: ${row.message}`} (${row.calls} of ${row.all_calls})`,
      severity: severityOf(row),
      cost: { calls: row.calls, total_ms: row.total_ms },
      traces: row.traces,
      places: placeOf(row.stack),
      facts: { call: row.name, layer: row.layer, error: row.error_type, message: row.message, first: row.first, last: row.last, tools: row.tools, share: row.calls / row.all_calls },
      advice: 'The trace shows what led to it. Handle it where it can be put right (a retry for what passes, a clear answer for what does not), and let it be seen otherwise.',
    })), // prettier-ignore
})

/** One failure, were it of one call, is no pattern. */
function severityOf({ calls, all_calls }: Row): Severity {
  const isOften = calls / all_calls >= 0.1
  return isOften && calls >= 3 ? 'high' : isOften || calls >= 3 ? 'medium' : 'low'
}

/** The first frame of a stack that is the app's own. */
function placeOf(stack: string | null): { file: string; line: number; function: string | null }[] {
  for (const frame of (stack ?? '').split('\n')) {
    const [, name, file, line] = /^\s+at (?:(.+?) \()?(?:file:\/\/)?([^()]+?):(\d+):\d+\)?$/.exec(frame) ?? []
    if (file !== undefined && !file.startsWith('node:') && !file.includes('node_modules'))
      return [{ file, line: Number(line), function: name ?? null }]
  }
  return []
}
