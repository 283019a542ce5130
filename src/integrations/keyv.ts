import { cacheTarget, defineIntegration, type Call } from '../core/integration.ts'

// One span above the store's own: what a Redis or SQL store sends is below it. See docs/decisions/caches.md.

interface Keyv {
  opts?: { namespace?: string; ttl?: number }
  /** Since 6, which has no `opts`. */
  _namespace?: string
  _ttl?: number
}

type Key = string | string[]
type GetCall = { self: Keyv; args: [key: Key]; result: unknown }
type SetCall = { self: Keyv; args: [key: string, value: unknown, ttl?: number]; result: unknown }

const keyv = { versions: '>=4.0.0 <7', settles: 'promise' as const, named }

export default defineIntegration({
  name: 'keyv',
  module: 'keyv',
  kind: 'cache',
  records: {
    spans: ['get keyv', 'delete keyv', 'set keyv'],
    attributes: [
      'perf.cache.asked',
      'perf.cache.bytes',
      'perf.cache.hit',
      'perf.cache.hits',
      'perf.cache.name',
      'perf.cache.operation',
      'perf.cache.ttl_ms',
    ],
    against: 'the real library, in its process',
  },
  targets: [
    cacheTarget<GetCall>({ ...keyv, path: 'default.prototype.get', operation: 'get', asked, hits }),
    cacheTarget<GetCall>({ ...keyv, path: 'default.prototype.getMany', versions: '>=5.0.0 <7', operation: 'get', asked, hits }),
    cacheTarget<SetCall>({
      ...keyv,
      path: 'default.prototype.set',
      operation: 'set',
      ttlMs: ({ self, args: [, , ttl] }) => ttl ?? self.opts?.ttl ?? self._ttl,
    }),
    cacheTarget<GetCall>({ ...keyv, path: 'default.prototype.delete', operation: 'delete' }),
  ],
})

/** `keyv` is what 4 calls a cache that was given no name. */
function named({ opts, _namespace }: Keyv): string | undefined {
  const namespace = opts?.namespace ?? _namespace
  return typeof namespace === 'string' && namespace !== '' && namespace !== 'keyv' ? namespace : undefined
}

function asked({ args: [key] }: Call<GetCall>): number {
  return Array.isArray(key) ? key.length : 1
}

function hits({ args: [key] }: Call<GetCall>, result: unknown): number {
  if (!Array.isArray(key)) return Number(isThere(result))
  return Array.isArray(result) ? result.filter(isThere).length : 0
}

const isThere = (value: unknown): boolean => value !== undefined && value !== null
