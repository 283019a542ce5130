import { isEverywhere, type SpanRow } from '../../analysis/bench/span-totals.ts'
import { adjustComparisons, compareSamples, type SampleComparison } from '../../analysis/statistics/compare-samples.ts'
import { renderCommands } from '../render/bench-commands.ts'
import { withProgress } from '../render/progress.ts'
import { terminalOf } from '../render/terminal.ts'
import { processesOf, recordedSpans, runArms, type Arm } from './arms.ts'
import type { BenchPlan } from './bench-options.ts'

/** What `perf-agent bench` found of one command or two; printed by `--json`. Times in milliseconds. */
export interface CommandReport {
  rounds: number
  same_within: number
  commands: { label: string; command: string; session: string | null; wall_ms: number[]; cpu_ms: number[] }[]
  /** B against A; empty for a single command. */
  measures: (SampleComparison & { name: string })[]
  /** Spans whose time per run differs most between the commands, in their order. */
  spans: SpanRow[]
}

const DEFAULT_ROUNDS = 10
const TIMES = ['wall time', 'CPU time']

/** Runs `--a` and `--b`, or the command behind `--`, in turns and prints the statistics. Gives the exit code. */
export async function benchCommands(plan: BenchPlan): Promise<number> {
  const { a, b, json, failOn } = plan.options
  const arms =
    a === undefined || b === undefined
      ? [{ label: 'command', processes: processesOf(plan), environment: {} }]
      : [shellArm('A', a), shellArm('B', b)]
  const rounds = plan.rounds ?? DEFAULT_ROUNDS
  const measured = await runArms(arms, rounds, plan)
  const report: CommandReport = {
    rounds,
    same_within: plan.sameWithin,
    commands: measured.map(({ arm, session, runs }) => ({
      label: arm.label,
      command: arm.processes.map(({ title }) => title).join('; '),
      session,
      wall_ms: runs.map(({ wallMs }) => wallMs),
      cpu_ms: runs.flatMap(({ cpuMs }) => cpuMs ?? []),
    })),
    measures: [],
    spans: await withProgress('Reading the recorded spans', recordedSpans(measured)),
  }
  report.measures = compare(report)
  if (json === true) process.stdout.write(`${JSON.stringify(report, null, process.stdout.isTTY ? 2 : undefined)}\n`)
  else process.stdout.write(`${renderCommands(terminalOf(), report)}\n`)
  // Of the spans some may well be slower: what is asked is whether the command is.
  const isSlower = report.measures.some(({ name, verdict }) => TIMES.includes(name) && verdict === 'slower')
  return failOn === 'slower' && isSlower ? 1 : 0
}

const shellArm = (label: string, line: string): Arm => ({
  label,
  processes: [{ title: line, program: line, args: [], isShell: true }],
  environment: {},
})

const MOST_SPAN_MEASURES = 5

function compare({ commands, spans, same_within: sameWithin }: CommandReport): CommandReport['measures'] {
  const [a, b] = commands
  if (a === undefined || b === undefined) return []
  const pairs = [
    { name: 'wall time', values: [a.wall_ms, b.wall_ms] },
    ...(a.cpu_ms.length > 0 && b.cpu_ms.length > 0 ? [{ name: 'CPU time', values: [a.cpu_ms, b.cpu_ms] }] : []),
    ...spans
      .filter(isEverywhere)
      .slice(0, MOST_SPAN_MEASURES)
      .map(({ layer, name, per_arm }) => ({ name: `${layer} ${name}`, values: per_arm.map((one) => one?.values_ms ?? []) })),
  ]
  const comparisons = pairs.map(({ values: [left = [], right = []] }) =>
    compareSamples(asSamples(left), asSamples(right), { sameWithin, takesTurns: true }),
  )
  return adjustComparisons(comparisons, { sameWithin }).map((comparison, i) => ({ ...comparison, name: pairs[i]?.name ?? '' }))
}

const asSamples = (values: readonly number[]): { value: number; weight: number }[] => values.map((value) => ({ value, weight: 1 }))
