import { defineFinding } from '../finding.ts'

interface Row {
  function: string | null
  file: string | null
  line: number | null
  span_name: string | null
  calls: number
  total_ms: number
  longest_ms: number
  traces: (string | null)[]
}

/** Code that blocked the event loop. */
export default defineFinding<Row>({
  kind: 'blocking-call',
  about: 'Code that blocked the event loop for longer than the stall threshold: every other request waited for it.',
  sql: `
    SELECT b.function, b.file, b.line, s.name AS span_name, count(*) AS calls, sum(b.duration_ms) AS total_ms, max(b.duration_ms) AS longest_ms,
      (list(s.trace_id ORDER BY b.duration_ms DESC))[1:3] AS traces
    FROM stalls b LEFT JOIN spans s USING (span_id) WHERE coalesce(b.function, s.name) IS NOT NULL GROUP BY ALL ORDER BY total_ms DESC LIMIT 50`,
  find: (rows) =>
    rows.map((row) => {
      const what = row.function ?? row.span_name ?? 'Something'
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
