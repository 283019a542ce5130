import { cacheTarget, defineIntegration } from '../core/integration.ts'

// Counted on every call, recorded on some: docs/decisions/caches.md. `memo` and, without a fetch method, `fetch` go through `get` and `set`.
// The channels of 11.4 and later are not used: a subscriber makes the cache describe every operation in an object.

interface Cache {
  size: number
  max: number
  ttl?: number
  fetchMethod?: unknown
  peek(key: unknown): unknown
}

interface Status {
  fetch?: string
}

type SetCall = { self: Cache; args: [key: unknown, value: unknown, options?: { ttl?: number }] }
type FetchCall = { self: Cache; args: [key: unknown, options?: { status?: Status }]; result: unknown }

/** In 7 the class is the module itself. */
const CLASSES = [
  { versions: '>=7.0.0 <8', owner: 'prototype' },
  { versions: '>=8.0.0 <12', owner: 'LRUCache.prototype' },
]

export default defineIntegration({
  name: 'lru-cache',
  module: 'lru-cache',
  kind: 'cache',
  records: {
    spans: ['get lru-cache', 'delete lru-cache', 'set lru-cache', 'load lru-cache'],
    attributes: [
      'perf.cache.bytes',
      'perf.cache.evicted',
      'perf.cache.hit',
      'perf.cache.name',
      'perf.cache.operation',
      'perf.cache.ttl_ms',
    ],
    against: 'the real library, in its process',
  },
  targets: CLASSES.flatMap(({ versions, owner }) => [
    cacheTarget<{ self: Cache }>({ path: `${owner}.get`, versions, operation: 'get', settles: 'return' }),
    cacheTarget<SetCall>({
      path: `${owner}.set`,
      versions,
      operation: 'set',
      settles: 'return',
      // `fetch` puts its promise in first.
      counts: ({ args: [, value] }) => !(value instanceof Promise && '__staleWhileFetching' in value),
      ttlMs: ({ self, args: [, , options] }) => options?.ttl ?? self.ttl,
      entries: (self) => self.size,
      has: (self, key) => self.peek(key) !== undefined,
      maxEntries: (self) => self.max,
    }),
    cacheTarget<{ self: Cache }>({ path: `${owner}.delete`, versions, operation: 'delete', settles: 'return' }),
    cacheTarget<FetchCall>({
      path: `${owner}.fetch`,
      versions,
      operation: 'load',
      settles: 'promise',
      prepare: ({ args }) => {
        if (args[1]?.status === undefined) args[1] = { ...args[1], status: {} }
      },
      hits: ({ args: [, options] }, result) => hitsOf(options?.status?.fetch, result),
    }),
  ]),
})

/** `inflight` waits for what another caller computes: neither found nor computed. `get`: there is nothing that could compute. */
function hitsOf(fetch: string | undefined, result: unknown): number | undefined {
  if (fetch === 'hit') return 1
  if (fetch === 'get') return Number(result !== undefined)
  return fetch === 'miss' || fetch === 'stale' || fetch === 'refresh' ? 0 : undefined
}
