import keyv from '../../src/integrations/keyv.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

const isSize = (value: unknown): boolean => Number(value) > 10

function operation(name: 'get' | 'set' | 'delete', cache: ExpectedValue, more: Record<string, ExpectedValue> = {}): ExpectedSpan {
  const attributes = { 'perf.cache.name': cache, 'perf.cache.operation': name, ...more }
  return { name: `${name} keyv`, kind: 'internal', attributes, payloads: ['cache.key'] }
}
// The place of the first use.
const place = /^scenario\.js:\d+$/
const hit = { 'perf.cache.hit': true, 'perf.cache.bytes': isSize }
const miss = { 'perf.cache.hit': false }

const tellsListeners = (version: string): boolean => version === '5.6.0' || version.startsWith('6.')

await testIntegration(keyv, {
  library: 'keyv',
  cannotFail: (version) => (tellsListeners(version) ? 'it tells a listener and goes on as if there was nothing' : undefined),
  scenario: 'keyv',
  operation: (i) => [i % 7 < 4 ? operation('get', place, hit) : operation('delete', place)],
  expect: {
    missAndSet: [
      operation('get', 'prices', miss),
      operation('set', 'prices', { 'perf.cache.ttl_ms': 5000, 'perf.cache.bytes': isSize }),
      operation('set', 'prices', { 'perf.cache.ttl_ms': 100, 'perf.cache.bytes': isSize }),
      operation('get', 'prices', hit),
    ],
    many: (version) =>
      // 4.0 takes the list for one key.
      version === '4.0.0'
        ? [operation('get', place, { ...miss, 'perf.cache.asked': 2, 'perf.cache.hits': 0 })]
        : [operation('get', place, { ...miss, 'perf.cache.asked': 2, 'perf.cache.hits': 1 })],
    deletion: [operation('delete', 'prices')],
    failure: (version) =>
      tellsListeners(version)
        ? [operation('get', place, miss)]
        : [{ ...operation('get', place, { 'error.type': 'Error' }), status: 'error' }],
  },
})
