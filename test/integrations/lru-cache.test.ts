import lruCache from '../../src/integrations/lru-cache.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

// The place of the first use: the scenario runs as written, or turned into CommonJS.
const place = /^scenario\.js:\d+$/

function operation(
  name: 'get' | 'load' | 'set' | 'delete',
  more: Record<string, ExpectedValue> = {},
  payloads = ['cache.key'],
): ExpectedSpan {
  const attributes = { 'perf.cache.name': place, 'perf.cache.operation': name, ...more }
  return { name: `${name} lru-cache`, kind: 'internal', attributes, payloads }
}
const bytes = (value: unknown) => Number(value) > 10
const hit = operation('get', { 'perf.cache.hit': true })
const miss = operation('get', { 'perf.cache.hit': false })

await testIntegration(lruCache, {
  library: 'lru-cache',
  cannotFail: 'it holds what it is given, in memory',
  scenario: 'lru-cache',
  operation: (i) => [i % 7 < 4 ? hit : operation('delete')],
  expect: {
    missAndSet: [miss, operation('set', { 'perf.cache.ttl_ms': 60_000, 'perf.cache.bytes': bytes, 'perf.cache.evicted': 1 }), hit],
    eviction: [
      operation('set', { 'perf.cache.ttl_ms': 60_000 }),
      operation('set', { 'perf.cache.ttl_ms': 1000 }),
      operation('set', { 'perf.cache.ttl_ms': 60_000, 'perf.cache.evicted': 1 }),
    ],
    deletion: [operation('delete'), operation('delete')],
    unset: [],
    // Fetches came with 7.6.
    fetching: (version) =>
      version === '7.0.0'
        ? []
        : [operation('load', { 'perf.cache.hit': false }), operation('load', { 'perf.cache.hit': true, 'perf.cache.bytes': bytes })],
    fetchingWithoutMethod: (version) =>
      version === '7.0.0' ? [] : [operation('load', { 'perf.cache.hit': true, 'perf.cache.bytes': bytes })],
    objectAsKey: [operation('get', { 'perf.cache.hit': false }, [])],
  },
})
