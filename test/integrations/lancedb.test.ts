import lancedb from '../../src/integrations/lancedb.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

function call(operation: string, more: Record<string, ExpectedValue> = {}, rest: Partial<ExpectedSpan> = {}): ExpectedSpan {
  const attributes = { 'db.system.name': 'lancedb', 'db.operation.name': operation, 'db.collection.name': 'docs', ...more }
  return { name: `${operation} ${String(attributes['db.collection.name'])}`, kind: 'client', attributes, ...rest }
}

const rows = (n: number) => ({ 'db.response.returned_rows': n })
const batch = (n: number) => ({ 'db.operation.batch.size': n })
const topK = (n: number) => ({ 'perf.vector.top_k': n })
const dimension = { 'perf.vector.dimension': 3 }
const asked = { payloads: ['db.query.parameters'] }
const failed = { 'error.type': 'Error' }
const error = { status: 'error' } as const
const other = { 'db.collection.name': 'other' }

await testIntegration(lancedb, {
  scenario: 'lancedb',
  library: '@lancedb/lancedb',
  operation: (i) => [i % 2 === 0 ? call('countRows') : call('query', rows(0), asked)],
  expect: {
    search: [call('search', { ...topK(2), ...dimension, ...rows(2) }), call('search', { ...topK(10), ...dimension, ...rows(3) })],
    query: [call('query', { ...topK(5), ...rows(2) }, asked)],
    batches: [call('query', topK(2), asked)],
    write: [call('add', batch(2)), call('update'), call('mergeInsert', batch(2)), call('delete'), call('countRows')],
    tables: [
      call('createTable', other),
      {
        name: 'tableNames',
        kind: 'client',
        attributes: { 'db.system.name': 'lancedb', 'db.operation.name': 'tableNames', ...rows(2) },
      },
      call('dropTable', other),
    ],
    badFilter: [call('query', failed, { ...asked, ...error })],
    missingTable: [call('openTable', { 'db.collection.name': 'nowhere', ...failed }, error)],
  },
})
