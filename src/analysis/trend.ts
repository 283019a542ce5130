/** A measurement at a time. */
export interface Point {
  /** Seconds. */
  time: number
  value: number
}

/** How a series of measurements moves. */
export interface Trend {
  /** Per second: the median of the slopes between all pairs of points (Theil and Sen), which a few outliers do not move. */
  slope: number
  /** How sure it is that they rise or fall at all, 0 to 1 (two-sided test of Mann and Kendall). */
  confidence: number
  points: number
}

/** Pairs grow with the square of the points: more than these are thinned out. */
const MAX_POINTS = 300
/** Below this many points the test says nothing. */
const MIN_POINTS = 8

/** The trend of points in the order of time; undefined for too few. */
export function trendOf(all: readonly Point[]): Trend | undefined {
  const step = Math.ceil(all.length / MAX_POINTS)
  const points = all.filter((_, i) => i % step === 0)
  if (points.length < MIN_POINTS) return undefined
  const slopes: number[] = []
  let balance = 0
  for (const [i, a] of points.entries()) {
    for (const b of points.slice(i + 1)) {
      balance += Math.sign(b.value - a.value)
      if (b.time > a.time) slopes.push((b.value - a.value) / (b.time - a.time))
    }
  }
  slopes.sort((a, b) => a - b)
  return { slope: middle(slopes), confidence: confidenceOf(balance, points), points: points.length }
}

function middle(sorted: readonly number[]): number {
  const half = Math.floor(sorted.length / 2)
  const upper = sorted[half] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? upper) + upper) / 2
}

/** Mann and Kendall: the balance of rising and falling pairs is normally distributed where there is no trend; equal values count less. */
function confidenceOf(balance: number, points: readonly Point[]): number {
  const n = points.length
  const ties = new Map<number, number>()
  for (const { value } of points) ties.set(value, (ties.get(value) ?? 0) + 1)
  const part = (count: number): number => count * (count - 1) * (2 * count + 5)
  const variance = (part(n) - [...ties.values()].reduce((sum, count) => sum + part(count), 0)) / 18
  if (variance <= 0) return 0
  const z = Math.max(0, Math.abs(balance) - 1) / Math.sqrt(variance)
  return 1 - 2 * (1 - normal(z))
}

/** Distribution function of the normal distribution (Abramowitz and Stegun 26.2.17, error below 1e-7). */
function normal(z: number): number {
  const t = 1 / (1 + 0.2316419 * z)
  const tail = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  return 1 - (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * tail
}
