import type { BenchmarkResult } from '../../analysis/bench/bench-result.ts'
import {
  compareImplementations,
  type BenchmarkComparison,
  type ImplementationComparison,
  type ScenarioComparison,
} from '../../analysis/bench/compare-implementations.ts'
import type { Verdict } from '../../analysis/statistics/compare-samples.ts'
import { bytes, count, counted, duration, share } from './format.ts'
import { cut, oneLine, table } from './table.ts'
import { terminalOf, type Terminal } from './terminal.ts'

/** Prints the result of one process to standard output. */
export function printBenchmark(result: BenchmarkResult, print: 'table' | 'json' | 'nothing'): void {
  // A reader such as `head` that closes the pipe early is no error of the benchmark.
  process.stdout.once('error', () => {})
  const comparison = compareImplementations([result])
  if (print === 'json') process.stdout.write(`${JSON.stringify(comparison)}\n`)
  if (print !== 'table') return
  const terminal = terminalOf()
  process.stdout.write(`${renderBenchmark(terminal, comparison)}\n\n${renderLegend(terminal, [comparison])}\n\n`)
}

/** The comparison of one benchmark: per scenario a table, and what was wrong. */
export function renderBenchmark(terminal: Terminal, comparison: BenchmarkComparison): string {
  const { paint } = terminal
  const origin = `${comparison.processes > 1 ? `${counted(comparison.processes, 'process')}, ` : ''}Node ${comparison.node}, seed ${comparison.seed}`
  const lines = [`${paint.bold(oneLine(comparison.benchmark))}  ${paint.dim(origin)}`]
  for (const scenario of comparison.scenarios) lines.push('', ...renderScenario(terminal, scenario, comparison.processes))
  return lines.join('\n')
}

const RIGHT = { align: 'right' as const }
const COLUMNS = [
  { head: 'implementation', flexible: true }, { head: 'median', ...RIGHT }, { head: 'p95', ...RIGHT }, { head: 'ops/s', ...RIGHT },
  { head: 'ratio', ...RIGHT }, { head: '95 %', ...RIGHT }, { head: '' }, { head: 'alloc', ...RIGHT }, { head: 'gc', ...RIGHT },
] // prettier-ignore

function renderScenario(terminal: Terminal, scenario: ScenarioComparison, processes: number): string[] {
  const { paint } = terminal
  const [first] = scenario.implementations
  const how = first === undefined ? 'nothing was timed' : `${counted(first.rounds, 'round')}, ${callsOf(scenario)}`
  const rows = scenario.implementations.flatMap((row) => [
    [
      oneLine(row.implementation), duration(row.median_ms), duration(row.p95_ms), count(row.ops_per_second), ratio(row), interval(row),
      verdict(terminal, row), row.allocated_bytes === null ? '-' : bytes(row.allocated_bytes), row.collection_share === 0 ? '-' : share(row.collection_share, 1),
    ],
    ...(processes > 1 ? row.processes.map((part) => [`  process ${part.pid}`, duration(part.median_ms), '', count(part.ops_per_second), '', '', '', '', '']) : []),
  ]) // prettier-ignore
  return [
    `${oneLine(scenario.scenario)}  ${paint.dim(how)}`,
    ...(rows.length === 0 ? [] : [table(terminal, COLUMNS, rows)]),
    ...scenario.rejected.map((result) => {
      const why =
        result.status === 'failed'
          ? `threw ${result.error}`
          : `gave another output${result.path === '' ? '' : ` at ${result.path}`}: ${result.actual} instead of ${result.expected}`
      return paint.red(cut(`${result.name} is not timed: ${why}`, terminal.width * 3, terminal))
    }),
  ]
}

function callsOf({ calls_per_sample, copies_input }: ScenarioComparison): string {
  const calls = calls_per_sample === 1 ? '1 call per sample' : `${counted(calls_per_sample, 'call')} per sample`
  return copies_input ? `${calls}, each on its own copy of the input` : calls
}

const times = (value: number): string => (value >= 99.5 ? Math.round(value).toLocaleString('en-US') : value.toFixed(2))

const ratio = (row: ImplementationComparison): string => (row.is_baseline ? '1' : times(row.ratio))

const interval = ({ interval: range }: ImplementationComparison): string => (range === null ? '' : `${times(range[0])}-${times(range[1])}`)

const verdict = (terminal: Terminal, row: ImplementationComparison): string =>
  row.verdict === null ? '' : `${verdictText(terminal, row.verdict, 'unclear')}${isOfTheTail(row) ? '*' : ''}`

/** The means of the rounds differ, their medians do not show it: the interval, which is of the medians, holds 1. */
const isOfTheTail = ({ verdict: found, interval: range }: ImplementationComparison): boolean =>
  (found === 'faster' || found === 'slower') && range !== null && range[0] <= 1 && range[1] >= 1

/** A verdict in its colour; `unknown` stands for `not enough data`. */
export function verdictText({ paint }: Terminal, verdict: Verdict, unknown: string): string {
  if (verdict === 'faster') return paint.green(verdict)
  if (verdict === 'slower') return paint.red(verdict)
  return verdict === 'same' ? verdict : paint.yellow(unknown)
}

/** What the columns mean, once below all benchmarks. */
export function renderLegend({ paint, width, unicode }: Terminal, comparisons: readonly BenchmarkComparison[]): string {
  const rows = comparisons.flatMap(({ scenarios }) => scenarios.flatMap(({ implementations }) => implementations))
  const [first] = comparisons
  const notes: string[] = []
  if (rows.some((row) => !row.is_baseline)) {
    const within = `same: within ${Number(((first?.same_within ?? 0) * 100).toPrecision(3))} %`
    notes.push(`ratio: time by that of the first, with its 95 % confidence interval; ${within}.`)
  }
  if (rows.some(isOfTheTail)) notes.push('*: in some rounds only; the means tell it, the medians with their interval do not.')
  const unclear = rows.filter((row) => row.verdict === 'not enough data')
  const detectable = Math.max(0, ...unclear.map((row) => row.minimum_detectable ?? 0))
  if (unclear.length > 0) {
    const least = detectable > 0 && detectable < 10 ? `; so many show a change of ${Math.ceil(detectable * 100)} %` : ''
    notes.push(`unclear: not enough data to tell${least}. Take more --rounds.`)
  }
  if (rows.length > 0) notes.push('alloc: bytes allocated per call; gc: share of the time spent on garbage collection.')
  return notes.map((note) => paint.dim(cut(note, width * 2, { paint, width, unicode }))).join('\n')
}
