import { BLOCKING_CALLS } from '../blocking-calls.ts'
import { defineFinding } from '../finding.ts'

interface Row {
  function: string | null
  /** The function that blocked, which may be one of Node's. */
  call: string | null
  file: string | null
  line: number | null
  span_name: string | null
  calls: number
  total_ms: number
  longest_ms: number
  traces: (string | null)[]
}

/** Calls of an embedded database that are shorter are no finding each. */
const LONG_CALL_MS = 20

/** Code that blocked the event loop. */
export default defineFinding<Row>({
  kind: 'blocking-call',
  about: 'Code that blocked the event loop for longer than the stall threshold: every other request waited for it.',
  sql: `
    SELECT CASE WHEN held THEN what ELSE function END AS function, arg_max(what, duration_ms) AS call, arg_max(file, duration_ms) FILTER (file IS NOT NULL) AS file,
      arg_max(line, duration_ms) FILTER (file IS NOT NULL) AS line, span_name, count(*) AS calls, sum(duration_ms) AS total_ms,
      max(duration_ms) AS longest_ms, (list(trace_id ORDER BY duration_ms DESC))[1:3] AS traces
    FROM (${BLOCKING_CALLS}) WHERE what IS NOT NULL AND what <> 'heap snapshot' AND (NOT held OR duration_ms >= ${LONG_CALL_MS})
    GROUP BY CASE WHEN held THEN what ELSE function END, held, CASE WHEN held THEN '' ELSE concat(file, ':', line) END, span_name
    ORDER BY total_ms DESC LIMIT 50`,
  find: (rows) =>
    rows.map((row) => {
      const what = nameOf(row)
      return {
        key: `${row.file ?? ''}\0${row.function ?? ''}\0${row.span_name ?? ''}`,
        title: `${what} blocks the event loop for up to ${Math.round(row.longest_ms)} ms${row.span_name === null ? '' : ` in ${row.span_name}`}`,
        // Outside of any span it is mostly the loading of modules at the start.
        severity: row.span_name === null ? ('low' as const) : row.longest_ms >= 500 ? ('high' as const) : ('medium' as const),
        cost: { calls: row.calls, total_ms: row.total_ms, cpu_ms: row.total_ms },
        traces: row.traces,
        places: row.file === null ? [] : [{ file: row.file, line: row.line, function: row.function }],
        facts: { longest_ms: row.longest_ms, span: row.span_name },
        advice: 'Use the asynchronous version of the call where there is one, cut the work into pieces with `setImmediate` between them, or move it to a worker thread (`node:worker_threads`).',
      }
    }), // prettier-ignore
})

const ANONYMOUS = '(anonymous)'

/** A function without a name says nothing: what it called does, else where it stands. */
function nameOf({ function: name, call, file, line, span_name: span }: Row): string {
  if (name !== ANONYMOUS) return name ?? span ?? 'Something'
  if (call !== null && call !== ANONYMOUS) return call
  return file === null ? name : `${file.slice(file.lastIndexOf('/') + 1)}:${String(line ?? '')}`
}
