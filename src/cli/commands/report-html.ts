import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { buildPage } from '../../analysis/page-data.ts'
import { PerfError, UsageError } from '../../errors.ts'
import type { SessionReader } from '../../store/query.ts'
import { bytes } from '../render/format.ts'
import { reportPage } from '../render/html/report-page.ts'
import { withProgress } from '../render/progress.ts'
import { shown } from '../render/shown-file.ts'

/** The page, and what shapes it. */
export interface PageOptions {
  html?: string | true
  json?: boolean
  limit?: string
}

/** Rows per table of the page, where there is more room than on a terminal. */
const ROWS_OF_PAGE = 30

/** Throws a `UsageError` for options the page cannot follow. */
export function checkPageOptions(options: PageOptions & { format?: string; budget?: string; isAiPage: boolean }): void {
  if (options.html === undefined) return
  if (options.budget !== undefined || options.format !== undefined)
    throw new UsageError('--html writes a page for people; leave out --format and --budget.')
  if (options.isAiPage) throw new UsageError('--html has the AI pages in it; leave out --ai, --conversation and --pipeline.')
}

/** `perf-agent report --html [file]`: the report as one HTML file. Throws a `PerfError` where it cannot be written. */
export async function writePage(reader: SessionReader, options: PageOptions): Promise<void> {
  const file = path.resolve(typeof options.html === 'string' ? options.html : `${reader.session.name}.report.html`)
  const limit = options.limit === undefined ? ROWS_OF_PAGE : Number(options.limit)
  const text = reportPage(await withProgress('Summing up', buildPage(reader, { limit })))
  try {
    writeFileSync(file, text, { mode: 0o600 })
  } catch (error) {
    throw new PerfError('FILE_NOT_WRITABLE', `${file} cannot be written: ${(error as Error).message}`, 2, { cause: error })
  }
  const size = Buffer.byteLength(text)
  const said =
    options.json === true ? JSON.stringify({ file, bytes: size }) : `Report: ${shown(file)} (${bytes(size)}; open it in a browser)`
  process.stdout.write(`${said}\n`)
}
