import { describe, expect, it } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import sequentialAwaits from '../../src/analysis/findings/sequential-awaits.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const read = (name: string, from: number, to: number, parameters: string | undefined): Node => ({
  name, layer: 'db', ms: [from, to], attributes: { 'db.query.text': name, 'db.operation.name': 'SELECT' },
  ...(parameters === undefined ? {} : { payloads: { 'db.query.parameters': parameters } }),
}) // prettier-ignore
const requests = (children: (i: number) => Node[]): Node[] =>
  Array.from({ length: 4 }, (_, i) => ({ name: 'GET /me', layer: 'http', ms: [0, 100] as const, children: children(i) }))

describe('sequential-awaits', () => {
  it('finds reads that wait for each other although both only need the same arguments', async () => {
    const findings = await findAll(
      await recordingOf(requests((i) => [read('SELECT profile', 0, 40, `[${i}]`), read('SELECT orders', 40.2, 70, `[${i}]`)])),
      [sequentialAwaits],
    )
    expect(findings).toMatchObject([
      { title: 'In GET /me, SELECT orders waits for SELECT profile and does not seem to need it', cost: { calls: 4 } },
    ])
    expect(findings[0]?.cost.total_ms).toBeCloseTo(4 * 29.8, 3)
  })

  it('finds reads that are written in lower case', async () => {
    const lower = (name: string, from: number, to: number): Node => ({
      ...read(name, from, to, undefined),
      attributes: { 'db.query.text': name, 'db.operation.name': 'select' },
    })
    const traces = requests(() => [lower('select a', 0, 40), lower('select b', 40.2, 70)])
    expect(await findAll(await recordingOf(traces), [sequentialAwaits])).toHaveLength(1)
  })

  it('finds a read without arguments behind another', async () => {
    const findings = await findAll(
      await recordingOf(requests((i) => [read('SELECT profile', 0, 40, `[${i}]`), read('SELECT rates', 40.1, 60, undefined)])),
      [sequentialAwaits],
    )
    expect(findings).toMatchObject([{ evidence: { facts: { why: 'the second has no arguments' } } }])
  })

  const ask = (url: string, from: number, to: number): Node => ({
    name: 'GET', layer: 'http', kind: 'client', ms: [from, to], attributes: { 'http.request.method': 'GET', 'url.full': url },
  }) // prettier-ignore

  it('finds requests of fixed addresses that wait for each other', async () => {
    const traces = requests(() => [ask('https://a.shop/rates', 0, 40), ask('https://b.shop/banners', 40.2, 70)])
    expect((await findAll(await recordingOf(traces), [sequentialAwaits])).map(({ title }) => title)).toEqual([
      'In GET /me, GET b.shop/banners waits for GET a.shop/rates and does not seem to need it',
    ])
  })

  it('is silent where an id in the path may come from the answer before', async () => {
    const traces = requests((i) => [ask(`https://a.shop/users/${i}`, 0, 40), ask(`https://a.shop/companies/${i + 70}`, 40.2, 70)])
    expect(await findAll(await recordingOf(traces), [sequentialAwaits])).toEqual([])
    const afterQuery = requests((i) => [read('SELECT user', 0, 40, `[${i}]`), ask(`https://a.shop/companies/${i + 70}`, 40.2, 70)])
    expect(await findAll(await recordingOf(afterQuery), [sequentialAwaits])).toEqual([])
  })

  it('is silent where the second needs the first, where they run side by side, and where time lies between', async () => {
    const silent = [
      requests((i) => [read('SELECT profile', 0, 40, `[${i}]`), read('SELECT orders', 40.2, 70, `["${i}x"]`)]),
      requests((i) => [read('SELECT profile', 0, 40, `[${i}]`), read('SELECT orders', 0.2, 70, `[${i}]`)]),
      requests((i) => [read('SELECT profile', 0, 20, `[${i}]`), read('SELECT orders', 60, 90, `[${i}]`)]),
    ]
    for (const traces of silent) expect(await findAll(await recordingOf(traces), [sequentialAwaits])).toEqual([])
  })
})
