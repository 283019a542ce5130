import { studentDraw } from './distributions.ts'
import { estimateMean, type SampleGroup } from './sample-group.ts'
import { weightedQuantile } from './weighted-sample.ts'

/** How far two medians lie apart. */
export interface MedianDifference {
  /** (B − A) / A. */
  difference: number
  interval: [number, number]
  /** Standard error of the difference. */
  error: number
}

const DRAWS = 2000

/**
 * The relative difference of two medians with its bootstrap interval. The bootstrap distribution of a sample's median is the sample's quantile
 * function at a random share around one half (J. Maritz and R. Jarrett, J. Am. Stat. Assoc. 73, 1978); that share's variance is binomial for
 * independent samples of equal weight, and here the one clusters and dependence in time leave it (R. Woodruff, J. Am. Stat. Assoc. 47, 1952).
 */
export function medianDifference(a: SampleGroup, b: SampleGroup, random: () => number, alpha: number): MedianDifference {
  const [drawA, drawB] = [medianDraws(a), medianDraws(b)]
  const draws = Float64Array.from({ length: DRAWS }, () => relativeDifference(drawA.draw(random), drawB.draw(random))).sort()
  const at = (p: number): number => draws[Math.min(DRAWS - 1, Math.max(0, Math.round(p * DRAWS - 0.5)))] ?? 0
  return {
    difference: relativeDifference(drawA.median, drawB.median),
    interval: [at(alpha / 2), at(1 - alpha / 2)],
    error: Math.hypot(drawA.error, drawB.error),
  }
}

/** (B − A) / A; 0 where both are 0. */
export function relativeDifference(a: number, b: number): number {
  return a === b ? 0 : (b - a) / Math.abs(a)
}

/** `error`: standard error of the median by the median. */
function medianDraws(group: SampleGroup): { median: number; error: number; draw: (random: () => number) => number } {
  const { sorted } = group
  const median = weightedQuantile(sorted, 0.5)
  const { variance, df } = estimateMean(group, (value) => (value < median ? 1 : value > median ? 0 : 0.5))
  const spread = Math.sqrt(variance)
  // Over two standard errors to either side: over one, the few samples there make it jump.
  const width = weightedQuantile(sorted, 0.5 + 2 * spread) - weightedQuantile(sorted, 0.5 - 2 * spread)
  return {
    median,
    error: width === 0 ? 0 : width / 4 / Math.abs(median),
    draw: (random) => weightedQuantile(sorted, 0.5 + spread * studentDraw(random, df)),
  }
}
