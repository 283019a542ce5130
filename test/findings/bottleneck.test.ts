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

  it('counts the requests of an AI client as the AI call', async () => {
    const call: Node = { name: 'chat gpt-4o', layer: 'ai', ms: [5, 95], children: [{ name: 'POST', layer: 'http', ms: [6, 94] }] }
    const reader = await recordingOf([{ name: 'GET /', layer: 'http', ms: [0, 100], children: [call] }])
    expect(await findAll(reader, [bottleneck])).toMatchObject([
      { title: '90 % of the time of all traces is spent in ai chat gpt-4o', cost: { calls: 1, total_ms: 90 } },
    ])
  })
})
