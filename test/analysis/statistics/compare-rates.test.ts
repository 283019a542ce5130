import { expect, test } from 'vitest'
import { compareRates } from '../../../src/analysis/statistics/compare-rates.ts'
import type { Sample } from '../../../src/analysis/statistics/compare-samples.ts'
import { seeded } from '../../support/generate-session.ts'

const failures = (random: () => number, count: number, rate: number): Sample[] =>
  Array.from({ length: count }, () => ({ value: random() < rate ? 1 : 0, weight: 1 }))

test('a rate that doubles is found, with its interval', () => {
  const random = seeded(1)
  const result = compareRates(failures(random, 1000, 0.1), failures(random, 1000, 0.2))
  expect(result.verdict).toBe('slower')
  expect(result.interval[0]).toBeGreaterThan(0.05)
  expect(result.interval[1]).toBeLessThan(0.15)
  expect(compareRates(failures(random, 1000, 0.2), failures(random, 1000, 0.1)).verdict).toBe('faster')
})

test('few calls without a failure do not prove that there is none', () => {
  const random = seeded(2)
  expect(compareRates(failures(random, 30, 0), failures(random, 30, 0)).verdict).toBe('not enough data')
  expect(compareRates(failures(random, 1000, 0), failures(random, 1000, 0)).verdict).toBe('same')
  expect(compareRates(failures(random, 3, 0), failures(random, 1000, 1)).verdict).toBe('not enough data')
})

test('of 200 pairs with the same rate 5 % at most are claimed', () => {
  const random = seeded(3)
  const claimed = Array.from({ length: 200 }, () => compareRates(failures(random, 200, 0.1), failures(random, 200, 0.1)).verdict).filter(
    (verdict) => verdict === 'slower' || verdict === 'faster',
  )
  expect(claimed.length).toBeLessThanOrEqual(10)
})
