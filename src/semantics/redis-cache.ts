// What commands of Redis are to a cache: view `cache_ops`, docs/decisions/caches.md.
import type { Attributes, SpanEnd, SpanStart } from '../core/integration.ts'

const OPERATIONS: Readonly<Record<string, 'get' | 'set' | 'delete'>> = {
  GET: 'get',
  GETEX: 'get',
  MGET: 'get',
  SET: 'set',
  SETEX: 'set',
  PSETEX: 'set',
  SETNX: 'set',
  DEL: 'delete',
  UNLINK: 'delete',
}

/** Attributes of the start, by the command's name in capitals; undefined for what is no operation of a cache. */
export function cacheOperation(name: string): Attributes | undefined {
  const operation = OPERATIONS[name]
  return operation === undefined ? undefined : { 'perf.cache.operation': operation }
}

/** The start with the key, of which only the keyed hash is kept; where there is nothing beside the key, it stands for the parameters. */
export function withCacheKey(start: SpanStart, name: string, args: readonly unknown[]): SpanStart {
  const [key] = args
  if (OPERATIONS[name] === undefined || typeof key !== 'string' || (args.length > 1 && OPERATIONS[name] !== 'set' && name !== 'GETEX'))
    return start
  const payload = { role: 'cache.key', value: key }
  return { ...start, payloads: args.length === 1 ? [payload] : [...(start.payloads ?? []), payload] }
}

/** The end of a command that was answered. */
export function cacheEnd(name: string, args: readonly unknown[], reply: unknown): SpanEnd | undefined {
  // Redis says null where there is nothing.
  if (reply === undefined) return undefined
  switch (OPERATIONS[name]) {
    case 'get':
      return { attributes: name === 'MGET' ? readMany(reply) : { 'perf.cache.hit': isThere(reply), 'perf.cache.bytes': sizeOf(reply) } }
    case 'set': {
      const seconds = name === 'SETEX' || name === 'PSETEX'
      const bytes = sizeOf(args[seconds ? 2 : 1])
      return { attributes: { 'perf.cache.ttl_ms': ttlMs(name, args), 'perf.cache.bytes': bytes } }
    }
    default:
      return undefined
  }
}

function readMany(reply: unknown): Attributes | undefined {
  if (!Array.isArray(reply)) return undefined
  const hits = reply.filter(isThere).length
  return { 'perf.cache.hit': hits === reply.length, 'perf.cache.asked': reply.length, 'perf.cache.hits': hits }
}

const isThere = (reply: unknown): boolean => reply !== null

function sizeOf(value: unknown): number | undefined {
  if (typeof value === 'string') return Buffer.byteLength(value)
  return ArrayBuffer.isView(value) ? value.byteLength : undefined
}

/** `SETEX key 60 value`, `PSETEX key 60000 value`, `SET key value EX 60`, `… PX 60000`; node-redis 4 has its caller's `{ EX: 60 }`. */
function ttlMs(name: string, args: readonly unknown[]): number | undefined {
  if (name === 'SETEX') return Number(args[1]) * 1000
  if (name === 'PSETEX') return Number(args[1])
  const options = args[2]
  if (typeof options === 'object' && options !== null) {
    const { EX: seconds, PX: milliseconds } = options as { EX?: number; PX?: number }
    return seconds === undefined ? milliseconds : seconds * 1000
  }
  for (let i = 2; i < args.length - 1; i++) {
    const option = args[i]
    if (typeof option !== 'string' || option.length !== 2) continue
    const unit = option.toUpperCase()
    if (unit === 'EX') return Number(args[i + 1]) * 1000
    if (unit === 'PX') return Number(args[i + 1])
  }
  return undefined
}
