import { expect, test } from 'vitest'
import { changePoints } from '../../../src/analysis/statistics/change-points.ts'
import { seeded } from '../../support/generate-session.ts'
import { normal } from '../../support/latencies.ts'

/** Levels with noise of 5 %. */
function course(random: () => number, ...levels: [count: number, level: number][]): number[] {
  return levels.flatMap(([count, level]) => Array.from({ length: count }, () => level * Math.exp(0.05 * normal(random))))
}

test('a step is found where it is, with its size', () => {
  const [step, ...others] = changePoints(course(seeded(1), [12, 100], [9, 150]))
  expect(others).toEqual([])
  expect(step?.index).toBe(12)
  expect(step?.difference).toBeCloseTo(0.5, 1)
  expect(step?.p).toBeLessThan(1e-6)
})

test('two steps, and back', () => {
  expect(changePoints(course(seeded(2), [10, 100], [8, 200], [10, 100])).map(({ index }) => index)).toEqual([10, 18])
})

test('five before and three after are enough where the step is clear', () => {
  expect(changePoints(course(seeded(3), [5, 100], [3, 200])).map(({ index }) => index)).toEqual([5])
})

test('one outlier is no change', () => {
  expect(changePoints([...course(seeded(4), [10, 100]), 300, ...course(seeded(5), [10, 100])])).toEqual([])
})

test('what never varies has none; what goes from one constant to another has one', () => {
  expect(changePoints([7, 7, 7, 7, 7, 7])).toEqual([])
  expect(changePoints([0, 0, 0, 0])).toEqual([])
  expect(changePoints([200, 200, 200, 300, 300]).map(({ index }) => index)).toEqual([3])
  expect(changePoints([100, 100, 100, 101, 101, 101])).toEqual([])
  expect(changePoints([1, 2])).toEqual([])
})

test('of 200 courses without a change 5 % at most have one found', () => {
  const random = seeded(6)
  const alarms = Array.from({ length: 200 }, (_, i) => changePoints(course(random, [4 + (i % 30), 100]))).filter(
    (found) => found.length > 0,
  )
  expect(alarms.length).toBeLessThanOrEqual(10)
})
