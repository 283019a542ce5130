import { adjustProbabilities, type AdjustMethod } from './adjust-probabilities.ts'
import { isTooDependent } from './dependence.ts'
import { studentQuantile, studentTails } from './distributions.ts'
import { medianDifference, relativeDifference } from './median-difference.ts'
import { seededRandom } from './random.ts'
import { rankTest } from './rank-test.ts'
import { errorOfDifference, estimateMean, sampleGroup, summaryOf, type SampleGroup } from './sample-group.ts'
import type { Sample } from './weighted-sample.ts'

export type { Sample } from './weighted-sample.ts'

/** For metrics where less is better; what to call it for others is the renderer's affair. */
export type Verdict = 'faster' | 'slower' | 'same' | 'not enough data'

/** What two groups of samples say of each other; A comes first in every pair. */
export interface SampleComparison {
  counts: [number, number]
  /** Independent samples: clusters where samples have one. */
  clusters: [number, number]
  medians: [number, number]
  p95s: [number, number]
  means: [number, number]
  /** (B − A) / A of the medians. */
  difference: number
  /** Confidence interval of `difference` (1 − alpha, bootstrap). */
  interval: [number, number]
  /** (B − A) / A of the means. */
  meanDifference: number
  /** Two-sided probability of means at least this far apart where they are equal. */
  meanP: number
  /** Mann and Whitney, two-sided; after `adjustComparisons` with regard to all comparisons. */
  p: number
  /** Cliff's delta, −1 … 1: positive where B tends to larger values. */
  effect: number
  /** Smallest relative difference of medians that this many samples show with a probability of 0.8. */
  minimumDetectable: number
  /** Of the estimate of the error; for whoever corrects `minimumDetectable`. */
  degreesOfFreedom: number
  /** False where there are too few independent samples to claim anything whatever they show. */
  isJudged: boolean
  verdict: Verdict
}

/** How to judge. */
export interface CompareOptions {
  /** Differences up to this are none: 0.05 is 5 %. */
  sameWithin?: number
  /** How often a difference may be claimed where there is none. */
  alpha?: number
  seed?: number
  /** The sides were measured in turns: what drifts, drifts in both. */
  takesTurns?: boolean
}

/** Fewer independent samples than this on either side never say anything: of 4 and 4 the most extreme order has p = 0.03. */
const FEWEST = 5

/**
 * Compares samples of two groups, each in the order of time: neighbours may depend on each other, clusters (traces) too, and weights count.
 * Equal input gives equal results. Bounded: sort and binary searches, then at most 1,024 sums; meant for up to some 100,000 samples a side.
 */
export function compareSamples(a: readonly Sample[], b: readonly Sample[], options: CompareOptions = {}): SampleComparison {
  const counts: [number, number] = [a.length, b.length]
  const [groupA, groupB] = [sampleGroup(a), sampleGroup(b)]
  const [sumA, sumB] = [summaryOf(groupA), summaryOf(groupB)]
  const alpha = options.alpha ?? 0.05
  const random = seededRandom(options.seed ?? 1)
  const basis = {
    counts,
    clusters: [groupA.clusters, groupB.clusters] as [number, number],
    medians: [sumA.median, sumB.median] as [number, number],
    p95s: [sumA.p95, sumB.p95] as [number, number],
    means: [sumA.mean, sumB.mean] as [number, number],
    difference: relativeDifference(sumA.median, sumB.median),
    meanDifference: relativeDifference(sumA.mean, sumB.mean),
  }
  if (Math.min(...basis.clusters) < FEWEST || (options.takesTurns !== true && isTooDependent(groupA, groupB)))
    return { ...basis, ...NOTHING_KNOWN }
  const { p, effect } = rankTest(groupA, groupB, random)
  const { error, df, meanP } = meanTest(groupA, groupB)
  const medians = medianDifference(groupA, groupB, random, alpha)
  const comparison: SampleComparison = {
    ...basis,
    interval: medians.interval,
    meanP: error === 0 ? Number(basis.meanDifference === 0) : meanP,
    p,
    effect,
    minimumDetectable: Math.expm1((studentQuantile(alpha, df) + studentQuantile(0.4, df)) * medians.error),
    degreesOfFreedom: df,
    isJudged: true,
    verdict: 'not enough data',
  }
  return { ...comparison, verdict: verdictOf(comparison, options) }
}

const NOTHING_KNOWN = {
  interval: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] as [number, number],
  meanP: 1,
  p: 1,
  effect: 0,
  minimumDetectable: Number.POSITIVE_INFINITY,
  degreesOfFreedom: 1,
  isJudged: false,
  verdict: 'not enough data' as const,
}

function meanTest(a: SampleGroup, b: SampleGroup): { error: number; df: number; meanP: number } {
  const [meanA, meanB] = [estimateMean(a, (value) => value), estimateMean(b, (value) => value)]
  const { error, df } = errorOfDifference(meanA, meanB)
  return { error, df, meanP: studentTails((meanB.value - meanA.value) / error, df) }
}

/** How to correct for many comparisons. */
export interface AdjustOptions extends CompareOptions {
  method?: AdjustMethod
}

/**
 * Many comparisons are judged at this share of alpha: far out, where they are judged, the estimated variance has heavier tails than Student's
 * (0.08 to 0.13 % of pairs without a difference have p < 0.1 %, measured).
 */
const SHARE_OF_MANY = 0.75

/**
 * The same comparisons with `p`, `minimumDetectable` and verdict corrected for their number (Holm when no method is named). Those that are not
 * judged do not count.
 */
export function adjustComparisons(comparisons: readonly SampleComparison[], options: AdjustOptions = {}): SampleComparison[] {
  const judged = comparisons.filter(({ isJudged }) => isJudged)
  const alpha = (options.alpha ?? 0.05) * (judged.length > 1 ? SHARE_OF_MANY : 1)
  const adjusted = adjustProbabilities(judged.map(({ p }) => p), options.method) // prettier-ignore
  const corrected = new Map(judged.map((comparison, i) => [comparison, adjusted[i] ?? 1]))
  return comparisons.map((comparison) => {
    const p = corrected.get(comparison)
    if (p === undefined) return comparison
    const df = comparison.degreesOfFreedom
    const effort = (level: number): number => studentQuantile(level, df) + studentQuantile(0.4, df)
    const minimumDetectable = Math.expm1((Math.log1p(comparison.minimumDetectable) * effort(alpha / judged.length)) / effort(alpha))
    return { ...comparison, p, minimumDetectable, verdict: verdictOf({ ...comparison, p }, { ...options, alpha }) }
  })
}

/**
 * A difference is claimed where the ranks are significant and either the interval of the medians leaves 0 out, or (a change of the tail, which the
 * median does not show) the means differ by more than `sameWithin` at a fifth of alpha. `same` needs an interval that lies within.
 */
function verdictOf(comparison: SampleComparison, options: CompareOptions): Verdict {
  const { p, meanP, effect, interval, meanDifference } = comparison
  const { alpha = 0.05, sameWithin = 0.05 } = options
  const [low, high] = interval
  const claimed: Verdict = effect > 0 ? 'slower' : 'faster'
  const isWithin = low >= -sameWithin && high <= sameWithin
  if (p <= alpha) {
    const isTail = meanP <= alpha / 5 && Math.abs(meanDifference) > sameWithin && meanDifference > 0 === effect > 0
    const isMedian = !isWithin && (effect > 0 ? low > 0 : high < 0)
    if (isTail || isMedian) return claimed
  }
  return isWithin ? 'same' : 'not enough data'
}
