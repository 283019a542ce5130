import type { LogReport, LogRow } from '../../analysis/log-report.ts'
import { count, counted } from './format.ts'
import { cut, oneLine, table } from './table.ts'
import type { Terminal } from './terminal.ts'

/** Lines of logs by level, and the last ones of traces that failed. */
export function logs(terminal: Terminal, report: LogReport | null): string {
  if (report === null) return ''
  const total = report.levels.reduce((sum, { count: lines }) => sum + lines, 0)
  const levels = `${counted(total, 'line')}: ${report.levels.map(({ level, count: lines }) => `${count(lines)} ${level ?? 'without a level'}`).join(', ')}`
  if (report.failing.length === 0) return cut(levels, terminal.width, terminal)
  const rows = report.failing.map((line) => [
    line.time.slice(11, 23),
    line.level ?? '',
    oneLine(line.message ?? ''),
    line.trace_id.slice(0, 8),
  ])
  const columns = [{ head: 'in failed traces' }, { head: 'level' }, { head: 'message', flexible: true }, { head: 'trace' }]
  return `${cut(levels, terminal.width, terminal)}\n${table(terminal, columns, rows)}`
}

const FEW = 4

/** The lines of one span below it; how many there are, where they are many. */
export function spanLines(terminal: Terminal, lines: readonly LogRow[], depth: number): string[] {
  const indent = ' '.repeat(Math.min(depth, 8) * 2 + 4)
  const texts =
    lines.length > FEW
      ? [`${counted(lines.length, 'line')} of logs`]
      : lines.map(({ level, message }) => `${level ?? ''}: ${oneLine(message ?? '')}`)
  return texts.map((text) =>
    terminal.paint.dim(indent + cut(`${terminal.unicode ? '·' : '.'} ${text}`, terminal.width - indent.length, terminal)),
  )
}
