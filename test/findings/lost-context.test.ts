import { describe, expect, it } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import lostContext from '../../src/analysis/findings/lost-context.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const query: Node = { name: 'SELECT users', layer: 'db', kind: 'client', ms: [0, 10] }
const request: Node = { name: 'GET /', layer: 'http', ms: [0, 20], children: [query] }

describe('lost-context', () => {
  it('finds calls without a parent of a kind that has one elsewhere', async () => {
    expect(await findAll(await recordingOf([request, ...Array.from({ length: 6 }, () => query)]), [lostContext])).toMatchObject([
      { severity: 'low', title: '6 calls of SELECT users belong to no request, tool or job', cost: { calls: 6, total_ms: 60 } },
    ])
  })

  it('finds calls of which none has a parent in an app that serves', async () => {
    const reader = await recordingOf([{ name: 'GET /', layer: 'http', ms: [0, 20] }, ...Array.from({ length: 25 }, () => query)])
    expect(await findAll(reader, [lostContext])).toMatchObject([{ cost: { calls: 25 }, evidence: { facts: { share: 1 } } }])
  })

  it('is silent in a script whose calls have no parent at all, and about a few at start-up', async () => {
    expect(await findAll(await recordingOf(Array.from({ length: 30 }, () => query)), [lostContext])).toEqual([])
    expect(await findAll(await recordingOf([request, query, query]), [lostContext])).toEqual([])
  })
})
