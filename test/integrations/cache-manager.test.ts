import cacheManager from '../../src/integrations/cache-manager.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

const isSize = (value: unknown): boolean => Number(value) > 10

function operation(name: 'get' | 'load' | 'set' | 'delete', more: Record<string, ExpectedValue> = {}): ExpectedSpan {
  const attributes = { 'perf.cache.name': /^scenario\.js:\d+$/, 'perf.cache.operation': name, ...more }
  return { name: `${name} cache-manager`, kind: 'internal', attributes, payloads: ['cache.key'] }
}
const hit = { 'perf.cache.hit': true, 'perf.cache.bytes': isSize }
const miss = { 'perf.cache.hit': false }
const isFive = (version: string): boolean => version.startsWith('5')

await testIntegration(cacheManager, {
  library: 'cache-manager',
  scenario: 'cache-manager',
  operation: (i) => [i % 7 < 4 ? operation('get', hit) : operation('delete')],
  expect: {
    missAndSet: [
      operation('get', miss),
      operation('set', { 'perf.cache.ttl_ms': 5000, 'perf.cache.bytes': isSize }),
      operation('get', hit),
    ],
    wrap: [operation('load', miss), operation('load', hit)],
    nested: [{ ...operation('load', miss), children: [operation('load', miss)] }],
    failingWrap: [{ ...operation('load', { 'error.type': 'TypeError' }), status: 'error' }],
    many: (version) => (isFive(version) ? [] : [operation('get', { ...miss, 'perf.cache.asked': 2, 'perf.cache.hits': 1 })]),
    detached: [],
  },
})
