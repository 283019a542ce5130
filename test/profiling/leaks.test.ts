// Whether a heap grows: known truths, with noise.
import { describe, expect, it } from 'vitest'
import { floorOf, growsUnjudged } from '../../src/analysis/memory-report.ts'
import { trendOf } from '../../src/analysis/trend.ts'
import { seeded } from '../support/generate-session.ts'

const MB = 1 << 20
/** What collections left, one every two seconds: a base, growth per minute and noise, in MB. */
const collections = (count: number, base: number, perMinute: number, noise: number, seed = 1) => {
  const random = seeded(seed)
  return Array.from({ length: count }, (_, i) => ({
    time: i * 2,
    value: (base + (perMinute * i * 2) / 60 + (random() - 0.5) * noise) * MB,
  }))
}

describe('what major collections leave', () => {
  it('grows: the slope is found through the noise, with its confidence', () => {
    const floor = floorOf(collections(60, 50, 12, 8))
    expect(floor?.verdict).toBe('grows')
    expect((floor?.bytes_per_minute ?? 0) / MB).toBeGreaterThan(10)
    expect((floor?.bytes_per_minute ?? 0) / MB).toBeLessThan(14)
    expect(floor?.confidence).toBeGreaterThan(0.999)
  })

  it.each([
    ['noise around a level', collections(200, 80, 0, 30)],
    [
      'one jump at the start, as when caches fill',
      collections(60, 80, 0, 5).map((point, i) => (i < 6 ? { ...point, value: 20 * MB } : point)),
    ],
    ['a single growth at the very end', collections(60, 80, 0, 5).map((point, i) => (i > 57 ? { ...point, value: 300 * MB } : point))],
    ['growth too small to matter', collections(100, 100, 0.5, 0.1)],
  ])('is steady with %s', (_what, points) => expect(floorOf(points)?.verdict).toBe('steady'))

  it('shrinks', () => expect(floorOf(collections(60, 200, -20, 5))?.verdict).toBe('shrinks'))

  it('is called growing by chance in less than one of fifty runs that are steady', () => {
    const verdicts = Array.from({ length: 300 }, (_, seed) => floorOf(collections(40, 30, 0, 30, seed + 1))?.verdict)
    expect(verdicts.filter((verdict) => verdict === 'grows').length).toBeLessThan(6)
  })

  it.each([
    ['too few collections', collections(6, 50, 60, 0)],
    ['too short a time', collections(60, 50, 60, 0).map(({ time, value }) => ({ time: time / 10, value }))],
    ['none at all', []],
  ])('says nothing of %s', (_what, points) => expect(floorOf(points)).toBeNull())
})

describe('a heap that was collected too rarely to judge', () => {
  const MANY = floorOf(collections(60, 50, 12, 8))
  it.each([
    ['has grown much', { floor: null, heap_first: 20 * MB, heap_last: 250 * MB }, true],
    ['has grown little', { floor: null, heap_first: 20 * MB, heap_last: 45 * MB }, false],
    ['has grown by a small part', { floor: null, heap_first: 200 * MB, heap_last: 300 * MB }, false],
    ['is judged by its collections', { floor: MANY, heap_first: 20 * MB, heap_last: 250 * MB }, false],
    ['was not measured', { floor: null, heap_first: null, heap_last: null }, false],
  ])('is worth a word when it %s', (_what, heap, worth) => expect(growsUnjudged(heap)).toBe(worth))
})

describe('a trend', () => {
  it('is sure of a straight line and of no line in equal values', () => {
    const line = Array.from({ length: 20 }, (_, i) => ({ time: i, value: 3 * i + 1 }))
    expect(trendOf(line)).toMatchObject({ slope: 3, points: 20 })
    expect(trendOf(line)?.confidence).toBeGreaterThan(0.9999)
    expect(trendOf(line.map(({ time }) => ({ time, value: 5 })))).toEqual({ slope: 0, confidence: 0, points: 20 })
  })

  it('agrees with a worked example of Mann and Kendall', () => {
    // S = 15, variance 125 for ten values without ties: z = 14 / √125 = 1.252, two-sided p = 0.2105.
    const values = [10, 22, 21, 30, 18, 12, 25, 28, 24, 26]
    const trend = trendOf(values.map((value, time) => ({ time, value })))
    expect(trend?.confidence).toBeCloseTo(0.7895, 3)
  })

  it('is thinned out, not slow, with a hundred thousand points', () => {
    const many = Array.from({ length: 100_000 }, (_, i) => ({ time: i, value: i }))
    expect(trendOf(many)?.slope).toBe(1)
    expect(trendOf(many)?.points).toBeLessThanOrEqual(300)
  })
})
