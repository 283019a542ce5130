import { studentQuantile } from './distributions.ts'
import { seededRandom } from './random.ts'
import { rankTest } from './rank-test.ts'
import { errorOfDifference, estimateMean, sampleGroup } from './sample-group.ts'
import type { CompareOptions, Sample, Verdict } from './compare-samples.ts'

/** What two groups of yes and no say of each other; A comes first. */
export interface RateComparison {
  /** Shares of yes, 0 … 1. */
  rates: [number, number]
  /** B − A. */
  difference: number
  /** Confidence interval of `difference` (1 − alpha). */
  interval: [number, number]
  /** Two-sided; after an adjustment with regard to all comparisons. */
  p: number
  /** `slower` is a higher rate, `faster` a lower one. */
  verdict: Verdict
}

/** Rates that differ by no more than this are the same. */
const SAME_WITHIN = 0.02
const FEWEST = 5

/** Compares rates: samples have the value 1 (yes) or 0, in the order of time, with weights and clusters. */
export function compareRates(a: readonly Sample[], b: readonly Sample[], options: CompareOptions = {}): RateComparison {
  const [groupA, groupB] = [sampleGroup(a), sampleGroup(b)]
  const [rateA, rateB] = [estimateMean(groupA, (value) => value), estimateMean(groupB, (value) => value)]
  const difference = rateB.value - rateA.value
  const rates: [number, number] = [rateA.value, rateB.value]
  if (Math.min(groupA.clusters, groupB.clusters) < FEWEST) return { rates, difference, interval: [-1, 1], p: 1, verdict: 'not enough data' }
  const { error, df } = errorOfDifference(rateA, rateB)
  const reach = studentQuantile(options.alpha ?? 0.05, df) * error
  // Where one side saw none, its rate has no spread: up to three in as many samples would have been missed (rule of three, J. Hanley 1983).
  const unseen = 3 / Math.min(groupA.clusters, groupB.clusters)
  const interval: [number, number] = [Math.min(difference - reach, difference - unseen), Math.max(difference + reach, difference + unseen)]
  const p = rankTest(groupA, groupB, seededRandom(options.seed ?? 1)).p
  return judgeRates({ rates, difference, interval, p, verdict: 'not enough data' }, options)
}

/** The same comparison with the verdict its `p` gives. */
export function judgeRates(comparison: RateComparison, { alpha = 0.05 }: CompareOptions = {}): RateComparison {
  const { p, difference, interval } = comparison
  const isWithin = interval[0] >= -SAME_WITHIN && interval[1] <= SAME_WITHIN
  const verdict: Verdict = p <= alpha && !isWithin ? (difference > 0 ? 'slower' : 'faster') : isWithin ? 'same' : 'not enough data'
  return { ...comparison, verdict }
}
