// Quality against earlier sessions: a drop is found, chance is not taken for one.
import { describe, expect, it } from 'vitest'
import { qualityReports, type SessionQuality } from '../../src/analysis/scoring/baselines.ts'
import { seeded } from '../support/generate-session.ts'

const DAY = 86_400_000

/** A session in which an agent is right that often; a wrong answer scores 0.4. */
function session(i: number, right: number, random: () => number, calls = 100): SessionQuality {
  const samples = Array.from({ length: calls }, (_, k) => ({ value: random() < right ? 1 : 0.4, weight: 1, cluster: k }))
  const mean = samples.reduce((sum, { value }) => sum + value, 0) / calls
  const group = { kind: 'agent' as const, name: 'clerk', samples, mean, scorers: new Map([['grounded', { mean: mean - 0.1, weight: calls }], ['complete', { mean: 1, weight: calls }]]) } // prettier-ignore
  return { session: `s${i}`, startedAt: i * DAY, groups: new Map([['agent clerk', group]]) }
}

describe('quality', () => {
  it('that dropped is a drop, with the scorer that fell most', () => {
    const random = seeded(1)
    const earlier = Array.from({ length: 5 }, (_, i) => session(i, 0.95, random))
    const [report] = qualityReports(session(5, 0.6, random), earlier)
    expect(report).toMatchObject({ name: 'clerk', verdict: 'drop', fell_most: 'grounded', baseline_calls: 500 })
    expect(report?.p).toBeLessThan(0.001)
    expect(report?.effect).toBeLessThan(-0.2)
  })

  it('that rose is a rise, and the trend over many sessions is seen', () => {
    const random = seeded(2)
    const earlier = Array.from({ length: 9 }, (_, i) => session(i, 0.3 + i * 0.05, random, 300))
    expect(qualityReports(session(9, 0.95, random), earlier)).toMatchObject([{ verdict: 'rise', trend: expect.any(Number) }])
    expect(qualityReports(session(9, 0.95, random), earlier)[0]?.trend).toBeGreaterThan(0.99)
  })

  it('that did not change is a drop in few of 100 sessions', () => {
    const random = seeded(3)
    let drops = 0
    for (let round = 0; round < 100; round++) {
      const earlier = Array.from({ length: 3 }, (_, i) => session(i, 0.9, random))
      if (qualityReports(session(3, 0.9, random), earlier)[0]?.verdict === 'drop') drops++
    }
    expect(drops).toBeLessThanOrEqual(5)
  })

  it('without a baseline, or with too little of it, says so', () => {
    const random = seeded(4)
    expect(qualityReports(session(1, 0.9, random), [])).toMatchObject([{ verdict: 'no baseline', baseline: null, p: null }])
    expect(qualityReports(session(1, 0.9, random, 3), [session(0, 0.9, random, 3)])).toMatchObject([{ verdict: 'not enough data' }])
  })
})
