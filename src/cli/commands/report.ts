import { UsageError } from '../../errors.ts'
import { buildReport } from '../../analysis/report.ts'
import type { CommonOptions } from '../command.ts'
import { openNamedSession } from '../open.ts'
import { withProgress } from '../render/progress.ts'
import { renderReport } from '../render/report.ts'
import { terminalOf } from '../render/terminal.ts'

/** `perf-agent report`: the session at a glance. */
export async function report(_: undefined, options: CommonOptions & { limit?: string }): Promise<void> {
  const limit = positiveInteger('--limit', options.limit ?? '10')
  const reader = await openNamedSession(options)
  try {
    const data = await withProgress('Summing up', buildReport(reader, { limit }))
    process.stdout.write(
      options.json === true ? `${JSON.stringify(data, null, process.stdout.isTTY ? 2 : undefined)}\n` : renderReport(terminalOf(), data),
    )
  } finally {
    reader.close()
  }
}

/** A whole number above zero, or a `UsageError`. */
export function positiveInteger(option: string, value: string): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number <= 0) throw new UsageError(`${option} needs a whole number above 0, not '${value}'.`)
  return number
}
