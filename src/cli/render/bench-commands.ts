import { median } from '../../analysis/bench/compare-implementations.ts'
import type { CommandReport } from '../bench/bench-commands.ts'
import { shownPath } from '../bench/shown-path.ts'
import { verdictText } from './bench.ts'
import { count, counted, duration } from './format.ts'
import { cut, oneLine, table } from './table.ts'
import type { Terminal } from './terminal.ts'

const RIGHT = { align: 'right' as const }

/** One command, or two with their comparison. */
export function renderCommands(terminal: Terminal, report: CommandReport): string {
  const { paint } = terminal
  const { commands, rounds } = report
  const how = `${counted(rounds, 'run')}${commands.length > 1 ? ' each, in turns' : ''}`
  const lines = [paint.bold(how), ...commands.map(({ label, command }) => cut(`${label}: ${command}`, terminal.width, terminal)), '']
  lines.push(commands.length > 1 ? comparisonTable(terminal, report) : plainTable(terminal, report))
  if (report.spans.length > 0) lines.push('', paint.bold('recorded spans, per run'), spanTable(terminal, report))
  lines.push('', ...notes(report).map((note) => paint.dim(note)))
  return lines.join('\n')
}

function comparisonTable(terminal: Terminal, { measures }: CommandReport): string {
  const columns = [
    { head: '', flexible: true }, { head: 'A median', ...RIGHT }, { head: 'B median', ...RIGHT }, { head: 'A p95', ...RIGHT }, { head: 'B p95', ...RIGHT },
    { head: 'B/A', ...RIGHT }, { head: '95 %', ...RIGHT }, { head: 'B is' },
  ] // prettier-ignore
  const rows = measures.map(({ name, medians, p95s, difference, interval, verdict }) => [
    oneLine(name), duration(medians[0]), duration(medians[1]), duration(p95s[0]), duration(p95s[1]), (1 + difference).toFixed(2),
    interval.every(Number.isFinite) ? interval.map((end) => (1 + end).toFixed(2)).join('-') : '', verdictText(terminal, verdict, 'unclear'),
  ]) // prettier-ignore
  return table(terminal, columns, rows)
}

function plainTable(terminal: Terminal, { commands }: CommandReport): string {
  const rows = commands.flatMap(({ wall_ms, cpu_ms }) =>
    ([['wall time', wall_ms], ['CPU time', cpu_ms]] as const).flatMap(([name, values]) =>
      values.length === 0 ? [] : [[name, duration(median(values)), duration(Math.min(...values)), duration(Math.max(...values))]],
    ),
  ) // prettier-ignore
  return table(
    terminal,
    [
      { head: '', flexible: true },
      { head: 'median', ...RIGHT },
      { head: 'least', ...RIGHT },
      { head: 'most', ...RIGHT },
    ],
    rows,
  )
}

function spanTable(terminal: Terminal, { commands, spans }: CommandReport): string {
  const rows = spans.map(({ layer, name, per_arm }) => [
    oneLine(name),
    layer,
    ...per_arm.flatMap((one) => (one === null ? ['-', '-'] : [duration(one.ms_per_run), `${count(one.calls_per_run)}x`])),
  ])
  const heads = commands.length > 1 ? commands.flatMap(({ label }) => [label, 'calls']) : ['time', 'calls']
  return table(terminal, [{ head: 'span', flexible: true }, { head: 'layer' }, ...heads.map((head) => ({ head, ...RIGHT }))], rows)
}

function notes({ commands, measures, same_within }: CommandReport): string[] {
  const [, b] = commands
  const sessions = commands.flatMap(({ session }) => session ?? [])
  return [
    ...(measures.length > 0
      ? [`B/A with its 95 % confidence interval. same: within ${same_within * 100} %. unclear: not enough data; take more rounds.`]
      : []),
    ...(commands.some(({ cpu_ms }) => cpu_ms.length > 0)
      ? ['CPU time: of the process and its children, exact to 10 ms.']
      : ['CPU time is known on Linux only.']),
    ...sessions.map((session, i) => `${b === undefined ? '' : `${commands[i]?.label}: `}recorded in ${shownPath(session)}`),
  ]
}
