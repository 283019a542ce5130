import { cacheTarget, defineIntegration, target, type Call } from '../core/integration.ts'

// A load is found in the cache of its loader or waits for a batch; the batch runs below the load that began it.

interface Loader {
  name?: string | null
  _cacheMap?: { get(key: unknown): unknown } | null
  _cacheKeyFn?: (key: unknown) => unknown
}

type LoadCall = { self: Loader; args: [key: unknown]; result: unknown }
type BatchCall = { self: Loader; args: [keys: readonly unknown[]]; result: unknown }

const loader = { versions: '>=2.0.0 <3', named: ({ name }: Loader) => name ?? undefined }

/** Loads whose key was there when they were asked for. */
const found = new WeakMap<Call<LoadCall>, boolean>()

export default defineIntegration({
  name: 'dataloader',
  module: 'dataloader',
  kind: 'cache',
  records: {
    spans: ['load dataloader', 'delete dataloader', 'batch dataloader', 'set dataloader'],
    attributes: ['perf.batch.size', 'perf.cache.bytes', 'perf.cache.hit', 'perf.cache.name', 'perf.cache.operation'],
    against: 'the real library, in its process',
  },
  targets: [
    cacheTarget<LoadCall>({
      ...loader,
      path: 'default.prototype.load',
      operation: 'load',
      settles: 'promise',
      prepare: (call) => {
        const { _cacheMap: cache, _cacheKeyFn: keyOf } = call.self
        if (cache && keyOf) found.set(call, isThere(cache.get(keyOf(call.args[0]))))
      },
      hits: (call) => (found.has(call) ? Number(found.get(call)) : undefined),
    }),
    target<BatchCall>({
      path: 'default.prototype.load',
      given: 'this._batchLoadFn',
      versions: '>=2.0.0 <3',
      settles: 'promise',
      start: ({ self, args: [keys] }) => ({
        name: 'batch dataloader',
        attributes: { 'perf.cache.name': self?.name ?? undefined, 'perf.batch.size': keys.length },
      }),
    }),
    cacheTarget<LoadCall>({ ...loader, path: 'default.prototype.prime', operation: 'set', settles: 'return' }),
    cacheTarget<LoadCall>({ ...loader, path: 'default.prototype.clear', operation: 'delete', settles: 'return' }),
  ],
})

const isThere = (value: unknown): boolean => value !== undefined && value !== null
