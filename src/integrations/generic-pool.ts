import { defineIntegration, target, type Call, type SpanStart } from '../core/integration.ts'

interface Pool {
  max: number
  size: number
  available: number
  pending: number
}

interface AcquireCall {
  self: Pool
  args: [priority?: number]
  result: unknown
}

// `use` acquires by itself. Names and attributes are those of pg's pool.
export default defineIntegration({
  name: 'generic-pool',
  module: 'generic-pool',
  kind: 'pool',
  records: {
    spans: ['pool.acquire'],
    attributes: ['perf.pool.max', 'perf.pool.connections', 'perf.pool.waiting'],
    against: 'pools of the test',
  },
  inBundle: ['max waitingClients count exceeded'],
  targets: [
    target<AcquireCall>({
      path: 'Pool.prototype.acquire',
      versions: '>=3.4.0 <4',
      settles: 'promise',
      insideOnly: true,
      start: startWait,
    }),
  ],
})

/** A span only when the caller has to wait: all are in use, or a new one has to be made. */
function startWait({ self: { max, size, available, pending } }: Call<AcquireCall>): SpanStart | undefined {
  if (available > pending) return undefined
  return { name: 'pool.acquire', attributes: { 'perf.pool.max': max, 'perf.pool.connections': size, 'perf.pool.waiting': pending } }
}
