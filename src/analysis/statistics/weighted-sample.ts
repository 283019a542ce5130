/** One measurement. */
export interface Sample {
  value: number
  /** How many measurements this one stands for: 1 / the probability with which it was kept. */
  weight: number
  /** Samples of one cluster (a trace, a round) say less than as many independent ones; without it each stands alone. */
  cluster?: number | string
}

/** Measurements of one group, sorted by value, as typed arrays. */
export interface WeightedSample {
  /** Ascending. */
  values: Float64Array
  weights: Float64Array
  /** Sum of the weights up to and with each value. */
  cumulative: Float64Array
  /** Where each value stood in the order of time. */
  positions: Uint32Array
  total: number
}

/** Sorts a group once for everything that is asked of it. */
export function weightedSample(samples: readonly Sample[]): WeightedSample {
  const positions = Uint32Array.from(samples, (_, i) => i)
  const raw = Float64Array.from(samples, (sample) => sample.value)
  positions.sort((a, b) => (raw[a] ?? 0) - (raw[b] ?? 0) || a - b)
  const values = Float64Array.from(positions, (position) => raw[position] ?? 0)
  const weights = Float64Array.from(positions, (position) => samples[position]?.weight ?? 0)
  const cumulative = new Float64Array(samples.length)
  let total = 0
  for (let i = 0; i < cumulative.length; i++) cumulative[i] = total += weights[i] ?? 0
  return { values, weights, cumulative, positions, total }
}

/**
 * The value below which the share `p` of the weight lies. With equal weights it is DuckDB's `quantile_cont` (Hyndman and Fan's type 7, 1996);
 * with others each value stands at the middle of its own weight.
 */
export function weightedQuantile({ values, weights, cumulative, total }: WeightedSample, p: number): number {
  const n = values.length
  if (n === 0) return Number.NaN
  const first = (weights[0] ?? 0) / 2
  const target = first + Math.min(1, Math.max(0, p)) * (total - first - (weights[n - 1] ?? 0) / 2)
  const middle = (i: number): number => (cumulative[i] ?? 0) - (weights[i] ?? 0) / 2
  let low = 0
  let high = n - 1
  while (low < high) {
    const half = (low + high) >> 1
    if (middle(half) < target) low = half + 1
    else high = half
  }
  const upper = values[low] ?? 0
  if (low === 0) return upper
  const [from, to] = [middle(low - 1), middle(low)]
  const lower = values[low - 1] ?? 0
  return to <= from ? upper : lower + (upper - lower) * Math.min(1, Math.max(0, (target - from) / (to - from)))
}

/**
 * The quantile of the calls a group stands for: `quantile_cont` of the values, each as often as its weight says, as `weighted_quantile` in SQL gives
 * it. For figures that are shown; `weightedQuantile`, which changes steadily with `p`, is for estimates of how sure one is.
 */
export function quantileOfCalls({ values, cumulative, total }: WeightedSample, p: number): number {
  const n = values.length
  if (n === 0) return Number.NaN
  const rank = (total - 1) * Math.min(1, Math.max(0, p))
  let low = 0
  let high = n - 1
  while (low < high) {
    const half = (low + high) >> 1
    if ((cumulative[half] ?? 0) <= rank) low = half + 1
    else high = half
  }
  const value = values[low] ?? 0
  return value + Math.max(0, rank + 1 - (cumulative[low] ?? 0)) * ((values[low + 1] ?? value) - value)
}

/** Share of the weight below `value`, equal values counted half. */
export function shareBelow(sample: WeightedSample, value: number): number {
  const below = weightBefore(sample, value, false)
  return (below + weightBefore(sample, value, true)) / 2 / sample.total
}

/** Mean by weight. */
export function weightedMean({ values, weights, total }: WeightedSample): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += (values[i] ?? 0) * (weights[i] ?? 0)
  return sum / total
}

function weightBefore({ values, cumulative }: WeightedSample, value: number, orEqual: boolean): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const half = (low + high) >> 1
    const at = values[half] ?? 0
    if (at < value || (orEqual && at === value)) low = half + 1
    else high = half
  }
  return low === 0 ? 0 : (cumulative[low - 1] ?? 0)
}
