// Latencies as services have them, with known truth: for tests of the statistics.
import type { Sample } from '../../src/analysis/statistics/compare-samples.ts'

/** Makes `count` samples in the order of time; `factor` multiplies each value. */
export type Latencies = (random: () => number, count: number, factor?: number) => Sample[]

/** Each on its own, one kind: around 10 ms. */
export const lognormal: Latencies = autocorrelated(0)

/** A fast and a slow kind, as with a cache: 60 % around 1 ms, else around 50 ms. */
export const bimodal: Latencies = (random, count, factor = 1) =>
  Array.from({ length: count }, () => {
    const value = random() < 0.6 ? Math.exp(0.2 * normal(random)) : 50 * Math.exp(0.3 * normal(random))
    return { value: value * factor, weight: 1 }
  })

/** Neighbours in time are alike: an autoregressive load. */
export function autocorrelated(correlation: number, spread = 0.5): Latencies {
  return (random, count, factor = 1) => {
    let level = normal(random)
    return Array.from({ length: count }, () => {
      level = correlation * level + Math.sqrt(1 - correlation ** 2) * normal(random)
      return { value: 10 * Math.exp(spread * level) * factor, weight: 1 }
    })
  }
}

/** Many calls in each trace, those of one trace alike. */
export const clustered: Latencies = (random, count, factor = 1) => {
  let cluster = 0
  let left = 0
  let level = 0
  return Array.from({ length: count }, () => {
    if (left-- <= 0) {
      left = Math.floor(random() * 10)
      cluster++
      level = normal(random)
    }
    return { value: Math.exp(0.7 * level + 0.3 * normal(random)) * factor, weight: 1, cluster }
  })
}

/** Sampled: every slow one kept, of the others one in five with a weight of five. */
export const sampled: Latencies = (random, count, factor = 1) =>
  Array.from({ length: count }).flatMap(() => {
    const value = 10 * Math.exp(0.8 * normal(random))
    const isKept = value > 20 || random() < 0.2
    return isKept ? [{ value: value * factor, weight: value > 20 ? 1 : 5 }] : []
  })

/** A standard normal number (Box and Muller). */
export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
