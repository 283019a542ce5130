/** How to correct for many comparisons: Holm bounds the chance of one false claim, Benjamini and Hochberg the share of false ones. */
export type AdjustMethod = 'holm' | 'benjamini-hochberg'

/**
 * Probabilities corrected for their number, in the order given (S. Holm, Scand. J. Stat. 6, 1979; Y. Benjamini and Y. Hochberg, J. R. Stat. Soc. B
 * 57, 1995): what R's `p.adjust` gives.
 */
export function adjustProbabilities(given: readonly number[], method: AdjustMethod = 'holm'): number[] {
  const order = given.map((_, i) => i).sort((a, b) => (given[a] ?? 0) - (given[b] ?? 0))
  const adjusted = given.map(() => 1)
  if (method === 'benjamini-hochberg') {
    let smallest = 1
    for (const [i, at] of [...order.entries()].toReversed())
      adjusted[at] = smallest = Math.min(smallest, ((given[at] ?? 1) * given.length) / (i + 1))
    return adjusted
  }
  let largest = 0
  for (const [i, at] of order.entries()) adjusted[at] = largest = Math.min(1, Math.max(largest, (given[at] ?? 1) * (given.length - i)))
  return adjusted
}
