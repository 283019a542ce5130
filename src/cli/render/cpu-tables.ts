import type { CpuReport } from '../../analysis/cpu/cpu-report.ts'
import type { CpuTotals, FlameData } from '../../analysis/cpu/flame-data.ts'
import { placeOf } from '../../analysis/cpu/flame-tree.ts'
import type { FunctionChange, FunctionCpu, SpanCpu } from '../../analysis/cpu/functions.ts'
import { count, counted, duration, share } from './format.ts'
import { shortPlace } from './shown-file.ts'
import { oneLine, table, type TableColumn } from './table.ts'
import type { Terminal } from './terminal.ts'

const right = (head: string): TableColumn => ({ head, align: 'right' })
const time = (us: number): string => duration(us / 1000)

/** The report's section on the CPU. */
export function cpuSection(terminal: Terminal, cpu: CpuReport | null): string {
  if (cpu === null) return ''
  return [cpuSummary(terminal, cpu.totals), spanTable(terminal, cpu.totals, cpu.spans), functionTable(terminal, cpu.totals, cpu.functions)]
    .filter((part) => part !== '')
    .join('\n\n')
}

/** What was sampled, and how much of it belongs to no span. */
export function cpuSummary(terminal: Terminal, totals: CpuTotals, flame?: FlameData): string {
  const { us, inSpans, outside, gc, native, threads } = totals
  const lines = [
    `${terminal.paint.bold(`${time(us)} of CPU`)} sampled every ${time(totals.intervalUs)} in ${counted(threads, 'thread')}: ` +
      `${share(inSpans, us)} in spans, ${share(outside, us)} outside of any`,
    terminal.paint.dim(`garbage collection ${share(gc, us)}, native code between callbacks ${share(native, us)}`),
  ]
  if (flame !== undefined && flame.filter !== '') lines.push(`${time(flame.us)} of it (${share(flame.us, us)}) is ${oneLine(flame.filter)}`)
  if (totals.lostSwitches > 0)
    lines.push(
      terminal.paint.yellow(`${count(totals.lostSwitches)} changes of span were not logged: some samples are tied to a wrong span.`),
    )
  return lines.join('\n')
}

/** Functions by their own time. */
export function functionTable(terminal: Terminal, flame: { us: number }, rows: readonly FunctionCpu[]): string {
  if (rows.length === 0) return 'No sample fits.'
  const columns = [
    right('self'),
    right('%'),
    right('total'),
    { head: 'function' },
    { head: 'where', flexible: true },
    { head: 'mostly in', flexible: true },
  ]
  return table(
    terminal,
    columns,
    rows.map((row) => [
      time(row.self),
      share(row.self, flame.us),
      time(row.total),
      functionName(row.function),
      where(row),
      oneLine(row.span ?? '-'),
    ]),
  )
}

/** Spans by the CPU of their own code. */
export function spanTable(terminal: Terminal, flame: { us: number }, rows: readonly SpanCpu[]): string {
  if (rows.length === 0) return ''
  const columns = [
    right('CPU'),
    right('%'),
    { head: 'span', flexible: true },
    { head: 'layer' },
    { head: 'hottest function', flexible: true },
  ]
  return table(
    terminal,
    columns,
    rows.map((row) => [
      time(row.us),
      share(row.us, flame.us),
      oneLine(row.span ?? '(outside of any span)'),
      row.layer ?? '-',
      row.hottest === null ? '-' : `${functionName(row.hottest.function)} ${where(row.hottest)}`.trim(),
    ]),
  )
}

/** Functions whose own time changed. */
export function changeTable(terminal: Terminal, before: FlameData, after: FlameData, rows: readonly FunctionChange[]): string {
  const head = `Against ${before.session}: ${time(before.us)} before, ${time(after.us)} now`
  const columns = [right('change'), right('before'), right('now'), { head: 'function' }, { head: 'where', flexible: true }]
  const lines = rows.map((row) => {
    const change = `${row.change >= 0 ? '+' : '-'}${time(Math.abs(row.change))}`
    const paint = row.change > 0 ? terminal.paint.red : terminal.paint.green
    return [paint(change), time(row.before), time(row.after), functionName(row.function), row.file ?? '-']
  })
  return `${head}\n\n${table(terminal, columns, lines)}`
}

const MAX_NAME = 26
const functionName = (name: string): string => (name.length <= MAX_NAME ? oneLine(name) : `${oneLine(name).slice(0, MAX_NAME - 1)}~`)

function where(row: { function: string; file: string | null; line: number | null }): string {
  return shortPlace(isOfAgent(row.file) ? 'perf-agent' : placeOf(row))
}

const isOfAgent = (file: string | null): boolean => file !== null && /^(?:node:perf-agent\/|wasm:\/\/wasm\/perf-agent)/.test(file)
