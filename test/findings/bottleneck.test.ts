import { describe, expect, it } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import bottleneck from '../../src/analysis/findings/bottleneck.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const request = (share: number): Node => ({
  name: 'GET /', layer: 'http', ms: [0, 100],
  children: [
    { name: 'rank', layer: 'tool', ms: [0, 100 * share] },
    { name: 'wrapper', layer: 'step', ms: [100 * share, 100], children: [1, 2, 3, 4].map((i) => ({ name: `part ${i}`, layer: 'tool', ms: [100 - i * 10, 110 - i * 10] as const })) },
  ],
}) // prettier-ignore

describe('bottleneck', () => {
  it('finds the one call that holds most of the time, and not what only waits for others', async () => {
    const findings = await findAll(await recordingOf([request(0.6), request(0.6)]), [bottleneck])
    expect(findings).toMatchObject([
      { severity: 'high', title: '60 % of the time of all traces is spent in tool rank', cost: { calls: 2, total_ms: 120 } },
    ])
  })

  it('is silent where the time is spread', async () => {
    expect(await findAll(await recordingOf([request(0.2)]), [bottleneck])).toMatchObject([
      { evidence: { facts: { share: expect.closeTo(0.4, 6) } } },
    ])
    const spread: Node = { name: 'GET /', layer: 'http', ms: [0, 100], children: Array.from({ length: 10 }, (_, i) => ({ name: `part ${i}`, layer: 'tool', ms: [i * 10, i * 10 + 10] as const })) } // prettier-ignore
    expect(await findAll(await recordingOf([spread]), [bottleneck])).toEqual([])
  })

  it('is of low severity where traces hardly wait for it: of fast ones, too, something takes most of the time', async () => {
    const fast = (ms: number): Node => ({
      name: 'GET /',
      layer: 'http',
      ms: [0, ms + 1],
      children: [{ name: 'SELECT', layer: 'db', ms: [0, ms] }],
    })
    expect(await findAll(await recordingOf([fast(4), fast(5)]), [bottleneck])).toMatchObject([{ severity: 'low' }])
    expect(await findAll(await recordingOf([fast(40), fast(50)]), [bottleneck])).toMatchObject([{ severity: 'high' }])
  })

  it('counts what traces wait for: of calls made at once the longest, of work nobody waits for nothing', async () => {
    const atOnce: Node[] = Array.from({ length: 5 }, () => ({ name: 'fetch', layer: 'tool', ms: [0, 40] as const }))
    const late: Node = { name: 'audit log', layer: 'db', ms: [0, 900] }
    const own: Node = { name: 'render', layer: 'tool', ms: [40, 100] }
    const reader = await recordingOf([{ name: 'GET /', layer: 'http', ms: [0, 100], children: [...atOnce, own, late] }])
    const findings = await findAll(reader, [bottleneck])
    expect(findings.map(({ title }) => title)).toEqual([
      '60 % of the time of all traces is spent in tool render',
      '40 % of the time of all traces is spent in tool fetch',
    ])
    expect(findings[0]?.cost.total_ms).toBeCloseTo(60, 6)
    expect(findings[0]?.evidence.facts).toMatchObject({ found_by: 'critical path', traces_looked_at: 1 })
  })

  it('goes by self time where the traces have too many spans to be followed', async () => {
    const many: Node[] = Array.from({ length: 1500 }, (_, i) => ({ name: 'insert', layer: 'db', ms: [i, i + 1] as const }))
    const reader = await recordingOf([{ name: 'import', layer: 'workflow', ms: [0, 2000], children: many }])
    expect(await findAll(reader, [bottleneck])).toMatchObject([
      { cost: { calls: 1500, total_ms: 1500 }, evidence: { facts: { share: 0.75, found_by: 'self time' } } },
    ])
  })

  it('counts the requests of an AI client as the AI call', async () => {
    const call: Node = { name: 'chat gpt-4o', layer: 'ai', ms: [5, 95], children: [{ name: 'POST', layer: 'http', ms: [6, 94] }] }
    const reader = await recordingOf([{ name: 'GET /', layer: 'http', ms: [0, 100], children: [call] }])
    expect(await findAll(reader, [bottleneck])).toMatchObject([
      { title: '90 % of the time of all traces is spent in ai chat gpt-4o', cost: { calls: 1, total_ms: 90 } },
    ])
  })
})
