import { afterAll } from 'vitest'
import chromadb from '../../src/integrations/chromadb.ts'
import { startChromaServer } from '../servers/chroma.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

const server = await startChromaServer()
afterAll(() => server.close())

const address = { 'db.system.name': 'chroma', 'server.address': '127.0.0.1', 'server.port': server.port }

function call(operation: string, more: Record<string, ExpectedValue> = {}, rest: Partial<ExpectedSpan> = {}): ExpectedSpan {
  const where = { ...address, 'db.namespace': 'default_database' }
  const attributes = { ...where, 'db.operation.name': operation, 'db.collection.name': 'docs', ...more }
  return { name: `${operation} ${String(attributes['db.collection.name'])}`, kind: 'client', attributes, ...rest }
}

const rows = (n: number) => ({ 'db.response.returned_rows': n })
const batch = (n: number) => ({ 'db.operation.batch.size': n })
const asked = { payloads: ['db.query.parameters'] }
const isPositive = (value: unknown) => Number(value) > 0

await testIntegration(chromadb, {
  scenario: 'chromadb',
  library: 'chromadb',
  env: { CHROMA_URL: server.url },
  operation: (i) => [i % 2 === 0 ? call('count') : call('get', rows(i >= 1 && i <= 3 ? 1 : 0), asked)],
  expect: {
    query: [
      call('query', { 'perf.vector.top_k': 2, 'perf.vector.dimension': 3, ...rows(2) }),
      call('query', { 'perf.vector.top_k': 2, ...batch(2), ...rows(4) }, asked),
    ],
    read: [call('get', rows(2), asked), call('get', rows(1), asked), call('count')],
    write: [call('add', batch(2)), call('update'), call('delete', batch(2))],
    collections: [
      call('createCollection', { 'db.collection.name': 'other' }),
      {
        name: 'listCollections default_database',
        kind: 'client',
        attributes: {
          ...address,
          'db.namespace': 'default_database',
          'db.operation.name': 'listCollections',
          'db.response.returned_rows': isPositive,
        },
      },
      call('deleteCollection', { 'db.collection.name': 'other' }),
    ],
    missingCollection: [call('getCollection', { 'db.collection.name': 'nowhere', 'error.type': /^Chroma\w+Error$/ }, { status: 'error' })],
  },
})
