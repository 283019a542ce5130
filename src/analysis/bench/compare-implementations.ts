import { adjustComparisons, compareSamples, type SampleComparison, type Verdict } from '../statistics/compare-samples.ts'
import type {
  BenchmarkResult,
  FailedResult,
  ImplementationResult,
  RoundResult,
  ScenarioResult,
  TimedResult,
  WrongResult,
} from './bench-result.ts'

/** One implementation in one scenario, beside the baseline. Times are milliseconds per call. */
export interface ImplementationComparison {
  implementation: string
  is_baseline: boolean
  rounds: number
  calls: number
  median_ms: number
  p95_ms: number
  /** Calls by the time they took; of several processes the sum. */
  ops_per_second: number
  /** The same of each process. */
  processes: { pid: number; ops_per_second: number; median_ms: number; rounds: number }[]
  /** Median by the baseline's; 2 is twice as slow. 1 of the baseline itself. */
  ratio: number
  /** Confidence interval of the ratio; null of the baseline, and where there is too little data. */
  interval: [number, number] | null
  /** Of equal medians (Mann and Whitney over the rounds), corrected for the number of comparisons. */
  p: number | null
  /** The smallest change of the ratio that so many rounds show; null: unknown. */
  minimum_detectable: number | null
  /** Null of the baseline. */
  verdict: Verdict | null
  allocated_bytes: number | null
  collections: number
  /** Share of the measured time that was garbage collection. */
  collection_share: number
}

/** A scenario: who was how fast, and whose output was wrong. */
export interface ScenarioComparison {
  scenario: string
  fingerprint: string
  calls_per_sample: number
  copies_input: boolean
  implementations: ImplementationComparison[]
  rejected: (WrongResult | FailedResult)[]
}

/** A benchmark, of one process or of several that measured the same. */
export interface BenchmarkComparison {
  benchmark: string
  seed: string
  node: string
  processes: number
  same_within: number
  scenarios: ScenarioComparison[]
}

/** How much may differ and still be the same, by default: 2 %. */
export const SAME_WITHIN = 0.02

/**
 * Compares the implementations of one benchmark, scenario by scenario. What is compared are the medians of rounds: samples of one round share
 * what the machine did meanwhile and would make a difference look surer than it is.
 */
export function compareImplementations(runs: readonly BenchmarkResult[], sameWithin = SAME_WITHIN): BenchmarkComparison {
  const [first] = runs
  if (first === undefined) throw new RangeError('There is no result to compare.')
  const scenarios = first.scenarios.map((scenario) => {
    const all = runs.flatMap((run) => {
      const found = run.scenarios.find((other) => other.scenario === scenario.scenario)
      return found === undefined ? [] : [{ pid: run.pid, scenario: found }]
    })
    return compareScenario(all, first.baseline, scenario)
  })
  return {
    benchmark: first.name,
    seed: first.seed,
    node: first.node,
    processes: runs.length,
    same_within: sameWithin,
    scenarios: judge(scenarios, sameWithin),
  }
}

type Row = ImplementationComparison & { rounds_ms: number[] }
type Unjudged = Omit<ScenarioComparison, 'implementations'> & { implementations: Row[] }

function compareScenario(runs: { pid: number; scenario: ScenarioResult }[], baseline: string, scenario: ScenarioResult): Unjudged {
  const rejected = new Map<string, WrongResult | FailedResult>()
  const timed = new Map<string, { pid: number; rounds: RoundResult[] }[]>()
  for (const { pid, scenario: one } of runs) {
    for (const result of one.implementations) {
      if (isTimed(result)) timed.set(result.name, [...(timed.get(result.name) ?? []), { pid, rounds: result.rounds }])
      else rejected.set(result.name, result)
    }
  }
  for (const name of rejected.keys()) timed.delete(name)
  const rows = [...timed].map(([name, parts]) => rowOf(name, parts))
  const base = rows.find((row) => row.implementation === baseline) ?? rows[0]
  for (const row of rows) {
    row.is_baseline = row === base
    row.ratio = base === undefined || base.median_ms === 0 ? 1 : row.median_ms / base.median_ms
  }
  return {
    scenario: scenario.scenario,
    fingerprint: scenario.fingerprint,
    calls_per_sample: scenario.batch,
    copies_input: scenario.copiesInput,
    implementations: rows,
    rejected: [...rejected.values()],
  }
}

const isTimed = (result: ImplementationResult): result is TimedResult => result.status === 'timed'

function rowOf(name: string, parts: { pid: number; rounds: RoundResult[] }[]): Row {
  const rounds = parts.flatMap((part) => part.rounds)
  const samples = rounds.flatMap((round) => round.samples).toSorted((a, b) => a - b)
  const measuredMs = total(rounds, (round) => round.measuredMs)
  const processes = parts.map(({ pid, rounds: own }) => ({
    pid,
    ops_per_second: perSecond(own),
    median_ms: median(own.map((round) => median(round.samples))),
    rounds: own.length,
  }))
  const roundMedians = rounds.map((round) => median(round.samples))
  return {
    implementation: name,
    is_baseline: false,
    rounds: rounds.length,
    calls: total(rounds, (round) => round.calls),
    median_ms: median(roundMedians),
    p95_ms: samples[Math.min(samples.length - 1, Math.floor(samples.length * 0.95))] ?? 0,
    ops_per_second: total(processes, (part) => part.ops_per_second),
    processes,
    ratio: 1,
    interval: null,
    p: null,
    minimum_detectable: null,
    verdict: null,
    allocated_bytes: medianOrNull(rounds.flatMap(({ allocatedBytes }) => allocatedBytes ?? [])),
    collections: total(rounds, (round) => round.collections),
    collection_share: measuredMs === 0 ? 0 : Math.min(1, total(rounds, (round) => round.collectionMs) / measuredMs),
    rounds_ms: roundMedians,
  }
}

/** The verdicts of all scenarios, corrected for their number. */
function judge(scenarios: readonly Unjudged[], sameWithin: number): ScenarioComparison[] {
  const options = { sameWithin, takesTurns: true }
  const pending: { row: Row; comparison: SampleComparison }[] = []
  for (const { implementations } of scenarios) {
    const base = implementations.find((row) => row.is_baseline)
    for (const row of implementations) {
      if (base === undefined || row === base) continue
      pending.push({ row, comparison: compareSamples(asSamples(base.rounds_ms), asSamples(row.rounds_ms), options) })
    }
  }
  const adjusted = adjustComparisons(
    pending.map(({ comparison }) => comparison),
    options,
  )
  for (const [i, { row }] of pending.entries()) {
    const { verdict, interval, p, minimumDetectable } = adjusted[i] as SampleComparison
    row.verdict = verdict
    row.p = p
    row.interval = interval.every(Number.isFinite) ? [1 + interval[0], 1 + interval[1]] : null
    row.minimum_detectable = Number.isFinite(minimumDetectable) ? minimumDetectable : null
  }
  return scenarios.map((scenario) => ({
    ...scenario,
    implementations: scenario.implementations.map(({ rounds_ms: _rounds, ...row }) => row),
  }))
}

const asSamples = (values: readonly number[]): { value: number; weight: number }[] => values.map((value) => ({ value, weight: 1 }))

const total = <T>(list: readonly T[], value: (one: T) => number): number => list.reduce((sum, one) => sum + value(one), 0)

const perSecond = (rounds: readonly RoundResult[]): number => {
  const ms = total(rounds, (round) => round.measuredMs)
  return ms === 0 ? 0 : (total(rounds, (round) => round.calls) / ms) * 1000
}

/** Median; 0 of nothing. */
export function median(values: readonly number[]): number {
  return medianOrNull(values) ?? 0
}

function medianOrNull(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return null
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}
