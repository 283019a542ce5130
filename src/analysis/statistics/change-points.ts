import { studentTails } from './distributions.ts'

/** A place where a series goes to another level and stays there. */
export interface ChangePoint {
  /** First value of the new level. */
  index: number
  /** Medians of the level before and after. */
  before: number
  after: number
  /** (after − before) / before. */
  difference: number
  /** Probability of so clear a step somewhere in a series that has none. */
  p: number
}

/** A level has at least this many values: one alone may be an outlier. */
const SHORTEST = 2
/** Longer series keep their newest values: the search grows with the square. */
const LONGEST = 500

/**
 * Where a series in the order of time changes its level: first the partition with the least squares and a penalty for each level (B. Jackson et al.,
 * An algorithm for optimal partitioning of data on an interval, IEEE Signal Processing Letters 12, 2005), then only steps that are significant by
 * Student's t between the two levels, times the number of places where the step could have been (K. Worsley, J. Am. Stat. Assoc. 74, 1979).
 * Positive values are compared by their logarithms; steps up to `sameWithin` are none.
 */
export function changePoints(all: readonly number[], options: { alpha?: number; sameWithin?: number } = {}): ChangePoint[] {
  const { alpha = 0.05, sameWithin = 0.05 } = options
  const skipped = Math.max(0, all.length - LONGEST)
  const values = all.slice(skipped)
  const scaled = values.every((value) => value > 0) ? values.map(Math.log) : values
  const starts = partition(scaled)
  for (;;) {
    const steps = starts.map((index, i) => stepAt(values, scaled, starts[i - 1] ?? 0, index, starts[i + 1] ?? values.length))
    const doubtful = steps.map(({ p, difference }) => (Math.abs(difference) <= sameWithin ? 2 : p))
    const worst = doubtful.indexOf(Math.max(...doubtful))
    if (worst === -1 || (doubtful[worst] ?? 0) <= alpha) return steps.map((step) => ({ ...step, index: step.index + skipped }))
    starts.splice(worst, 1)
  }
}

function stepAt(values: readonly number[], scaled: readonly number[], from: number, index: number, to: number): ChangePoint {
  const [before, after] = [middle(values.slice(from, index)), middle(values.slice(index, to))]
  const [left, right] = [scaled.slice(from, index), scaled.slice(index, to)]
  const df = left.length + right.length - 2
  const variance = (squaresAround(left) + squaresAround(right)) / df
  const t = Math.abs(mean(right) - mean(left)) / Math.sqrt(variance * (1 / left.length + 1 / right.length))
  const places = Math.max(1, values.length - 2 * SHORTEST + 1)
  const difference = before === after ? 0 : (after - before) / Math.abs(before)
  return { index, before, after, difference, p: Math.min(1, studentTails(t, df) * places) }
}

/** First indexes of the levels but the first. */
function partition(values: readonly number[]): number[] {
  const n = values.length
  if (n < 2 * SHORTEST) return []
  const sums = [0]
  const squares = [0]
  for (const value of values) {
    sums.push((sums.at(-1) ?? 0) + value)
    squares.push((squares.at(-1) ?? 0) + value * value)
  }
  const cost = (from: number, to: number): number =>
    Math.max(0, (squares[to] ?? 0) - (squares[from] ?? 0) - ((sums[to] ?? 0) - (sums[from] ?? 0)) ** 2 / (to - from))
  const penalty = 2 * Math.log(n) * noiseOf(values)
  const best = [-penalty]
  const previous = [0]
  for (let to = 1; to <= n; to++) {
    best[to] = Number.POSITIVE_INFINITY
    for (let from = 0; from <= to - SHORTEST; from++) {
      const total = (best[from] ?? Number.POSITIVE_INFINITY) + cost(from, to) + penalty
      if (total < (best[to] ?? 0)) {
        best[to] = total
        previous[to] = from
      }
    }
  }
  const starts: number[] = []
  for (let at = previous[n] ?? 0; at > 0; at = previous[at] ?? 0) starts.unshift(at)
  return starts
}

/** Variance of the noise: from the median of the differences between neighbours, which steps do not move. */
function noiseOf(values: readonly number[]): number {
  const differences = values.slice(1).map((value, i) => Math.abs(value - (values[i] ?? 0)))
  // 1.4826 makes the median of normal deviations their standard deviation; neighbours differ by twice the variance.
  const noise = (1.4826 * middle(differences)) ** 2 / 2
  const rounding = 1e-12 * Math.max(...values.map((value) => value * value))
  return Math.max(noise, rounding)
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const mean = (values: readonly number[]): number => sum(values) / values.length

function squaresAround(values: readonly number[]): number {
  const center = mean(values)
  const squares = sum(values.map((value) => (value - center) ** 2))
  // Differences of equal numbers leave rounding behind.
  return squares < 1e-20 * sum(values.map((value) => value * value)) ? 0 : squares
}

function middle(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[half] ?? 0) : ((sorted[half - 1] ?? 0) + (sorted[half] ?? 0)) / 2
}
