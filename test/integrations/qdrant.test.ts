import { afterAll } from 'vitest'
import qdrant from '../../src/integrations/qdrant.ts'
import { startQdrantServer } from '../servers/qdrant.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

const server = await startQdrantServer()
afterAll(() => server.close())

const address = { 'db.system.name': 'qdrant', 'server.address': '127.0.0.1', 'server.port': server.port }

function call(operation: string, more: Record<string, ExpectedValue> = {}, rest: Partial<ExpectedSpan> = {}): ExpectedSpan {
  const attributes = { ...address, 'db.operation.name': operation, 'db.collection.name': 'docs', ...more }
  return { name: `${operation} ${String(attributes['db.collection.name'])}`, kind: 'client', attributes, ...rest }
}

const rows = (n: number) => ({ 'db.response.returned_rows': n })
const nearest = (topK: number) => ({ 'perf.vector.top_k': topK, 'perf.vector.dimension': 3 })
const batch = (n: number) => ({ 'db.operation.batch.size': n })
const asked = { payloads: ['db.query.parameters'] }
const error = { status: 'error' } as const
const minor = (version: string) => Number(version.split('.')[1])

await testIntegration(qdrant, {
  scenario: 'qdrant',
  library: '@qdrant/js-client-rest',
  env: { QDRANT_URL: server.url },
  operation: (i) => [i % 2 === 0 ? call('count', {}, asked) : call('scroll', rows(1), asked)],
  expect: {
    search: (version) =>
      minor(version) >= 19 ? [] : [call('search', { ...nearest(2), ...rows(2) }), call('searchBatch', { ...batch(2), ...rows(3) })],
    query: (version) => (minor(version) < 10 ? [] : [call('query', { ...nearest(2), ...rows(2) }), call('queryBatch', rows(2))]),
    read: [call('scroll', rows(2), asked), call('retrieve', rows(1), asked), call('count', {}, asked)],
    write: [call('upsert', batch(2)), call('setPayload'), call('delete', batch(2))],
    collections: [
      call('createCollection', { 'db.collection.name': 'other' }),
      { name: 'getCollections', kind: 'client', attributes: { ...address, 'db.operation.name': 'getCollections' } },
      call('deleteCollection', { 'db.collection.name': 'other' }),
    ],
    missingCollection: [
      call('count', { 'db.collection.name': 'nowhere', 'db.response.status_code': '404', 'error.type': '404' }, { ...asked, ...error }),
    ],
    unreachable: [call('count', { 'server.port': 1, 'error.type': 'TypeError' }, { ...asked, ...error })],
  },
})
