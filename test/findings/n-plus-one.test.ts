import { describe, expect, it } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import nPlusOne from '../../src/analysis/findings/n-plus-one.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const query = (i: number, at = i * 10): Node => ({
  name: 'SELECT items', layer: 'db', ms: [at, at + 8], attributes: { 'db.query.text': 'SELECT * FROM items WHERE id = $1' },
}) // prettier-ignore
const request = (children: Node[]): Node => ({ name: 'GET /orders', layer: 'http', ms: [0, 300], children })

describe('n-plus-one', () => {
  it('finds the same query again and again under one request, and what it costs', async () => {
    const reader = await recordingOf([1, 2, 3].map(() => request(Array.from({ length: 20 }, (_, i) => query(i)))))
    const findings = await findAll(reader, [nPlusOne])
    expect(findings).toHaveLength(1)
    const [finding] = findings
    expect(finding).toMatchObject({ severity: 'high', cost: { calls: 60 }, evidence: { facts: { calls_per_parent: 20, parents: 3 } } })
    expect(finding?.cost.total_ms).toBeCloseTo(3 * 19 * 8, 6)
    expect(finding?.evidence.traces).toHaveLength(3)
    expect(await reader.rows(finding?.evidence.query ?? '')).toHaveLength(1)
  })

  it('has the same id in another session', async () => {
    const ids = await Promise.all(
      [6, 30].map(async (n) => {
        const reader = await recordingOf([request(Array.from({ length: n }, (_, i) => query(i)))])
        return (await findAll(reader, [nPlusOne])).map(({ id }) => id)
      }),
    )
    expect(ids[0]).toHaveLength(1)
    expect(ids[0]).toEqual(ids[1])
  })

  it('takes requests as the same where only ids in the path differ, and as others where host or path do', async () => {
    const ask = (url: string, i: number): Node => ({
      name: 'GET', layer: 'http', kind: 'client', ms: [i * 10, i * 10 + 8], attributes: { 'http.request.method': 'GET', 'url.full': url },
    }) // prettier-ignore
    const ids = ['1', '27', 'd9428888-122b-11e1-b85c-61cd3cbb3210', '5f2b1c9e8d7a6b5c4d3e2f1a', '300']
    const [finding] = await findAll(
      await recordingOf([request(ids.map((id, i) => ask(`http://api.shop:8080/v1/users/${id}?full=1`, i)))]),
      [nPlusOne],
    )
    expect(finding?.title).toBe('GET /orders makes the same request about 5 times in a row: GET api.shop:8080/v1/users/#')
    const others = ['users', 'orders', 'prices', 'stock', 'reviews'].map((path, i) => ask(`http://api.shop/${path}`, i))
    expect(await findAll(await recordingOf([request(others)]), [nPlusOne])).toEqual([])
  })

  it('is silent about a few calls, different calls, and calls made side by side', async () => {
    const reader = await recordingOf([
      request(Array.from({ length: 4 }, (_, i) => query(i))),
      request(Array.from({ length: 20 }, (_, i) => ({ ...query(i), attributes: { 'db.query.text': `SELECT ${i} FROM t` } }))),
      request(Array.from({ length: 20 }, (_, i) => query(i, 5))),
    ])
    expect(await findAll(reader, [nPlusOne])).toEqual([])
  })
})
