import { describe, expect, it } from 'vitest'
import type { Measured } from '../../src/analysis/queue/candidate.ts'
import { fewerFailures } from '../../src/analysis/queue/occurrence.ts'
import { priorityOf } from '../../src/analysis/queue/priority.ts'
import { judge } from '../../src/analysis/queue/proof.ts'

describe('fewerFailures', () => {
  it("is Fisher's exact test", () => {
    // The lady tasting tea: 1 of 70 ways to part eight cups.
    expect(fewerFailures({ failed: 4, calls: 4 }, { failed: 0, calls: 4 })).toBeCloseTo(1 / 70, 12)
    expect(fewerFailures({ failed: 3, calls: 4 }, { failed: 1, calls: 4 })).toBeCloseTo(17 / 70, 12)
    // R: fisher.test(matrix(c(6, 0, 24, 40), 2), alternative = "greater")
    expect(fewerFailures({ failed: 6, calls: 30 }, { failed: 0, calls: 40 })).toBeCloseTo(0.004528, 5)
  })

  it('proves nothing with few calls, and something with many', () => {
    expect(fewerFailures({ failed: 10, calls: 100 }, { failed: 0, calls: 5 })).toBeGreaterThan(0.5)
    expect(fewerFailures({ failed: 100, calls: 1000 }, { failed: 0, calls: 100 })).toBeLessThan(0.001)
    expect(fewerFailures({ failed: 0, calls: 10 }, { failed: 0, calls: 1000 })).toBe(1)
    expect(fewerFailures({ failed: 50_000, calls: 1_000_000 }, { failed: 51_000, calls: 1_000_000 })).toBeGreaterThan(0.99)
  })
})

describe('judge', () => {
  const measured = (failed: number, calls: number, effective_calls?: number): Measured => ({
    session: 's', calls, failed, mean: null, median: null, p95: null, values: [], weights: [], clusters: [],
    ...(effective_calls === undefined ? {} : { effective_calls }),
  }) // prettier-ignore
  const subject = { of: 'spans', where: {}, measure: 'failed' } as const

  it('takes no more from a sampled session than the calls it holds', () => {
    // 3 of 20 calls and 0 of 10, each of which stands for ten.
    expect(judge(subject, measured(30, 200, 20), measured(0, 100, 10)).verdict).toBe('not enough data')
    expect(judge(subject, measured(30, 200), measured(0, 100)).verdict).toBe('better')
  })
})

describe('priorityOf', () => {
  const none = { ms: 0, cpu_ms: 0, tokens: 0, usd: 0, failures: 0 }
  it('counts seconds, cents, thousands of tokens without a price, and failures, per 1,000 traces', () => {
    expect(priorityOf({ ...none, ms: 2000 }, 1000)).toBe(2)
    expect(priorityOf({ ...none, ms: 2000 }, 100)).toBe(20)
    expect(priorityOf({ ...none, cpu_ms: 3000, usd: 0.04, tokens: 1e6, failures: 1 }, 1000)).toBe(8)
    expect(priorityOf({ ...none, tokens: 5000 }, 1000)).toBe(5)
    expect(priorityOf(none, 0)).toBe(0)
  })
})
