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
