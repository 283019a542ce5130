import type { SessionReader } from '../store/query.ts'

/** One line of the app's logs. */
export interface LogRow {
  time: string
  level: string | null
  message: string | null
}

export interface LogReport {
  /** Lines by level, the most first. */
  levels: { level: string | null; count: number; in_traces: number }[]
  /** The last lines of traces that hold an error. */
  failing: (LogRow & { trace_id: string; span_id: string | null })[]
}

/** What the app's loggers wrote; null when there was nothing. */
export async function logReport(reader: SessionReader, limit: number): Promise<LogReport | null> {
  const levels = await reader.rows<LogReport['levels'][number]>(
    `SELECT level, count(*) AS count, count(trace_id) AS in_traces FROM logs GROUP BY level ORDER BY count DESC, level`,
  )
  if (levels.length === 0) return null
  const failing = await reader.rows<LogReport['failing'][number]>(
    `SELECT time, level, message, trace_id, span_id FROM logs
      WHERE trace_id IN (SELECT trace_id FROM spans WHERE status = 'error') ORDER BY time DESC LIMIT ${limit}`,
  )
  return { levels, failing: failing.reverse() }
}

/** The lines written in each span of a trace, in order. */
export async function linesOfTrace(reader: SessionReader, traceId: string): Promise<Map<string, LogRow[]>> {
  const rows = await reader.rows<LogRow & { span_id: string }>(
    `SELECT time, level, message, span_id FROM logs WHERE trace_id = '${traceId}' ORDER BY time`,
  )
  const bySpan = new Map<string, LogRow[]>()
  for (const { span_id: span, ...line } of rows) {
    const lines = bySpan.get(span)
    if (lines === undefined) bySpan.set(span, [line])
    else lines.push(line)
  }
  return bySpan
}
