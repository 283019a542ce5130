import { describe, expect, test } from 'vitest'
import { adjustComparisons, compareSamples, type Sample } from '../../../src/analysis/statistics/compare-samples.ts'
import { autocorrelated, bimodal, clustered, lognormal, normal, sampled, type Latencies } from '../../support/latencies.ts'
import { seeded } from '../../support/generate-session.ts'

const plain = (values: readonly number[]): Sample[] => values.map((value) => ({ value, weight: 1 }))

describe('what two groups say', () => {
  test('medians, percentiles, means and the effect are those of the definitions', () => {
    const a = plain([3, 1, 2, 8, 5, 4])
    const b = plain([2, 9, 7, 5, 6])
    const result = compareSamples(a, b, { takesTurns: true })
    const pairs = a.flatMap((x) => b.map((y) => Math.sign(y.value - x.value)))
    expect(result.effect).toBeCloseTo(pairs.reduce<number>((sum, sign) => sum + sign, 0) / pairs.length, 12)
    expect(result.medians).toEqual([3.5, 6])
    expect(result.means[0]).toBeCloseTo(23 / 6, 12)
    expect(result.p95s[1]).toBeCloseTo(8.6, 12)
    expect(result.difference).toBeCloseTo(6 / 3.5 - 1, 12)
  })

  test('the p of few samples is that of the exact test', () => {
    // Hollander and Wolfe, Nonparametric Statistical Methods (1973), p. 69: W = 35, p = 0.2544.
    const a = plain([0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46])
    const b = plain([1.15, 0.88, 0.9, 0.74, 1.21])
    expect(compareSamples(a, b, { takesTurns: true }).p).toBeGreaterThan(0.24)
    const apart = compareSamples(plain([3, 1, 5, 2, 4]), plain([8, 10, 6, 9, 7]), { takesTurns: true })
    // 2 of the 252 ways to part ten numbers.
    expect(apart.p).toBeCloseTo(2 / 252, 2)
    expect(apart).toMatchObject({ effect: 1, verdict: 'slower' })
  })

  test('equal input gives equal results, exchanged sides the opposite', () => {
    const random = seeded(3)
    const [a, b] = [lognormal(random, 300), lognormal(random, 200, 1.3)]
    const there = compareSamples(a, b)
    expect(compareSamples(a, b)).toEqual(there)
    const back = compareSamples(b, a)
    expect(there.verdict).toBe('slower')
    expect(back.verdict).toBe('faster')
    expect(back.effect).toBeCloseTo(-there.effect, 12)
    expect(back.p).toBeCloseTo(there.p, 12)
  })

  test('a sample of weight three counts as three of its cluster', () => {
    const random = seeded(5)
    const weighted = (factor: number): Sample[] =>
      lognormal(random, 80, factor).map((sample, cluster) => ({ ...sample, weight: cluster % 3 === 0 ? 3 : 1, cluster }))
    const repeated = (samples: Sample[]): Sample[] =>
      samples.flatMap((sample) => Array.from({ length: sample.weight }, () => ({ ...sample, weight: 1 })))
    const [a, b] = [weighted(1), weighted(1.2)]
    const [once, thrice] = [compareSamples(a, b), compareSamples(repeated(a), repeated(b))]
    expect(once.p).toBeCloseTo(thrice.p, 10)
    expect(once.effect).toBeCloseTo(thrice.effect, 10)
    expect(once.means[0]).toBeCloseTo(thrice.means[0], 10)
    expect(once.clusters).toEqual([80, 80])
  })
})

describe('verdicts', () => {
  test('few samples, or none, are not enough', () => {
    expect(compareSamples([], plain([1, 2, 3])).verdict).toBe('not enough data')
    expect(compareSamples(plain([1, 1, 1, 1]), plain([9, 9, 9, 9])).verdict).toBe('not enough data')
    const oneTrace = Array.from({ length: 50 }, (_, i) => ({ value: i, weight: 1, cluster: 'a' }))
    expect(compareSamples(oneTrace, plain(oneTrace.map(({ value }) => value + 100))).verdict).toBe('not enough data')
  })

  test('what does not vary is the same', () => {
    const constant = plain(Array.from({ length: 20 }, () => 7))
    expect(compareSamples(constant, constant)).toMatchObject({ difference: 0, interval: [0, 0], p: 1, verdict: 'same' })
    expect(compareSamples(constant, plain(Array.from({ length: 20 }, () => 8))).verdict).toBe('slower')
  })

  test('20 % more is found in 500 samples', () => {
    const random = seeded(11)
    const found = Array.from({ length: 50 }, () => compareSamples(lognormal(random, 500), lognormal(random, 500, 1.2)).verdict)
    expect(found.filter((verdict) => verdict === 'slower').length).toBeGreaterThanOrEqual(49)
  })

  test('1 % more is the same within 5 %, however sure', () => {
    const random = seeded(12)
    const tight: Latencies = autocorrelated(0, 0.1)
    const result = compareSamples(tight(random, 20_000), tight(random, 20_000, 1.01))
    expect(result.p).toBeLessThan(0.001)
    expect(result.verdict).toBe('same')
  })

  test('more calls in the slow tail are slower though the median stays', () => {
    const random = seeded(13)
    const withTail = (share: number): Sample[] =>
      plain(Array.from({ length: 3000 }, () => (random() < share ? 200 : 10) * Math.exp(0.1 * normal(random))))
    const result = compareSamples(withTail(0.02), withTail(0.08))
    expect(Math.abs(result.difference)).toBeLessThan(0.05)
    expect(result.verdict).toBe('slower')
  })

  test('the smallest difference it promises to show is shown four times in five', () => {
    const random = seeded(14)
    const shown = Array.from({ length: 200 }, () => {
      const promised = compareSamples(lognormal(random, 200), lognormal(random, 200)).minimumDetectable
      return compareSamples(lognormal(random, 200), lognormal(random, 200, 1 + promised)).verdict
    })
    expect(shown.filter((verdict) => verdict === 'slower').length / shown.length).toBeGreaterThan(0.7)
  })
})

describe('calls that depend on each other', () => {
  test('few that drift are not enough, however far apart their ranks, unless the medians lie far beyond the drift', () => {
    const drifting = (factor: number): Sample[] => plain(Array.from({ length: 20 }, (_, i) => factor * (10 + i / 10)))
    expect(compareSamples(drifting(1), drifting(1.3))).toMatchObject({ verdict: 'not enough data', isJudged: false })
    expect(compareSamples(drifting(1), drifting(4)).verdict).toBe('slower')
  })

  test('a warm-up at the beginning hides no large difference', () => {
    const random = seeded(15)
    const warming = (factor: number): Sample[] =>
      plain(Array.from({ length: 80 }, (_, i) => factor * 10 * (1 + 2 * Math.exp(-i / 4)) * Math.exp(0.1 * normal(random))))
    const found = Array.from({ length: 50 }, () => compareSamples(warming(1), warming(2)).verdict)
    expect(found.filter((verdict) => verdict === 'slower').length).toBeGreaterThanOrEqual(45)
  })

  test('of a handful of calls a side, what lies far apart is told, and what resembles its neighbours is not', () => {
    expect(compareSamples(plain([3, 1, 6, 2, 5, 4]), plain([43, 41, 46, 42, 45, 44])).verdict).toBe('slower')
    expect(compareSamples(plain([1, 2, 3, 4, 5, 6]), plain([7, 8, 9, 10, 11, 12])).verdict).toBe('not enough data')
    expect(compareSamples(plain([1, 2, 3, 4, 5, 6]), plain([7, 8, 9, 10, 11, 12]), { takesTurns: true }).verdict).toBe('slower')
  })

  test('what is not judged counts in no correction for many', () => {
    const random = seeded(16)
    const judged = compareSamples(lognormal(random, 200), lognormal(random, 200, 1.5))
    const few = compareSamples(plain([1, 2, 3]), plain([1, 2, 3]))
    expect(adjustComparisons([judged, few, few])[0]?.p).toBe(judged.p)
  })

  test('medians and percentiles shown are those of the calls that samples stand for', () => {
    const samples = [1, 2, 3, 4, 50, 60, 70].map((value, i) => ({ value, weight: i < 4 ? 5 : 1 }))
    const calls = plain(samples.flatMap(({ value, weight }) => Array.from({ length: weight }, () => value)))
    const { medians, p95s } = compareSamples(samples, calls)
    expect(medians[0]).toBe(medians[1])
    expect(p95s[0]).toBeCloseTo(p95s[1], 12)
  })
})

describe('under the null, two halves of 200 recordings', () => {
  const cases: [string, Latencies, number][] = [
    ['lognormal, few', lognormal, 40],
    ['lognormal', lognormal, 1000],
    ['bimodal', bimodal, 1000],
    ['autocorrelated', autocorrelated(0.5), 1000],
    ['strongly autocorrelated, a handful', autocorrelated(0.95), 12],
    ['strongly autocorrelated, two handfuls', autocorrelated(0.95), 20],
    ['autocorrelated at 0.8, a handful', autocorrelated(0.8), 12],
    ['autocorrelated at 0.8, some more', autocorrelated(0.8), 16],
    ['strongly autocorrelated, few', autocorrelated(0.95), 40],
    ['strongly autocorrelated, some', autocorrelated(0.95), 80],
    ['autocorrelated at 0.8, few', autocorrelated(0.8), 40],
    ['strongly autocorrelated, many', autocorrelated(0.95), 4000],
    ['several calls in a trace', clustered, 1000],
    ['sampled with weights', sampled, 2500],
  ]
  test.each(cases)('%s: 5 % false alarms at most', (_, latencies, count) => {
    const random = seeded(1)
    let alarms = 0
    for (let i = 0; i < 200; i++) {
      const all = latencies(random, count)
      const { verdict } = compareSamples(all.slice(0, all.length / 2), all.slice(all.length / 2))
      if (verdict === 'slower' || verdict === 'faster') alarms++
    }
    expect(alarms).toBeLessThanOrEqual(10)
  })
})

describe('many comparisons', () => {
  test('one name of fifty that takes twice as long is the only one claimed', () => {
    const random = seeded(21)
    const comparisons = Array.from({ length: 50 }, (_, i) =>
      compareSamples(autocorrelated(0.3)(random, 200), autocorrelated(0.3)(random, 200, i === 17 ? 2 : 1)),
    )
    const claimed = adjustComparisons(comparisons).flatMap(({ verdict }, i) =>
      verdict === 'slower' || verdict === 'faster' ? [[i, verdict]] : [],
    )
    expect(claimed).toEqual([[17, 'slower']])
  })

  test('Holm, and Benjamini and Hochberg', () => {
    const base = compareSamples(plain([3, 1, 5, 2, 6, 4]), plain([3, 1, 5, 2, 6, 4]), { takesTurns: true })
    const given = [0.01, 0.04, 0.03, 0.005].map((p) => ({ ...base, p }))
    // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), 'holm') and 'BH'
    expect(adjustComparisons(given).map(({ p }) => Number(p.toFixed(6)))).toEqual([0.03, 0.06, 0.06, 0.02])
    expect(adjustComparisons(given, { method: 'benjamini-hochberg' }).map(({ p }) => Number(p.toFixed(6)))).toEqual([
      0.02, 0.04, 0.04, 0.02,
    ])
    expect(adjustComparisons(given)[0]?.minimumDetectable).toBeGreaterThan(base.minimumDetectable)
  })
})
