import { describe, expect, it } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import chattyCalls from '../../src/analysis/findings/chatty-calls.ts'
import nPlusOne from '../../src/analysis/findings/n-plus-one.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const query = (text: string, from: number, to: number): Node => ({
  name: text, layer: 'db', ms: [from, to], attributes: { 'db.system.name': 'postgresql', 'db.query.text': text },
}) // prettier-ignore
const request = (children: readonly Node[]): Node => ({ name: 'GET /page', layer: 'http', ms: [0, 200], children })
const times = (n: number, make: (i: number) => Node): Node[] => Array.from({ length: n }, (_, i) => make(i))

describe('chatty-calls', () => {
  it('finds many different queries of one request, which no N+1 is', async () => {
    const different = times(20, (i) => query(`SELECT ${i}`, i * 5, i * 5 + 4))
    const reader = await recordingOf([request(different), request(different)])
    expect(await findAll(reader, [nPlusOne])).toEqual([])
    expect(await findAll(reader, [chattyCalls])).toMatchObject([
      {
        title: 'GET /page makes about 20 queries to postgresql each time, 20 different',
        cost: { calls: 40, total_ms: 160 },
        evidence: { facts: { calls_per_parent: 20, different_calls: 20, parents: 2, many_at_once: false } },
      },
    ])
  })

  it('finds one call made many times at once, of a tool or a model too', async () => {
    const fanOut = (layer: string): Node[] => times(30, () => ({ name: 'summarise', layer, ms: [10, 60] }))
    const found = async (layer: string) => await findAll(await recordingOf([request(fanOut(layer))]), [chattyCalls])
    expect(await found('tool')).toMatchObject([
      { title: 'GET /page makes about 30 tool calls each time, 1 different', evidence: { facts: { many_at_once: true } } },
    ])
    expect(await found('ai')).toMatchObject([{ title: 'GET /page makes about 30 AI calls each time, 1 different' }])
    expect(await found('function')).toEqual([])
  })

  it('is silent about few calls, and about those in a row that are an N+1', async () => {
    const few = times(14, (i) => query(`SELECT ${i}`, i * 5, i * 5 + 4))
    expect(await findAll(await recordingOf([request(few)]), [chattyCalls])).toEqual([])
    const inRow = await recordingOf([request(times(30, (i) => query('SELECT 1', i * 5, i * 5 + 4)))])
    expect(await findAll(inRow, [chattyCalls])).toEqual([])
    expect(await findAll(inRow, [nPlusOne])).toHaveLength(1)
  })
})
