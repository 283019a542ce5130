import { whatIf as replayTraces, type WhatIf } from '../../analysis/what-if.ts'
import { UsageError } from '../../errors.ts'
import type { CommonOptions } from '../command.ts'
import { openNamedSession } from '../open.ts'
import { count, counted, duration } from '../render/format.ts'
import { oneLine, table } from '../render/table.ts'
import { terminalOf, type Terminal } from '../render/terminal.ts'

/** `perf-agent what-if tool.search -50%`: how much faster the traces would be if these spans were. */
export async function whatIf(words: string[], options: CommonOptions): Promise<void> {
  const [change = '', ...rest] = words.toReversed()
  const target = rest.toReversed().join(' ')
  if (target === '' || change === '')
    throw new UsageError(`Name the spans and the change, e.g. perf-agent what-if tool.search -50% (or +20%, -30ms, 15ms).`)
  const newDuration = parseChange(change)
  const reader = await openNamedSession(options)
  try {
    const result = await replayTraces(reader, spansNamed(target), newDuration)
    if (result.spans === 0)
      throw new UsageError(
        `No span is named '${target}' in this session; 'perf-agent report' shows the names, e.g. tool.search or 'GET /orders'.`,
      )
    process.stdout.write(
      options.json === true
        ? `${JSON.stringify({ target, change, ...result }, null, process.stdout.isTTY ? 2 : undefined)}\n`
        : render(terminalOf(), target, change, result),
    )
  } finally {
    reader.close()
  }
}

/** `name`, or `layer.name`, or a whole layer as `layer.*`. */
function spansNamed(target: string): string {
  const quoted = `'${target.replaceAll("'", "''")}'`
  return `name = ${quoted} OR layer || '.' || name = ${quoted} OR layer || '.*' = ${quoted}`
}

function parseChange(change: string): (ms: number) => number {
  const [, sign = '', digits = '', unit = ''] = /^([+-]?)(\d+(?:\.\d+)?)(%|ms|s)$/.exec(change) ?? []
  if (digits === '') throw new UsageError(`'${change}' is not a change: -50%, +20%, -30ms, or a new duration such as 15ms.`)
  const amount = Number(digits) * (unit === 's' ? 1000 : 1)
  if (unit === '%') {
    if (sign === '') throw new UsageError(`Say -${change} or +${change}.`)
    const factor = sign === '-' ? 1 - amount / 100 : 1 + amount / 100
    if (factor < 0) throw new UsageError(`Nothing can take ${change}: at most -100%.`)
    return (ms) => ms * factor
  }
  if (sign === '') return () => amount
  return (ms) => Math.max(0, sign === '-' ? ms - amount : ms + amount)
}

function render(terminal: Terminal, target: string, change: string, result: WhatIf): string {
  const { paint } = terminal
  const percent = (before: number, after: number): string =>
    before === 0 ? '' : `${after > before ? '+' : ''}${((after / before - 1) * 100).toFixed(0)}%`
  const rows = result.rows.map((row) => [
    oneLine(row.name), count(row.traces), duration(row.p50_ms), duration(row.new_p50_ms), percent(row.p50_ms, row.new_p50_ms),
    duration(row.p95_ms), duration(row.new_p95_ms), percent(row.p95_ms, row.new_p95_ms),
  ]) // prettier-ignore
  const right = { align: 'right' as const }
  const columns = [
    { head: 'trace', flexible: true }, { head: 'traces', ...right }, { head: 'p50', ...right }, { head: 'would be', ...right }, { head: '', ...right },
    { head: 'p95', ...right }, { head: 'would be', ...right }, { head: '', ...right },
  ] // prettier-ignore
  const lines = [
    `${paint.bold(`${target} ${change}`)}: ${counted(result.spans, 'span')} in ${counted(result.touched, 'trace')}${result.replayed < result.touched ? `, ${count(result.replayed)} of them replayed` : ''}`,
    '',
    table(terminal, columns, rows),
    '',
    paint.dim(`Without the change the replay is off by ${(result.replay_error * 100).toFixed(1)} % in the median. It assumes:`),
    ...result.assumptions.map((text) => paint.dim(`- ${text}`)),
  ]
  return `${lines.join('\n')}\n`
}
