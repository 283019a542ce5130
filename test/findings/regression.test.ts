import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import type { Finding } from '../../src/analysis/finding.ts'
import regression from '../../src/analysis/findings/regression.ts'
import { openSession } from '../../src/store/query.ts'
import { resolveSession } from '../../src/store/session.ts'
import { seeded } from '../support/generate-session.ts'
import { autocorrelated, bimodal, lognormal } from '../support/latencies.ts'
import { latencySession, type RecordedName } from '../support/latency-session.ts'

// Limits for what hangs, on a machine however busy.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 })

let dir: string
beforeEach(() => (dir = mkdtempSync(path.join(os.tmpdir(), 'perf-regression-'))))
afterEach(() => rmSync(dir, { recursive: true, force: true }))

/** Records one session after the other, all but the last synced as a command would leave them, and looks for regressions in the last. */
async function findingsAfter(
  factors: readonly number[],
  options: { service?: (number: number) => string; sync?: boolean; more?: (number: number) => RecordedName[] } = {},
): Promise<Finding[]> {
  const random = seeded(41)
  for (const [number, factor] of factors.entries()) {
    const commit = String.fromCharCode(97 + number).repeat(40)
    const steps = Array.from({ length: 20 }, (_, i): RecordedName => ({
      name: `step ${i}`,
      layer: 'step',
      samples: autocorrelated(0.3)(random, 150),
    }))
    const names = [
      { name: 'search', layer: 'tool', samples: lognormal(random, 400, factor) },
      { name: 'load', layer: 'db', samples: bimodal(random, 400) },
      ...steps,
      ...(options.more?.(number) ?? []),
    ]
    const name = await latencySession({ dir, number, names, json: { gitCommit: commit }, service: options.service?.(number) ?? 'shop' })
    if (options.sync !== false && number < factors.length - 1) (await openSession(resolveSession(dir, name))).close()
  }
  const reader = await openSession(resolveSession(dir, 'last'))
  try {
    return await findAll(reader, [regression])
  } finally {
    reader.close()
  }
}

describe('regression', () => {
  it('finds the name that takes longer than in the sessions before', async () => {
    const found = await findingsAfter([1, 1.02, 0.98, 1, 1.5])
    expect(found).toMatchObject([
      {
        id: expect.stringMatching(/^regression-[0-9a-f]{8}$/),
        title: expect.stringMatching(/^Slower than before: search took \S+ ms at the median, now \S+ ms \(\+\d\d %\)$/),
        cost: { calls: 400 },
        advice: expect.stringContaining('`git log dddddddddd..eeeeeeeeee`'),
        evidence: { facts: { layer: 'tool', commit: 'e'.repeat(40), commit_before: 'd'.repeat(40) } },
        next_command: 'perf-agent compare shop_20261121-131500_0003 shop_20261121-141500_0004',
      },
    ])
    expect(found[0]?.cost.total_ms).toBeGreaterThan(400 * 4)
    expect(found[0]?.evidence.traces).toHaveLength(3)
  })

  it('still says so a session later, with the commit at which it began', async () => {
    const [found, ...others] = await findingsAfter([1, 1, 1, 1.6, 1.6])
    expect(others).toEqual([])
    expect(found?.evidence.facts).toMatchObject({
      since: 'shop_20261121-131500_0003',
      commit_before: 'c'.repeat(40),
      commit: 'd'.repeat(40),
    })
  })

  it('one session before is enough where the difference is large', async () => {
    expect((await findingsAfter([1, 2.5])).map(({ title }) => title)).toEqual([expect.stringContaining('search')])
  })

  it.each([
    ['nothing changed', [1, 1, 1, 1, 1]],
    ['it got faster', [1, 1, 1, 0.5]],
    ['sessions differ as much among themselves', [1, 1.5, 0.8, 1.3, 0.9, 1.5]],
    ['there is no session before', [1]],
    ['there is one session before, and runs of a busy machine differ as much', [1, 1.5]],
  ])('is silent where %s', async (_, factors) => {
    expect(await findingsAfter(factors)).toEqual([])
  })

  describe('of what is no duration', () => {
    const same = [1, 1, 1, 1, 1]
    const random = seeded(43)
    const failing = (rates: readonly number[]) => (number: number) => [
      { name: 'pay', layer: 'tool', samples: lognormal(random, 400), failing: rates[number] ?? 0 },
    ]
    /** Calls of a model: tokens and cents around what is given, a tenth up or down. */
    const asking = (of: (number: number) => { tokens: number; usd?: number }) => (number: number) => {
      const { tokens, usd = tokens / 1e6 } = of(number)
      const attributesOf = (): Record<string, number> => {
        const by = 0.9 + 0.2 * random()
        return {
          'gen_ai.usage.input_tokens': Math.round(tokens * by),
          'gen_ai.usage.output_tokens': 20,
          'perf.ai.cost_usd': usd * by,
        }
      }
      return [{ name: 'chat gpt-4o', layer: 'ai', samples: lognormal(random, 200), attributesOf }]
    }

    it('finds a name that fails more often, with the traces that failed', async () => {
      const [found, ...others] = await findingsAfter(same, { more: failing([0.01, 0, 0.02, 0.01, 0.12]) })
      expect(others).toEqual([])
      expect(found).toMatchObject({
        severity: 'high',
        title: 'Fails more often than before: pay failed in 1 % of its calls, now in 12 %',
        cost: { calls: 44, total_ms: null },
        evidence: { facts: { metric: 'errors', error_rate: expect.closeTo(0.12, 9), since: 'shop_20261121-141500_0004' } },
        advice: expect.stringContaining('--metric error_rate'),
      })
      expect(found?.evidence.traces).toHaveLength(3)
    })

    it('finds a model whose calls take more tokens, and says once that they cost more', async () => {
      const found = await findingsAfter(same, { more: asking((number) => ({ tokens: number === 4 ? 1600 : 1000 })) })
      expect(found).toMatchObject([
        { title: expect.stringMatching(/^More tokens than before: a call of chat gpt-4o took 10\d\d at the median, now 16\d\d \(\+5\d %\)$/), severity: 'medium' },
      ]) // prettier-ignore
      expect(found[0]?.cost.tokens).toBeCloseTo(200 * 600, -4)
      expect(found[0]?.cost.usd).toBeCloseTo(200 * 0.0006, 2)
    })

    it('finds a model whose calls cost more for the same tokens', async () => {
      const found = await findingsAfter(same, { more: asking((number) => ({ tokens: 1000, usd: number === 4 ? 0.02 : 0.01 })) })
      expect(found.map(({ title, evidence }) => [title, evidence.facts['metric']])).toEqual([
        [expect.stringMatching(/^Costs more than before: a call of chat gpt-4o cost \$0\.0\d+ at the median, now \$0\.0\d+ \(\+\d+ %\)$/), 'cost'],
      ]) // prettier-ignore
      expect(found[0]?.cost.usd).toBeGreaterThan(1.7)
    })

    it('finds what cost nothing before, and counts the calls that succeeded, or said it', async () => {
      const free = await findingsAfter(same, { more: asking((number) => ({ tokens: 1000, usd: number === 4 ? 0.02 : 0 })) })
      expect(free.map(({ title }) => title)).toEqual([expect.stringMatching(/cost \$0 at the median, now \$0\.0\d+ \(before: none\)$/)])
      expect(free[0]?.evidence.facts['interval_percent']).toEqual([null, null])
      rmSync(dir, { recursive: true, force: true })
      const slower = (number: number): RecordedName[] => [
        { name: 'pay', layer: 'tool', samples: lognormal(random, 400, number === 4 ? 2 : 1), failing: 0.5 },
      ]
      const [pay] = await findingsAfter(same, { more: slower })
      expect(pay).toMatchObject({ title: expect.stringMatching(/^Slower than before: pay/) as string, cost: { calls: 200 } })
    })

    it.each([
      ['rates that vary as much before', failing([0.01, 0.2, 0.05, 0.16, 0.12])],
      ['one failure more', failing([0.01, 0.01, 0.01, 0.01, 0.0125])],
      ['fewer failures', failing([0.1, 0.1, 0.1, 0.1, 0.01])],
      ['tokens that vary as much before', asking((number) => ({ tokens: [1000, 2500, 1200, 2200, 2000][number] ?? 0 }))],
      ['fewer tokens', asking((number) => ({ tokens: number === 4 ? 500 : 1000 }))],
    ])('is silent about %s', async (_, more) => {
      expect(await findingsAfter(same, { more })).toEqual([])
    })
  })

  it('is silent about other services, and syncs nothing', async () => {
    expect(await findingsAfter([1, 1, 1, 2], { service: (number) => (number === 3 ? 'shop' : 'other') })).toEqual([])
    rmSync(dir, { recursive: true, force: true })
    expect(await findingsAfter([1, 1, 1, 2], { sync: false })).toEqual([])
  })
})
