import { describe, expect, it } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import repeatedCall from '../../src/analysis/findings/repeated-call.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const price = (key: string, result: string | undefined, at = 0): Node => ({
  name: 'price', layer: 'tool', ms: [at, at + 20], payloads: { 'tool.arguments': key, ...(result === undefined ? {} : { 'tool.result': result }) },
}) // prettier-ignore
const request = (...children: Node[]): Node => ({ name: 'GET /cart', layer: 'http', ms: [0, 100], children })

describe('repeated-call', () => {
  it('finds calls with equal arguments and equal results, and the time all but the first of each cost', async () => {
    const reader = await recordingOf(Array.from({ length: 10 }, (_, i) => request(price(i % 2 ? 'tea' : 'milk', '4'))))
    const findings = await findAll(reader, [repeatedCall])
    expect(findings).toMatchObject([
      { cost: { calls: 8 }, evidence: { facts: { different_arguments: 2, most_for_one: 5, same_results: 'yes' } } },
    ])
    expect(findings[0]?.cost.total_ms).toBeCloseTo(8 * 20, 6)
  })

  it('finds the same read of a database again and again', async () => {
    const query: Node = {
      name: 'SELECT users', layer: 'db', ms: [0, 10], payloads: { 'db.query.parameters': '[7]' },
      attributes: { 'db.query.text': 'SELECT * FROM users WHERE id = $1', 'db.operation.name': 'SELECT' },
    } // prettier-ignore
    expect(await findAll(await recordingOf([1, 2, 3, 4].map(() => request(query))), [repeatedCall])).toMatchObject([
      { cost: { calls: 3 }, evidence: { facts: { same_results: 'unknown' } } },
    ])
  })

  it('finds it in lower case, too', async () => {
    const query: Node = {
      name: 'select users', layer: 'db', ms: [0, 10], payloads: { 'db.query.parameters': '[7]' },
      attributes: { 'db.query.text': 'select * from users where id = $1', 'db.operation.name': 'select' },
    } // prettier-ignore
    expect(await findAll(await recordingOf([1, 2, 3, 4].map(() => request(query))), [repeatedCall])).toMatchObject([{ cost: { calls: 3 } }])
  })

  it.each(['find', 'scroll'])('finds the same %s of a document or vector database', async (operation) => {
    const read: Node = {
      name: `${operation} users`, layer: 'db', ms: [0, 10], payloads: { 'db.query.parameters': '[7]' },
      attributes: { 'db.operation.name': operation, 'db.collection.name': 'users' },
    } // prettier-ignore
    expect(await findAll(await recordingOf([1, 2, 3, 4].map(() => request(read))), [repeatedCall])).toMatchObject([{ cost: { calls: 3 } }])
  })

  it('tells requests apart by host and path, not by what follows the question mark alone', async () => {
    const ask = (url: string): Node => ({
      name: 'GET', layer: 'http', kind: 'client', ms: [0, 10], payloads: { 'url.query': 'page=1' },
      attributes: { 'http.request.method': 'GET', 'url.full': `${url}?page=1` },
    }) // prettier-ignore
    const different = ['orders', 'users/7', 'users/8', 'prices'].map((path) => request(ask(`https://api.shop/${path}`)))
    expect(await findAll(await recordingOf([...different, request(ask('https://other.shop/orders'))]), [repeatedCall])).toEqual([])
    const same = [1, 2, 3].map(() => request(ask('https://api.shop/users/7')))
    expect(await findAll(await recordingOf([...different, ...same]), [repeatedCall])).toMatchObject([
      { title: expect.stringContaining('GET api.shop/users/7 is called 4 times'), cost: { calls: 3 } },
    ])
  })

  it('is silent about a tool that gives nothing back: it is called for what it does', async () => {
    expect(await findAll(await recordingOf([1, 2, 3, 4].map(() => request(price('tea', undefined)))), [repeatedCall])).toEqual([])
  })

  it('is of low severity where nobody would notice, and silent where a cache would save next to nothing', async () => {
    const fast = (ms: number): Node => ({
      name: 'price', layer: 'tool', ms: [0, ms], payloads: { 'tool.arguments': 'tea', 'tool.result': '4' },
    }) // prettier-ignore
    const within = async (ms: number, whole: number) =>
      await findAll(await recordingOf([1, 2, 3, 4].map(() => ({ ...request(fast(ms)), ms: [0, whole] as const }))), [repeatedCall])
    expect(await within(4, 5)).toMatchObject([{ severity: 'low' }])
    expect(await within(40, 50)).toMatchObject([{ severity: 'high' }])
    expect(await within(0.1, 100)).toEqual([])
  })

  it('is silent when the results differ, the arguments differ, the calls failed, or something was written', async () => {
    const insert: Node = { ...price('x', undefined), layer: 'db', name: 'INSERT log', attributes: { 'db.operation.name': 'INSERT' } }
    const reader = await recordingOf(
      Array.from({ length: 8 }, (_, i) =>
        request(
          { ...price('now', String(i)), name: 'clock' },
          { ...price(String(i), '1', 30), name: 'lookup' },
          { ...price('a', undefined, 60), name: 'broken', error: 'TypeError' },
          insert,
        ),
      ),
    )
    expect(await findAll(reader, [repeatedCall])).toEqual([])
  })
})
