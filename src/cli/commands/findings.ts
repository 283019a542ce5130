import { findAll } from '../../analysis/find.ts'
import { findingKinds } from '../../analysis/findings/registry.ts'
import { UsageError } from '../../errors.ts'
import type { CommonOptions } from '../command.ts'
import { openNamedSession } from '../open.ts'
import { findingsTable } from '../render/findings.ts'
import { withProgress } from '../render/progress.ts'
import { terminalOf } from '../render/terminal.ts'
import { positiveInteger } from './report.ts'

/** `perf-agent findings`: what to change, the costliest first. */
export async function findings(_: undefined, options: CommonOptions & { kind?: string; limit?: string }): Promise<void> {
  const limit = positiveInteger('--limit', options.limit ?? '30')
  const kinds = findingKinds.filter(({ kind }) => options.kind === undefined || kind === options.kind)
  if (kinds.length === 0)
    throw new UsageError(`There is no kind of finding '${options.kind}'; there are ${findingKinds.map(({ kind }) => kind).join(', ')}.`)
  const reader = await openNamedSession(options)
  try {
    const found = await withProgress('Looking for findings', findAll(reader, kinds))
    if (options.json === true)
      process.stdout.write(`${JSON.stringify(found.slice(0, limit), null, process.stdout.isTTY ? 2 : undefined)}\n`)
    else if (found.length === 0) process.stdout.write('Nothing found that is worth a change.\n')
    else process.stdout.write(`${findingsTable(terminalOf(), found.slice(0, limit), found.length)}\n`)
  } finally {
    reader.close()
  }
}
