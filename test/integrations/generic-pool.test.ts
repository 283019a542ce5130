import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import genericPool from '../../src/integrations/generic-pool.ts'
import { testIntegration } from '../support/conformance.ts'
import { childrenOf, type ExpectedSpan } from '../support/expect-spans.ts'
import { record } from '../support/record.ts'

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

await testIntegration(genericPool, {
  scenario: 'generic-pool',
  library: 'generic-pool',
  expect: {
    acquired: [wait(0, 0)],
    used: [wait(0, 0), { name: 'in use', kind: 'internal', layer: 'function', integration: 'api', attributes: {} }],
    timedOut: [wait(0, 0), wait(1, 0, 'TimeoutError')],
    refused: [wait(0, 0), wait(1, 0), wait(1, 1, 'Error')],
  },
})

it('each caller of a pool waits and goes on in its own span', async () => {
  const { spans } = await record({
    app: `import { shared, teardown } from './scenario.js'\nawait shared()\nawait teardown()\n`,
    files: { 'scenario.js': readFileSync('test/scenarios/generic-pool.mjs', 'utf8') },
    packages: ['generic-pool@3.9.0'],
  })
  for (let i = 0; i < 20; i++) {
    const names = childrenOf(spans, spans.find((span) => span.name === `caller ${i}`)).map((span) => span.name) // prettier-ignore
    expect(names.filter((name) => name !== 'pool.acquire')).toEqual([`with ${i}`])
  }
})
