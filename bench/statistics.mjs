/** @returns {number | null} null for an empty list */
export function median(values) {
  if (values.length === 0) return null
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Element by element, so that a pair measured side by side is compared with itself before the median is taken. */
export function pairwise(values, baseline, compare) {
  return values.slice(0, baseline.length).map((value, index) => compare(value, baseline[index]))
}

/**
 * The median with the interval in which it lies with a probability of 95 %, by drawing anew from `values` (bootstrap).
 * @returns {{ value: number, low: number, high: number }}
 */
export function medianInterval(values, draws = 2000) {
  const medians = Array.from({ length: draws }, () => median(values.map(() => values[Math.floor(Math.random() * values.length)])))
  medians.sort((a, b) => a - b)
  return { value: median(values), low: medians[Math.floor(draws * 0.025)], high: medians[Math.floor(draws * 0.975)] }
}

/** The value that a quarter of `values` lies below. */
export function lowerQuartile(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 4)]
}

/** Whether a budget is met, from the interval of what was measured: null where it holds values on both sides of `limit`. */
export function decide({ low, high }, limit) {
  if (high <= limit) return true
  return low > limit ? false : null
}
