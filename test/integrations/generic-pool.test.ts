import genericPool from '../../src/integrations/generic-pool.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan } from '../support/expect-spans.ts'

/** A wait for one of a pool of one. */
const wait = (connections: number, waiting: number, error?: string): ExpectedSpan => ({
  name: 'pool.acquire',
  kind: 'internal',
  status: error === undefined ? 'unset' : 'error',
  attributes: {
    'perf.pool.max': 1,
    'perf.pool.connections': connections,
    'perf.pool.waiting': waiting,
    ...(error === undefined ? {} : { 'error.type': error }),
  },
})

const inPool = (name: string): ExpectedSpan => ({ name, kind: 'internal', layer: 'function', integration: 'api', attributes: {} })

await testIntegration(genericPool, {
  scenario: 'generic-pool',
  library: 'generic-pool',
  operation: (i) => [inPool(`with ${i}`)],
  optional: ['pool.acquire'],
  expect: {
    acquired: [wait(0, 0)],
    used: [wait(0, 0), inPool('in use')],
    timedOut: [wait(0, 0), wait(1, 0, 'TimeoutError')],
    refused: [wait(0, 0), wait(1, 0), wait(1, 1, 'Error')],
  },
})
