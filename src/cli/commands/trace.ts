import { criticalPath, type PathSegment } from '../../analysis/critical-path.ts'
import { timedTraces } from '../../analysis/timed-traces.ts'
import { timeParts, type TimeParts } from '../../analysis/time-parts.ts'
import { aiByModel, type ReportData } from '../../analysis/report.ts'
import { linesOfTrace, type LogRow } from '../../analysis/log-report.ts'
import { TRACE_HEAD, traceRows, type TraceHead, type WaterfallRow } from '../../analysis/trace-tree.ts'
import { PerfError, UsageError } from '../../errors.ts'
import type { SessionReader } from '../../store/query.ts'
import type { CommonOptions } from '../command.ts'
import { openNamedSession } from '../open.ts'
import { criticalPathTable } from '../render/critical-path.ts'
import { counted, duration } from '../render/format.ts'
import { spanLines } from '../render/logs.ts'
import { aiCalls } from '../render/report-tables.ts'
import { oneLine } from '../render/table.ts'
import { terminalOf, type Terminal } from '../render/terminal.ts'
import { timePartsTable } from '../render/time-parts.ts'
import { waterfall } from '../render/waterfall.ts'

interface TraceFacts extends TraceHead {
  errors: number
}

/** `perf-agent trace <id>`: one trace as a waterfall; the id may be that of a span, or the beginning of one. */
export async function trace(
  id: string | undefined,
  options: CommonOptions & { attributes?: boolean; all?: boolean; critical?: boolean },
): Promise<void> {
  const reader = await openNamedSession(options)
  try {
    const traceId = await findTrace(reader, id ?? 'slowest')
    const [facts] = await reader.rows<TraceFacts>(`SELECT ${TRACE_HEAD}, errors FROM traces WHERE trace_id = '${traceId}'`)
    if (facts === undefined) throw notFound(id)
    if (options.critical === true) return await printCriticalPath(reader, facts, options)
    const spans = await traceRows(reader, traceId, {
      collapse: options.all !== true && options.json !== true && options.attributes !== true,
    })
    const details =
      options.json === true || options.attributes === true ? await spanDetails(reader, traceId) : new Map<string, Record<string, unknown>>()
    const parts = await timeParts(reader, traceId)
    const logs = await linesOfTrace(reader, traceId)
    const ai = await aiByModel(reader, `trace_id = '${traceId}'`, 20)
    if (options.json === true) {
      const known = new Map(parts.map((part) => [part.span_id, part]))
      const full = spans.map((span) => ({
        ...span,
        ...known.get(span.span_id),
        ...details.get(span.span_id),
        logs: logs.get(span.span_id) ?? [],
      }))
      process.stdout.write(`${JSON.stringify({ ...facts, ai_calls: ai, tree: full }, null, process.stdout.isTTY ? 2 : undefined)}\n`)
    } else process.stdout.write(render(terminalOf(), facts, spans, details, logs) + aiBelow(ai) + partsBelow(parts))
  } finally {
    reader.close()
  }
}

async function printCriticalPath(reader: SessionReader, facts: TraceFacts, options: CommonOptions): Promise<void> {
  const segments: PathSegment[] = []
  for await (const { spans } of timedTraces(reader, `trace_id = '${facts.trace_id}'`, 1))
    for (const segment of criticalPath(spans)) segments.push(segment)
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify({ ...facts, critical_path: segments }, null, process.stdout.isTTY ? 2 : undefined)}\n`
      : `${traceHead(terminalOf(), facts)}\n\n${criticalPathTable(terminalOf(), segments)}\n`,
  )
}

/** The whole id of a trace, from that of a span, the beginning of one, `slowest` or `last`. */
export async function findTrace(reader: SessionReader, id: string): Promise<string> {
  if (id === 'slowest' || id === 'last') {
    const order = id === 'last' ? 'start_time' : 'duration_ms'
    const [row] = await reader.rows<{ trace_id: string }>(`SELECT trace_id FROM traces ORDER BY ${order} DESC LIMIT 1`)
    if (row === undefined) throw new PerfError('TRACE_NOT_FOUND', `Session ${reader.session.name} holds no trace.`)
    return row.trace_id
  }
  const digits = id.toLowerCase()
  if (!/^[0-9a-f]{4,32}$/.test(digits))
    throw new UsageError(`'${id}' is not a trace or span id: at least the first 4 of its hex digits, 'slowest' or 'last'.`)
  if (digits.length === 32) return digits
  if (digits.length === 16) {
    const [row] = await reader.rows<{ trace_id: string }>(`SELECT trace_id FROM spans WHERE span_id = '${digits}'`)
    if (row !== undefined) return row.trace_id
  }
  const rows = await reader.rows<{ trace_id: string }>(
    `SELECT DISTINCT trace_id FROM (SELECT trace_id FROM traces WHERE starts_with(trace_id, '${digits}') UNION ALL SELECT trace_id FROM spans WHERE starts_with(span_id, '${digits}')) LIMIT 4`,
  )
  if (rows.length > 1)
    throw new UsageError(`'${id}' fits more than one trace (${rows.map((row) => row.trace_id.slice(0, 12)).join(', ')}); give more digits.`)
  const only = rows[0]
  if (only === undefined) throw notFound(id)
  return only.trace_id
}

const notFound = (id: string | undefined): PerfError =>
  new PerfError('TRACE_NOT_FOUND', `No trace or span '${id ?? ''}' in this session; 'perf-agent report' shows the slowest.`)

async function spanDetails(reader: SessionReader, traceId: string): Promise<Map<string, Record<string, unknown>>> {
  const rows = await reader.rows<{ span_id: string } & Record<string, unknown>>(
    `SELECT span_id, parent_id, integration, kind, start_time, error_type, thread, variant, attributes FROM spans WHERE trace_id = '${traceId}'`,
  )
  return new Map(rows.map((row) => [row.span_id, row]))
}

function aiBelow(ai: ReportData['ai']): string {
  return ai.length === 0 ? '' : `\n${aiCalls(terminalOf(), { ai })}\n`
}

function partsBelow(parts: readonly TimeParts[]): string {
  const text = timePartsTable(terminalOf(), parts)
  return text === '' ? '' : `\n${text}\n`
}

function render(
  terminal: Terminal,
  facts: TraceFacts,
  spans: WaterfallRow[],
  details: Map<string, Record<string, unknown>>,
  logs: Map<string, LogRow[]>,
): string {
  const linesOf = (span: WaterfallRow): string[] => spanLines(terminal, span.count === 1 ? (logs.get(span.span_id) ?? []) : [], span.depth)
  const head = traceHead(terminal, facts)
  const shown = spans.reduce((sum, span) => sum + span.count, 0)
  if (details.size === 0)
    return `${head}\n\n${waterfall(terminal, spans, facts.duration_ms, { hidden: facts.spans - shown, below: linesOf })}\n`
  const lines = spans.flatMap((span) => [
    waterfall(terminal, [span], facts.duration_ms, { isPart: true }),
    ...attributeLines(terminal, span, details.get(span.span_id)),
    ...linesOf(span),
  ])
  return `${head}\n\n${lines.join('\n')}\n`
}

function traceHead({ paint, width }: Terminal, facts: TraceFacts): string {
  const state = facts.status === 'error' ? paint.red('error') : facts.status === 'open' ? 'still open' : ''
  const what = `trace ${facts.trace_id}  ${facts.start_time.replace('T', ' ').slice(0, 23)}`
  const counts = facts.errors > 0 ? `${counted(facts.spans, 'span')}, ${counted(facts.errors, 'error')}` : counted(facts.spans, 'span')
  return [
    `${paint.bold(oneLine(facts.name))}  ${duration(facts.duration_ms)}  ${state}`.trimEnd(),
    paint.dim(`${what}${what.length + 2 + counts.length > width ? '\n' : '  '}${counts}`),
  ].join('\n')
}

function attributeLines(terminal: Terminal, span: WaterfallRow, detail: Record<string, unknown> | undefined): string[] {
  const indent = '  '.repeat(Math.min(span.depth, 8) + 2)
  const attributes = Object.entries((detail?.['attributes'] ?? {}) as Record<string, unknown>)
  return attributes.map(([key, value]) =>
    terminal.paint.dim(`${indent}${key} = ${oneLine(typeof value === 'string' ? value : JSON.stringify(value))}`),
  )
}
