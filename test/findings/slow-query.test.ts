import { describe, expect, it } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import slowQuery from '../../src/analysis/findings/slow-query.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const query = (ms: number, attributes = {}): Node => ({
  name: 'GET /orders', layer: 'http', ms: [0, ms + 10],
  children: [{ name: 'SELECT orders', layer: 'db', ms: [5, 5 + ms], attributes: { 'db.query.text': 'SELECT * FROM orders', ...attributes } }],
}) // prettier-ignore

describe('slow-query', () => {
  it('finds a statement that takes long', async () => {
    const findings = await findAll(await recordingOf([query(300), query(320), query(310)]), [slowQuery])
    expect(findings).toMatchObject([
      { severity: 'high', cost: { calls: 3, total_ms: 930 }, evidence: { facts: { statement: 'SELECT * FROM orders' } } },
    ])
  })

  it('takes one that ran once or twice for slow from a second on', async () => {
    expect(await findAll(await recordingOf([query(300), query(20)]), [slowQuery])).toEqual([])
    expect(await findAll(await recordingOf([query(1200)]), [slowQuery])).toMatchObject([{ cost: { calls: 1 } }])
  })

  it('is silent when the time was the wait for a connection, or short', async () => {
    const reader = await recordingOf([query(300, { 'perf.pool.wait_ms': 280 }), query(20)])
    expect(await findAll(reader, [slowQuery])).toEqual([])
  })
})
