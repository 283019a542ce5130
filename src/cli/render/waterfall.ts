import type { WaterfallRow } from '../../analysis/trace-tree.ts'
import { counted, duration } from './format.ts'
import { cut } from './table.ts'
import type { Terminal } from './terminal.ts'

export interface WaterfallOptions {
  /** Spans that are not shown. */
  hidden?: number
  /** One row of several calls: without the heads of the columns. */
  isPart?: boolean
  /** What stands below a row. */
  below?: (row: WaterfallRow) => readonly string[]
}

/** A trace as bars over time, one line per span; lighter bars stand for many calls, or for one that is still open. With its own CPU where known. */
export function waterfall(terminal: Terminal, rows: readonly WaterfallRow[], totalMs: number, options: WaterfallOptions = {}): string {
  const { hidden = 0, isPart = false, below = () => [] } = options
  const hasCpu = rows.some((row) => row.cpu_ms !== null)
  const figures = hasCpu ? 23 : 14
  const barWidth = Math.max(12, Math.floor((terminal.width - figures) * 0.42))
  const nameWidth = terminal.width - barWidth - figures
  const lines = rows.flatMap((row) => {
    const indent = ' '.repeat(Math.min(row.depth, 8) * 2)
    const times = row.count > 1 ? ` x${row.count.toLocaleString('en-US')}` : ''
    const name =
      indent + cut(row.target === null ? row.name : `${row.name} ${row.target}`, nameWidth - indent.length - times.length, terminal) + times
    const time = (row.duration_ms === null ? 'open' : duration(row.duration_ms)).padStart(8)
    const cpu = hasCpu ? ` ${(row.cpu_ms === null ? '-' : duration(row.cpu_ms)).padStart(8)}` : ''
    const paint = colorOf(terminal, row)
    const line = `  ${name.padEnd(nameWidth)} ${row.status === 'error' ? terminal.paint.red(time) : time}${cpu}  ${paint(bar(terminal, row, totalMs, barWidth))}`
    return [line.trimEnd(), ...below(row)]
  })
  if (hasCpu && !isPart) lines.unshift(terminal.paint.dim(`  ${' '.repeat(nameWidth)} ${'time'.padStart(8)} ${'own CPU'.padStart(8)}`))
  if (hidden > 0) lines.push(terminal.paint.dim(`  + ${counted(hidden, 'more span')}`))
  return lines.join('\n')
}

function bar(terminal: Terminal, row: WaterfallRow, totalMs: number, width: number): string {
  const scale = totalMs > 0 ? width / totalMs : 0
  const from = Math.min(width - 1, Math.floor(row.offset_ms * scale))
  const length = row.extent_ms === null ? width - from : Math.max(1, Math.min(width - from, Math.round(row.extent_ms * scale)))
  return ' '.repeat(from) + glyphOf(terminal, row).repeat(length)
}

function glyphOf(terminal: Terminal, row: WaterfallRow): string {
  if (row.extent_ms === null) return terminal.unicode ? '░' : '.'
  if (row.count > 1) return terminal.unicode ? '▒' : '-'
  return terminal.unicode ? '█' : row.status === 'error' ? '!' : '='
}

function colorOf(terminal: Terminal, row: WaterfallRow): (text: string) => string {
  const { paint } = terminal
  if (row.status === 'error') return paint.red
  const byLayer: Record<string, (text: string) => string> = {
    http: paint.blue,
    db: paint.cyan,
    ai: paint.magenta,
    tool: paint.yellow,
    cache: paint.green,
  }
  return byLayer[row.layer] ?? paint.white
}
