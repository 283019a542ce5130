import { cacheTarget, defineIntegration, type Call } from '../core/integration.ts'

// The objects that `createCache`, `caching` and `multiCaching` make; the store's own spans (lru-cache, keyv, Redis) are below. See
// docs/decisions/caches.md.

type Compute = () => unknown
type Key = string | string[]
type GetCall = { self: object; args: Key[]; result: unknown }
type SetCall = { self: object; args: [key: string, value: unknown, ttl?: number]; result: unknown }
type WrapCall = { self: object; args: [key: string, compute: Compute, ...rest: unknown[]]; result: unknown }

/** The entry of 5 hands on what is in its files, through getters that cannot be replaced. */
const MAKERS = [
  { maker: 'createCache()', versions: '>=6.0.0 <8' },
  { maker: 'createCache()', file: 'dist/caching', versions: '>=5.0.0 <6' },
  { maker: 'caching()', file: 'dist/caching', versions: '>=5.0.0 <6' },
  { maker: 'multiCaching()', file: 'dist/multi-caching', versions: '>=5.0.0 <6' },
]

/** Functions of `wrap` that ran: what they compute was missing. */
const computed = new WeakSet<Compute>()

export default defineIntegration({
  name: 'cache-manager',
  module: 'cache-manager',
  kind: 'cache',
  records: {
    spans: ['get cache-manager', 'delete cache-manager', 'load cache-manager', 'set cache-manager'],
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
  targets: MAKERS.flatMap(({ maker, ...where }) => [
    cacheTarget<GetCall>({ ...where, path: `${maker}.get`, operation: 'get', settles: 'promise' }),
    cacheTarget<GetCall>({ ...where, path: `${maker}.mget`, operation: 'get', settles: 'promise', asked, hits }),
    cacheTarget<SetCall>({
      ...where,
      path: `${maker}.set`,
      operation: 'set',
      settles: 'promise',
      ttlMs: ({ args: [, , ttl] }) => (typeof ttl === 'number' ? ttl : undefined),
    }),
    cacheTarget<GetCall>({ ...where, path: `${maker}.del`, operation: 'delete', settles: 'promise' }),
    cacheTarget<WrapCall>({
      ...where,
      path: `${maker}.wrap`,
      operation: 'load',
      settles: 'promise',
      prepare: watchCompute,
      hits: hitOfWrap,
    }),
  ]),
})

function watchCompute({ args }: Call<WrapCall>): void {
  const [, compute] = args
  if (typeof compute !== 'function') return
  const watched = (...given: unknown[]): unknown => {
    computed.add(watched)
    return Reflect.apply(compute, undefined, given)
  }
  args[1] = watched
}

/** A caller that waited for the computation of another found it, too: it cost nothing more. */
function hitOfWrap({ args: [, compute] }: Call<WrapCall>): number {
  return Number(!computed.has(compute))
}

function asked({ args: [keys] }: Call<GetCall>): number {
  return Array.isArray(keys) ? keys.length : 1
}

function hits(_call: Call<GetCall>, result: unknown): number {
  return Array.isArray(result) ? result.filter((value) => value !== undefined && value !== null).length : 0
}
