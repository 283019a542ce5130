import { codeOfTraces } from '../../analysis/digest/code.ts'
import { tokenCounter } from '../../analysis/digest/tokens.ts'
import { buildReport } from '../../analysis/report.ts'
import { UsageError } from '../../errors.ts'
import type { SessionReader } from '../../store/query.ts'
import type { CommonOptions } from '../command.ts'
import { openForFindings } from '../open.ts'
import { renderDigestJson } from '../render/digest-json.ts'
import { renderDigest } from '../render/digest.ts'
import { withProgress } from '../render/progress.ts'
import { renderReport } from '../render/report.ts'
import { terminalOf } from '../render/terminal.ts'
import { reportAi, wantsAiPage, type AiPageOptions } from './report-ai.ts'
import { checkPageOptions, writePage, type PageOptions } from './report-html.ts'

export interface ReportOptions extends CommonOptions, AiPageOptions, PageOptions {
  limit?: string
  format?: 'text' | 'md' | 'json'
  budget?: string
}

/** `perf-agent report`: the session at a glance, for people; with `--format md` or `--budget` for an assistant, within so many tokens. */
export async function report(_: undefined, options: ReportOptions): Promise<void> {
  const limit = positiveInteger('--limit', options.limit ?? '10')
  const budget = options.budget === undefined ? undefined : positiveInteger('--budget', options.budget)
  const format = options.format ?? (options.json === true ? 'json' : budget === undefined ? 'text' : 'md')
  if (format === 'text' && budget !== undefined)
    throw new UsageError('--budget needs --format md or json: a text for people is not counted in tokens.')
  const isAiPage = wantsAiPage(options)
  if (isAiPage && (format === 'md' || budget !== undefined))
    throw new UsageError('The AI pages have no --format md and no --budget; use --json.')
  checkPageOptions({ ...options, isAiPage })
  if (isAiPage) return reportAi({ ...options, limit: String(limit), json: format === 'json' })
  const reader = await openForFindings(options)
  try {
    if (options.html !== undefined) return await writePage(reader, options)
    if (format === 'md' || budget !== undefined) {
      process.stdout.write(
        await withProgress('Summing up', digest(reader, format === 'json' ? 'json' : 'md', budget ?? USUAL_BUDGET, limit)),
      )
      return
    }
    const data = await withProgress('Summing up', buildReport(reader, { limit }))
    process.stdout.write(
      format === 'json' ? `${JSON.stringify(data, null, process.stdout.isTTY ? 2 : undefined)}\n` : renderReport(terminalOf(), data),
    )
  } finally {
    reader.close()
  }
}

const USUAL_BUDGET = 4000
/** Tools whose code a digest may show. */
const MOST_CODE = 20

async function digest(reader: SessionReader, format: 'md' | 'json', budget: number, limit: number): Promise<string> {
  const data = await buildReport(reader, { limit })
  const traces = new Set(data.findings.flatMap(({ evidence }) => evidence.traces))
  const options = { data, code: await codeOfTraces(reader, [...traces], MOST_CODE), budget, count: await tokenCounter() }
  return (format === 'json' ? renderDigestJson(options) : renderDigest(options)).text
}

/** A whole number above zero, or a `UsageError`. */
export function positiveInteger(option: string, value: string): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number <= 0) throw new UsageError(`${option} needs a whole number above 0, not '${value}'.`)
  return number
}
