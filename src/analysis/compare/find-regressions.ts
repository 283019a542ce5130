import { adjustProbabilities } from '../statistics/adjust-probabilities.ts'
import { compareRates, judgeRates } from '../statistics/compare-rates.ts'
import { adjustComparisons, compareSamples, type Sample } from '../statistics/compare-samples.ts'
import { studentQuantile } from '../statistics/distributions.ts'
import { summaryOfSamples } from './group-samples.ts'
import type { NameInSession, NameOverSessions } from './earlier-sessions.ts'

/** What can get worse: how long calls take that succeed, how many fail, what a call of a model takes in tokens and money. */
export type RegressionMetric = 'duration' | 'errors' | 'tokens' | 'cost'

/** A name that got worse. */
export interface Regression {
  metric: RegressionMetric
  of: NameOverSessions
  /** The sessions it is held against, oldest first: those before it got worse. */
  against: NameInSession[]
  /** The first session that was as bad; the present one where none before was. */
  since: NameInSession
  /** Medians, of errors rates: before, and now. */
  levels: [number, number]
  /** Means: what calls cost in all follows from them. */
  means: [number, number]
  /** Of durations. */
  p95s: [number, number]
  /** Of (now − before) / before of the medians; of errors of the difference of the rates. */
  interval: [number, number]
}

/** A name must take so much more. */
const LEAST = 0.1
/** Where there is one session to hold it against, whose own scatter nobody knows: durations of two runs differ by half on a busy machine (measured). */
const LEAST_OF_ONE = { duration: 0.75, tokens: 0.25, cost: 0.25 }
/** So many more of its calls must fail. */
const LEAST_FAILING = 0.02
const LEAST_FAILING_OF_ONE = 0.05
/** A session counts as bad already when its level is at least this share of the present one. */
const ALREADY = 0.9

/**
 * Names that got worse: significantly by their calls (corrected for the number of names), and by more than sessions scatter among themselves: beyond
 * the 95 % prediction interval of one more session (G. Hahn, J. Am. Stat. Assoc. 64, 1969), by the logarithms of the medians; of rates by the arcsine of their roots.
 */
export function findRegressions(names: readonly NameOverSessions[]): Regression[] {
  const [durations, tokens, costs] = (['duration', 'tokens', 'cost'] as const).map((metric) => ofSamples(names, metric))
  // What more tokens cost is said with them.
  const more = new Set((tokens ?? []).map(({ of }) => of))
  return [...(durations ?? []), ...ofErrors(names), ...(tokens ?? []), ...(costs ?? []).filter(({ of }) => !more.has(of))]
}

interface Held {
  of: NameOverSessions
  against: NameInSession[]
  since: NameInSession
}

function ofSamples(names: readonly NameOverSessions[], metric: 'duration' | 'tokens' | 'cost'): Regression[] {
  const level = ({ samples }: NameInSession): number => summaryOfSamples(samples[metric]).median
  const held = heldNames(names, metric, level)
  const comparisons = adjustComparisons(
    held.map(({ of, against }) => compareSamples(against.flatMap(({ samples }) => samples[metric]), of.now.samples[metric])),
  ) // prettier-ignore
  return held.flatMap((entry, i) => {
    const compared = comparisons[i]
    if (compared === undefined || compared.verdict !== 'slower') return []
    const least = entry.against.length === 1 ? LEAST_OF_ONE[metric] : LEAST
    const { medians: levels, means, p95s, interval } = compared
    if (compared.difference < least || !exceedsScatter(entry.against.map(level), levels[1], logarithm)) return []
    return [{ ...entry, metric, levels, means, p95s, interval }]
  })
}

/** What cost nothing before is at a level of its own, below any other. */
const logarithm = (level: number): number => Math.log(Math.max(level, 1e-12))

function ofErrors(names: readonly NameOverSessions[]): Regression[] {
  const level = ({ samples }: NameInSession): number => rateOf(samples.errors)
  const held = heldNames(names, 'errors', level).filter(({ of }) => level(of.now) > 0)
  const comparisons = held.map(({ of, against }) => compareRates(against.flatMap(({ samples }) => samples.errors), of.now.samples.errors)) // prettier-ignore
  const probabilities = adjustProbabilities(comparisons.map(({ p }) => p))
  return held.flatMap((entry, i) => {
    const found = comparisons[i]
    if (found === undefined) return []
    const { verdict, rates, difference, interval } = judgeRates({ ...found, p: probabilities[i] ?? 1 })
    const least = entry.against.length === 1 ? LEAST_FAILING_OF_ONE : LEAST_FAILING
    const transformed = (rate: number): number => Math.asin(Math.sqrt(Math.min(1, rate)))
    if (verdict !== 'slower' || difference < least || !exceedsScatter(entry.against.map(level), rates[1], transformed)) return []
    return [{ ...entry, metric: 'errors' as const, levels: rates, means: rates, p95s: rates, interval }]
  })
}

/** Names that have the metric now and had it before, with the sessions to hold them against. */
function heldNames(names: readonly NameOverSessions[], metric: RegressionMetric, level: (session: NameInSession) => number): Held[] {
  return names.flatMap((of) => {
    const earlier = of.earlier.filter(({ samples }) => samples[metric].length > 0)
    return of.now.samples[metric].length === 0 || earlier.length === 0
      ? []
      : [{ of, ...beforeItGotWorse(of.now, earlier, level) }]
  }) // prettier-ignore
}

/** The newest sessions that were as bad already are left out, as long as two remain. */
function beforeItGotWorse(
  now: NameInSession,
  earlier: readonly NameInSession[],
  level: (session: NameInSession) => number,
): { against: NameInSession[]; since: NameInSession } {
  const present = level(now)
  const isAsBad = (session: NameInSession | undefined): boolean => session !== undefined && level(session) >= ALREADY * present
  let end = earlier.length
  while (end > 2 && isAsBad(earlier[end - 1])) end--
  return { against: earlier.slice(0, end), since: earlier[end] ?? now }
}

function exceedsScatter(before: readonly number[], present: number, scale: (level: number) => number): boolean {
  const n = before.length
  if (n === 1) return true
  const levels = before.map(scale)
  const mean = levels.reduce((sum, value) => sum + value, 0) / n
  const deviation = Math.sqrt(levels.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1))
  return scale(present) > mean + studentQuantile(0.05, n - 1) * deviation * Math.sqrt(1 + 1 / n)
}

function rateOf(samples: readonly Sample[]): number {
  const [failed, all] = samples.reduce(([some, every], { value, weight }) => [some + value * weight, every + weight], [0, 0])
  return all === 0 ? 0 : failed / all
}
