/** A stretch of time in milliseconds. */
export interface Stretch {
  from: number
  to: number
}

/** Stretches that do not overlap each other, asked again and again how much of a time they cover: a binary search each, however many there are. */
export class CoveredTime {
  readonly #from: number[] = []
  readonly #to: number[] = []
  /** What the ones before each cover together. */
  readonly #before: number[] = []

  constructor(stretches: readonly Stretch[]) {
    let sum = 0
    let end = -Infinity
    for (const stretch of stretches.toSorted((a, b) => a.from - b.from)) {
      const from = Math.max(stretch.from, end)
      if (stretch.to <= from) continue
      this.#from.push(from)
      this.#to.push((end = stretch.to))
      this.#before.push(sum)
      sum += end - from
    }
  }

  /** Milliseconds that are covered between two times. */
  within({ from, to }: Stretch): number {
    return to <= from ? 0 : this.#until(to) - this.#until(from)
  }

  #until(time: number): number {
    const last = countBelow(this.#from, time) - 1
    return last < 0 ? 0 : (this.#before[last] ?? 0) + Math.min(time, this.#to[last] ?? 0) - (this.#from[last] ?? 0)
  }
}

/** How many of ascending values are less than `bound`. */
export function countBelow(values: readonly number[], bound: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const half = (low + high) >> 1
    if ((values[half] ?? 0) < bound) low = half + 1
    else high = half
  }
  return low
}
