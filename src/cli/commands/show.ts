import { codeOfTraces } from '../../analysis/digest/code.ts'
import { tokenCounter } from '../../analysis/digest/tokens.ts'
import { findingsOf } from '../../analysis/refresh-findings.ts'
import { traceRows } from '../../analysis/trace-tree.ts'
import { PerfError } from '../../errors.ts'
import type { SessionReader } from '../../store/query.ts'
import type { CommonOptions } from '../command.ts'
import { openForFindings } from '../open.ts'
import { showFinding, showTrace, type TraceText } from '../render/digest-show.ts'
import { renderFinding } from '../render/findings.ts'
import { terminalOf } from '../render/terminal.ts'
import { positiveInteger } from './report.ts'
import { findTrace, trace } from './trace.ts'

/** Tools whose code is shown with a finding. */
const MOST_CODE = 5

/**
 * `perf-agent show <id>`: a finding with its evidence and advice; an id of hex digits is a trace or span. With `--budget` as markdown for
 * an assistant, with what belongs to it as far as there is room.
 */
export async function show(id: string, options: CommonOptions & { budget?: string }): Promise<void> {
  const budget = options.budget === undefined ? undefined : positiveInteger('--budget', options.budget)
  const isTrace = /^[0-9a-f]{4,32}$/i.test(id)
  if (isTrace && budget === undefined) return trace(id, { ...options, attributes: true })
  const reader = await openForFindings(options)
  try {
    if (isTrace && budget !== undefined) {
      const { text } = showTrace(await traceText(reader, await findTrace(reader, id)), { budget, count: await tokenCounter() })
      process.stdout.write(text)
      return
    }
    const found = (await findingsOf(reader)).filter((finding) => finding.id.startsWith(id))
    const [finding] = found
    if (finding === undefined)
      throw new PerfError('FINDING_NOT_FOUND', `No finding '${id}' in this session; 'perf-agent findings' lists them.`)
    if (found.length > 1)
      throw new PerfError(
        'FINDING_NOT_FOUND',
        `'${id}' fits ${found.length} findings; give the whole id, as 'perf-agent findings' shows it.`,
      )
    if (budget !== undefined) {
      const { traces } = finding.evidence
      const trees: TraceText[] = []
      for (const traceId of traces) trees.push(await traceText(reader, traceId))
      const code = await codeOfTraces(reader, traces, MOST_CODE)
      process.stdout.write(showFinding(finding, trees, code, { budget, count: await tokenCounter() }).text)
      return
    }
    process.stdout.write(
      options.json === true
        ? `${JSON.stringify(finding, null, process.stdout.isTTY ? 2 : undefined)}\n`
        : renderFinding(terminalOf(), finding),
    )
  } finally {
    reader.close()
  }
}

async function traceText(reader: SessionReader, traceId: string): Promise<TraceText> {
  const [facts] = await reader.rows<Omit<TraceText, 'rows'>>(
    `SELECT trace_id, name, duration_ms, status FROM traces WHERE trace_id = '${traceId}'`,
  )
  if (facts === undefined) throw new PerfError('TRACE_NOT_FOUND', `No trace '${traceId}' in this session.`)
  return { ...facts, rows: await traceRows(reader, traceId, { collapse: true }) }
}
