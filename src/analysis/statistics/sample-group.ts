import { varianceOfSum, type MeanVariance } from './long-run-variance.ts'
import { quantileOfCalls, weightedMean, weightedSample, type Sample, type WeightedSample } from './weighted-sample.ts'

/** One side of a comparison: its samples sorted, and which of them belong together. */
export interface SampleGroup {
  sorted: WeightedSample
  /** Cluster of each sorted sample, numbered in the order of time. */
  clusterOf: Uint32Array
  clusters: number
}

/** An estimate with the variance of its error. */
export interface Estimate extends MeanVariance {
  value: number
}

/** Prepares samples given in the order of time. */
export function sampleGroup(samples: readonly Sample[]): SampleGroup {
  const sorted = weightedSample(samples)
  const numbers = new Map<number | string, number>()
  let clusters = 0
  const byTime = samples.map(({ cluster }) => {
    if (cluster === undefined) return clusters++
    const known = numbers.get(cluster)
    if (known === undefined) numbers.set(cluster, clusters)
    return known ?? clusters++
  })
  return { sorted, clusterOf: Uint32Array.from(sorted.positions, (position) => byTime[position] ?? 0), clusters }
}

/** The weighted mean of `of(value)` over a group, with the variance that clusters and dependence in time leave it. */
export function estimateMean(group: SampleGroup, of: (value: number) => number): Estimate {
  const { value, terms } = deviations(group, of)
  return { value, ...varianceOfSum(terms) }
}

/** The weighted mean of `of(value)`, and by how much each cluster moves it, in the order of time. */
export function deviations(group: SampleGroup, of: (value: number) => number): { value: number; terms: Float64Array } {
  const { values, weights, total } = group.sorted
  const each = values.map(of)
  let value = 0
  for (let i = 0; i < each.length; i++) value += ((each[i] ?? 0) * (weights[i] ?? 0)) / total
  const terms = new Float64Array(group.clusters)
  for (let i = 0; i < each.length; i++) {
    const cluster = group.clusterOf[i] ?? 0
    terms[cluster] = (terms[cluster] ?? 0) + (((each[i] ?? 0) - value) * (weights[i] ?? 0)) / total
  }
  return { value, terms }
}

/** Middle, tail and mean of a group, as a report shows them. */
export function summaryOf({ sorted }: SampleGroup): { median: number; p95: number; mean: number } {
  return { median: quantileOfCalls(sorted, 0.5), p95: quantileOfCalls(sorted, 0.95), mean: weightedMean(sorted) }
}

/** Standard error and degrees of freedom of a difference of two estimates (F. E. Satterthwaite, Biometrics Bulletin 2, 1946). */
export function errorOfDifference(a: MeanVariance, b: MeanVariance): { error: number; df: number } {
  const variance = a.variance + b.variance
  if (!Number.isFinite(variance) || variance === 0) return { error: Math.sqrt(variance), df: Math.min(a.df, b.df) }
  return { error: Math.sqrt(variance), df: variance ** 2 / (a.variance ** 2 / a.df + b.variance ** 2 / b.df) }
}
