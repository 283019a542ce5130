// What the headers of a response say of the cache it came from: view `cache_ops`.
import type { Attributes } from '../core/integration.ts'

/** Lengths of the names that are looked at: most headers are passed over by it. */
const LENGTHS = new Set(['age', 'x-cache', 'cache-status', 'cache-control', 'x-cache-status', 'x-vercel-cache', 'cf-cache-status'].map((name) => name.length)) // prettier-ignore

/**
 * Attributes by `Age`, `Cache-Status` (RFC 9211), `X-Cache` and their relatives, and by 304; undefined where nothing is said of a cache. `raw` are names and values
 * in turn.
 */
export function httpCacheAttributes(raw: readonly (string | Uint8Array)[], status: number | undefined): Attributes | undefined {
  let hit = status === 304 ? true : undefined
  let ttlMs: number | undefined
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const key = raw[i]
    if (key === undefined || !LENGTHS.has(key.length)) continue
    const value = text(raw[i + 1])
    switch (text(key).toLowerCase()) {
      case 'age':
        hit ??= Number(value) > 0 ? true : undefined
        break
      case 'cache-control':
        ttlMs = maxAgeMs(value)
        break
      case 'x-cache':
      case 'cache-status':
      case 'x-cache-status':
      case 'x-vercel-cache':
      case 'cf-cache-status':
        hit ??= said(value)
    }
  }
  return hit === undefined ? undefined : { 'perf.cache.operation': 'get', 'perf.cache.hit': hit, 'perf.cache.ttl_ms': ttlMs }
}

/** `HIT`, `TCP_MEM_HIT from …`, `MISS, HIT` (the nearest is last), `ExampleCache; hit; ttl=3`, `…; fwd=uri-miss`; not `DYNAMIC`, `BYPASS`. */
function said(value: string): boolean | undefined {
  const nearest = value.slice(value.lastIndexOf(',') + 1)
  if (/\b(?:_?hit|stale|revalidated|updating)\b|_hit/i.test(nearest)) return true
  return /miss|expired|fwd=stale/i.test(nearest) ? false : undefined
}

function maxAgeMs(value: string): number | undefined {
  const seconds = /s-maxage=(\d+)/i.exec(value)?.[1] ?? /max-age=(\d+)/i.exec(value)?.[1]
  return seconds === undefined ? undefined : Number(seconds) * 1000
}

function text(value: string | Uint8Array | undefined): string {
  return typeof value === 'string'
    ? value
    : value === undefined
      ? ''
      : Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')
}
