import { studentTails } from './distributions.ts'
import { errorOfDifference, estimateMean, type SampleGroup } from './sample-group.ts'
import { shareBelow } from './weighted-sample.ts'

/** What the ranks of two groups say. */
export interface RankTest {
  /** Two-sided probability of ranks at least this far apart where neither group tends to larger values. */
  p: number
  /** Cliff's delta: how much more often a value of B exceeds one of A than the other way round, −1 … 1. */
  effect: number
}

/** Below this many clusters the normal theory is not relied on alone. */
const FEW = 30
const PERMUTATIONS = 9999

/**
 * Mann and Whitney's test for weighted, clustered, dependent samples: the probability that B exceeds A is the mean of each sample's place in the
 * other group (E. Brunner and U. Munzel, Biometrical Journal 42, 2000; by cluster: N. Obuchowski, Biometrics 53, 1997). With few clusters also as
 * a permutation test over the clusters, and the larger p counts.
 */
export function rankTest(a: SampleGroup, b: SampleGroup, random: () => number): RankTest {
  const placesOfA = estimateMean(a, (value) => shareBelow(b.sorted, value))
  const placesOfB = estimateMean(b, (value) => shareBelow(a.sorted, value))
  const effect = placesOfB.value - placesOfA.value
  // Both places are estimates of the same probability: P(A < B) = places of B = 1 − places of A.
  const { error, df } = errorOfDifference(placesOfA, placesOfB)
  const p = effect === 0 ? 1 : studentTails(effect / 2 / error, df)
  if (Math.min(a.clusters, b.clusters) >= FEW) return { p, effect }
  return { p: Math.max(p, permutationP(a, b, random)), effect }
}

interface ClusterSums {
  ranks: number[]
  weights: number[]
}

function permutationP(a: SampleGroup, b: SampleGroup, random: () => number): number {
  const [small, large] = a.clusters <= b.clusters ? [a, b] : [b, a]
  const [first, second] = [rankSums(small, large), rankSums(large, small)]
  const ranks = [...first.ranks, ...second.ranks]
  const weights = [...first.weights, ...second.weights]
  const allRanks = sum(ranks)
  const allWeights = sum(weights)
  const order = ranks.map((_, i) => i)
  const distance = (): number => {
    let chosenRanks = 0
    let chosenWeights = 0
    for (let i = 0; i < small.clusters; i++) {
      chosenRanks += ranks[order[i] ?? 0] ?? 0
      chosenWeights += weights[order[i] ?? 0] ?? 0
    }
    return Math.abs(chosenRanks / chosenWeights - (allRanks - chosenRanks) / (allWeights - chosenWeights))
  }
  const observed = distance() * (1 - 1e-9)
  let asFar = 1
  for (let round = 0; round < PERMUTATIONS; round++) {
    for (let i = 0; i < small.clusters; i++) {
      const other = i + Math.floor(random() * (order.length - i))
      const kept = order[i] ?? 0
      order[i] = order[other] ?? 0
      order[other] = kept
    }
    if (distance() >= observed) asFar++
  }
  return asFar / (PERMUTATIONS + 1)
}

/** Rank of each sample among both groups, by weight, summed up by cluster. */
function rankSums(group: SampleGroup, other: SampleGroup): ClusterSums {
  const sums: ClusterSums = {
    ranks: Array.from({ length: group.clusters }, () => 0),
    weights: Array.from({ length: group.clusters }, () => 0),
  }
  const { values, weights, total } = group.sorted
  for (const [i, value] of values.entries()) {
    const cluster = group.clusterOf[i] ?? 0
    const weight = weights[i] ?? 0
    const rank = shareBelow(group.sorted, value) * total + shareBelow(other.sorted, value) * other.sorted.total
    sums.ranks[cluster] = (sums.ranks[cluster] ?? 0) + rank * weight
    sums.weights[cluster] = (sums.weights[cluster] ?? 0) + weight
  }
  return sums
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
