import { median } from '../../analysis/bench/compare-implementations.ts'
import { flagEffects, type FlagEffect } from '../../analysis/bench/flag-effects.ts'
import { isEverywhere, type SpanRow } from '../../analysis/bench/span-totals.ts'
import { UsageError } from '../../errors.ts'
import { renderFlags } from '../render/bench-flags.ts'
import { withProgress } from '../render/progress.ts'
import { terminalOf } from '../render/terminal.ts'
import { processesOf, recordedSpans, runArms, type ArmRun, type MeasuredArm } from './arms.ts'
import type { BenchPlan } from './bench-options.ts'
import { combinationsOf, parseFlags, type Combination } from './flag-combinations.ts'

/** What `perf-agent bench --flags` found; printed by `--json`. Times in milliseconds. */
export interface FlagReport {
  flags: string[]
  /** Runs of each combination. */
  rounds: number
  same_within: number
  combinations: { flags: Record<string, string>; on: boolean[]; runs: number; session: string | null }[]
  series: FlagSeries[]
  /** Outputs that were wrong, one sentence each. */
  rejected: string[]
  /** Spans whose time per run differs most between the combinations, in their order. */
  spans: SpanRow[]
}

/** One measured quantity under every combination. */
export interface FlagSeries {
  name: string
  combinations: { median_ms: number; values_ms: number[] }[]
  effects: FlagEffect[]
}

const DEFAULT_ROUNDS = 5

/** Measures every on/off combination of the flags in turns, and prints what each flag does. Gives the exit code. */
export async function benchFlags(plan: BenchPlan, flagsText: string): Promise<number> {
  const flags = parseFlags(flagsText)
  const combinations = combinationsOf(flags)
  const processes = processesOf(plan)
  const arms = combinations.map(({ text, environment }) => ({ label: text, processes, environment: { ...environment, PERF_FLAGS: text } }))
  const rounds = plan.rounds ?? DEFAULT_ROUNDS
  const measured = await runArms(arms, rounds, plan)
  const names = flags.map(({ name }) => name)
  const spans = await withProgress('Reading the recorded spans', recordedSpans(measured))
  const report: FlagReport = {
    flags: names,
    rounds,
    same_within: plan.sameWithin,
    combinations: combinations.map((combination, i) => describe(combination, names, measured[i] as MeasuredArm)),
    series: [...seriesOf(plan, measured), ...spanSeries(plan, spans)].map(({ name, values }) => ({
      name,
      combinations: values.map((values_ms) => ({ median_ms: median(values_ms), values_ms })),
      effects: flagEffects(names, runsOf(combinations, values), plan.sameWithin),
    })),
    rejected: rejectedIn(measured),
    spans,
  }
  if (plan.options.json === true) process.stdout.write(`${JSON.stringify(report, null, process.stdout.isTTY ? 2 : undefined)}\n`)
  else process.stdout.write(`${renderFlags(terminalOf(), report)}\n`)
  return report.rejected.length > 0 ? 1 : 0
}

function describe(
  { on, environment }: Combination,
  names: readonly string[],
  { session, runs }: MeasuredArm,
): FlagReport['combinations'][number] {
  return { flags: Object.fromEntries(names.map((name) => [name, environment[name] ?? ''])), on, runs: runs.length, session }
}

const runsOf = (combinations: readonly Combination[], values: readonly (readonly number[])[]): { on: boolean[]; value: number }[] =>
  combinations.flatMap(({ on }, i) => (values[i] ?? []).map((value) => ({ on, value })))

interface Values {
  name: string
  /** By combination, then by run. */
  values: number[][]
}

function seriesOf({ files, command }: BenchPlan, measured: readonly MeasuredArm[]): Values[] {
  if (command.length === 0) return implementationSeries(files, measured)
  const wall = { name: 'wall time', values: measured.map(({ runs }) => runs.map(({ wallMs }) => wallMs)) }
  const cpu = measured.map(({ runs }) => runs.flatMap(({ cpuMs }) => cpuMs ?? []))
  return cpu.every((values) => values.length > 0) ? [wall, { name: 'CPU time', values: cpu }] : [wall]
}

const MOST_SPAN_SERIES = 2

/** The spans of a command that differ most; those of a benchmark file are its samples, which have series already. */
function spanSeries({ command }: BenchPlan, spans: readonly SpanRow[]): Values[] {
  if (command.length === 0) return []
  const rows = spans.filter(isEverywhere).slice(0, MOST_SPAN_SERIES)
  return rows.map(({ layer, name, per_arm }) => ({ name: `time in ${layer} ${name}`, values: per_arm.map((one) => one?.values_ms ?? []) }))
}

function implementationSeries(files: readonly string[], measured: readonly MeasuredArm[]): Values[] {
  const series = new Map<string, Values>()
  for (const [i, { runs }] of measured.entries()) {
    for (const [name, value] of runs.flatMap(mediansOf)) {
      const one = series.get(name) ?? { name, values: measured.map(() => []) }
      one.values[i]?.push(value)
      series.set(name, one)
    }
  }
  if (series.size === 0)
    throw new UsageError(`${files.join(', ')}: nothing was measured; a benchmark file calls benchmark() of @perf/agent/bench.`)
  // What was wrong under some combination has no effects to speak of.
  return [...series.values()].filter(({ values }) => values.every((list, i) => list.length === measured[i]?.runs.length))
}

function mediansOf({ results }: ArmRun): [name: string, ms: number][] {
  return results.flatMap(({ name, scenarios }) =>
    scenarios.flatMap(({ scenario, implementations }) =>
      implementations.flatMap((one): [string, number][] =>
        one.status === 'timed' ? [[`${name}, ${scenario}: ${one.name}`, median(one.rounds.map(({ samples }) => median(samples)))]] : [],
      ),
    ),
  )
}

function rejectedIn(measured: readonly MeasuredArm[]): string[] {
  const found = measured.flatMap(({ arm, runs }) =>
    runs.flatMap(({ results }) =>
      results.flatMap(({ name, scenarios }) =>
        scenarios.flatMap(({ scenario, implementations }) =>
          implementations.flatMap((one) =>
            one.status === 'timed'
              ? []
              : `${name}, ${scenario}: ${one.name} ${one.status === 'failed' ? `threw ${one.error}` : 'gave another output'} (${arm.label})`,
          ),
        ),
      ),
    ),
  )
  return [...new Set(found)]
}
