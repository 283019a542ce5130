import { neighbourCorrelation } from './long-run-variance.ts'
import { deviations, type SampleGroup } from './sample-group.ts'
import { shareBelow, weightedQuantile } from './weighted-sample.ts'

/** Fewer independent samples than this, where it is dependence that leaves so few, cannot even show how dependent they are. */
const FEWEST_EFFECTIVE = 7
/** Of an estimated correlation, in standard errors: one in twenty independent series shows more. */
const SURELY = 1.645
/** Medians that lie so many times the spread of a side apart are no accident of its course: 1 % of halves of 40 calls that correlate by 0.95 do (measured). */
const FAR_APART = 4
/** So many samples of both sides together cannot show a correlation of 0.7 (its estimate scatters by 0.3 around 0.2, measured): it is not taken for granted that there is none. */
const TOO_FEW_TO_SHOW = 20
/** As many on a side say nothing of correlation at all. */
const FEWEST_TO_SHOW = 7

/**
 * Whether two short groups drift so much that their difference says nothing: neighbours resemble each other surely, and what is left of either side is
 * worth fewer than seven independent samples (half of them, where there are fewer than fourteen). Of ten a side and less neighbours must not resemble each
 * other at all. By the ranks within each side, so that what is compared plays no part; as one correlation of both sides, which is twice as well known.
 */
export function isTooDependent(a: SampleGroup, b: SampleGroup): boolean {
  const correlation = commonCorrelation(a, b)
  const isSure = correlation > SURELY / Math.sqrt(a.clusters + b.clusters)
  const fewest = Math.min(a.clusters, b.clusters)
  if (isSure && effectiveSize(fewest, correlation) < Math.min(FEWEST_EFFECTIVE, fewest / 2) && !areFarApart(a, b, 20)) return true
  if (a.clusters + b.clusters > TOO_FEW_TO_SHOW) return false
  return (correlation > 0 || fewest < FEWEST_TO_SHOW) && !areFarApart(a, b, 10)
}

/** How many independent samples tell as much of a mean as `count` in a row whose neighbours correlate: by the integrated autocorrelation time. */
export function effectiveSize(count: number, correlation: number): number {
  const rho = Math.min(0.999, Math.max(0, correlation))
  return (count * (1 - rho)) / (1 + rho)
}

function commonCorrelation(a: SampleGroup, b: SampleGroup): number {
  const [ofA, ofB] = [a, b].map((group) => neighbourCorrelation(deviations(group, (value) => shareBelow(group.sorted, value)).terms))
  return ((ofA ?? 0) * a.clusters + (ofB ?? 0) * b.clusters) / (a.clusters + b.clusters)
}

/** `handful`: so many samples and fewer have a spread that is itself uncertain. */
function areFarApart(a: SampleGroup, b: SampleGroup, handful: number): boolean {
  const distance = Math.abs(weightedQuantile(a.sorted, 0.5) - weightedQuantile(b.sorted, 0.5))
  const fewest = Math.min(a.clusters, b.clusters)
  return distance > FAR_APART * Math.sqrt(Math.max(1, handful / fewest)) * Math.max(spreadOf(a), spreadOf(b))
}

/** The interquartile range as a standard deviation. */
function spreadOf({ sorted }: SampleGroup): number {
  return (weightedQuantile(sorted, 0.75) - weightedQuantile(sorted, 0.25)) / 1.35
}
