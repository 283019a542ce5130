import { findingKinds } from '../../analysis/findings/registry.ts'
import { findingsOf } from '../../analysis/refresh-findings.ts'
import { UsageError } from '../../errors.ts'
import type { SessionReader } from '../../store/query.ts'
import type { CommonOptions } from '../command.ts'
import { openForFindings } from '../open.ts'
import { findingsTable } from '../render/findings.ts'
import { withProgress } from '../render/progress.ts'
import { terminalOf } from '../render/terminal.ts'
import { positiveInteger } from './report.ts'

/** `perf-agent findings`: what to change, the costliest first. */
export async function findings(_: undefined, options: CommonOptions & { kind?: string; limit?: string }): Promise<void> {
  const limit = positiveInteger('--limit', options.limit ?? '30')
  if (options.kind !== undefined && !findingKinds.some(({ kind }) => kind === options.kind))
    throw new UsageError(`There is no kind of finding '${options.kind}'; there are ${findingKinds.map(({ kind }) => kind).join(', ')}.`)
  const reader = await openForFindings(options)
  try {
    const all = await withProgress('Looking for findings', findingsOf(reader))
    const found = all.filter(({ kind }) => options.kind === undefined || kind === options.kind)
    if (options.json === true)
      process.stdout.write(`${JSON.stringify(found.slice(0, limit), null, process.stdout.isTTY ? 2 : undefined)}\n`)
    else if (found.length === 0) process.stdout.write(`${await nothingFound(reader)}\n`)
    else process.stdout.write(`${findingsTable(terminalOf(), found.slice(0, limit), found.length)}\n`)
  } finally {
    reader.close()
  }
}

/** A session without spans is not a healthy one. */
async function nothingFound(reader: SessionReader): Promise<string> {
  const [counted] = await reader.rows<{ spans: number }>('SELECT count(*) AS spans FROM spans')
  return counted?.spans === 0
    ? `${reader.session.name} holds no spans, so nothing could be looked at: perf-agent report says why.`
    : 'Nothing found that is worth a change.'
}
