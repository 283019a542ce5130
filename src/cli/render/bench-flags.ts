import type { FlagEffect } from '../../analysis/bench/flag-effects.ts'
import type { FlagReport, FlagSeries } from '../bench/bench-flags.ts'
import { verdictText } from './bench.ts'
import { count, counted, duration } from './format.ts'
import { cut, oneLine, table } from './table.ts'
import type { Terminal } from './terminal.ts'

const RIGHT = { align: 'right' as const }

/** The matrix of flags: every combination, then what each flag does. */
export function renderFlags(terminal: Terminal, report: FlagReport): string {
  const { paint } = terminal
  const { combinations, flags, rounds, series } = report
  const lines = [
    `${paint.bold(flags.join(', '))}  ${paint.dim(`${combinations.length} combinations, ${counted(rounds, 'run')} each, in turns`)}`,
  ]
  for (const one of series)
    lines.push(
      '',
      paint.bold(cut(one.name, terminal.width, terminal)),
      combinationTable(terminal, report, one),
      '',
      effectTable(terminal, one),
    )
  if (report.spans.length > 0) lines.push('', paint.bold('recorded spans, per run'), spanTable(terminal, report))
  for (const text of report.rejected) lines.push('', paint.red(cut(text, terminal.width * 2, terminal)))
  lines.push('', ...notes(report).map((note) => paint.dim(note)))
  return lines.join('\n')
}

function combinationTable(terminal: Terminal, { flags, combinations }: FlagReport, { combinations: values }: FlagSeries): string {
  const base = values[0]?.median_ms ?? 0
  const rows = values.map(({ median_ms, values_ms }, i) => [
    String(i + 1),
    ...flags.map((flag) => oneLine(combinations[i]?.flags[flag] ?? '') || '(unset)'),
    duration(median_ms),
    `${duration(Math.min(...values_ms))}-${duration(Math.max(...values_ms))}`,
    base === 0 ? '-' : (median_ms / base).toFixed(2),
  ])
  const columns = [
    { head: '#', ...RIGHT },
    ...flags.map((flag, i) => ({ head: flag, ...(i === 0 ? { flexible: true } : {}) })),
    { head: 'median', ...RIGHT },
    { head: 'range', ...RIGHT },
    { head: 'ratio', ...RIGHT },
  ]
  return table(terminal, columns, rows)
}

const MOST_EFFECTS = 12

function effectTable(terminal: Terminal, { effects }: FlagSeries): string {
  // Of three and more only what can be told apart from noise.
  const shown = effects
    .filter(({ flags, verdict }) => flags.length < 3 || verdict === 'slower' || verdict === 'faster')
    .slice(0, MOST_EFFECTS)
  const rows = shown.map((effect) => [
    effect.flags.length === 1 ? `${effect.flags[0]} on` : `${effect.flags.join(' + ')} together, beyond each`,
    `x${effect.ratio.toFixed(2)}`,
    effect.interval === null ? '' : `${effect.interval[0].toFixed(2)}-${effect.interval[1].toFixed(2)}`,
    probability(effect),
    verdictText(terminal, effect.verdict, 'noise'),
  ])
  const columns = [
    { head: 'effect', flexible: true },
    { head: 'time', ...RIGHT },
    { head: '95 %', ...RIGHT },
    { head: 'p', ...RIGHT },
    { head: '' },
  ]
  return table(terminal, columns, rows)
}

const probability = ({ p, interval }: FlagEffect): string => (interval === null ? '' : p < 0.001 ? '<0.001' : p.toFixed(3))

function spanTable(terminal: Terminal, { combinations, spans }: FlagReport): string {
  // One column for each combination, as many as fit; --json has all.
  const shown = combinations.slice(0, Math.max(2, Math.floor((terminal.width - 30) / 9)))
  const rows = spans.map(({ name, per_arm }) => {
    const calls = per_arm.map((one) => one?.calls_per_run ?? 0)
    const [least, most] = [Math.min(...calls), Math.max(...calls)]
    return [
      oneLine(name),
      least === most ? count(most) : `${count(least)}-${count(most)}`,
      ...shown.map((_, i) => duration(per_arm[i]?.ms_per_run)),
    ]
  })
  const columns = [{ head: 'span', flexible: true }, { head: 'calls', ...RIGHT }, ...shown.map((_, i) => ({ head: `#${i + 1}`, ...RIGHT }))]
  return table(terminal, columns, rows)
}

function notes({ rounds, same_within, combinations }: FlagReport): string[] {
  const [first] = combinations
  const sessions =
    first?.session === null
      ? []
      : ['Each combination is a session of its own: perf-agent sessions, perf-agent compare flag:NAME=1 flag:NAME=0.']
  return [
    rounds < 2
      ? 'One run of each combination tells nothing apart from noise: take --rounds 5.'
      : `time: with the flag by without it, over all combinations. noise: cannot be told apart from it. same: within ${same_within * 100} %.`,
    ...sessions,
  ]
}
