import { expect, it } from 'vitest'
import { buildReport } from '../../src/analysis/report.ts'
import { traceRows } from '../../src/analysis/trace-tree.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const get = (ms: readonly [number, number], address: string, port: number): Node => ({
  name: 'GET', layer: 'http', ms, attributes: { 'server.address': address, 'server.port': port },
}) // prettier-ignore

it('says where outgoing requests went, since their names are methods alone', async () => {
  const reader = await recordingOf([
    {
      name: 'GET /cart',
      layer: 'http',
      ms: [0, 50],
      attributes: { 'server.address': 'shop.example' },
      children: [get([1, 10], 'api.example', 443), get([11, 20], 'api.example', 443), get([21, 30], '10.0.0.7', 8080)],
    },
  ])
  const { names } = await buildReport(reader)
  expect(new Map(names.map(({ name, target }) => [name, target]))).toEqual(
    new Map([
      ['GET', 'api.example +1'],
      ['GET /cart', null],
    ]),
  )
  const traceId = '0'.repeat(15) + '7' + '0'.repeat(15) + '1'
  const rows = await traceRows(reader, traceId, { collapse: true })
  expect(rows.map(({ name, target }) => [name, target])).toEqual([
    ['GET /cart', null],
    ['GET', 'api.example'],
    ['GET', 'api.example'],
    ['GET', '10.0.0.7:8080'],
  ])
})
