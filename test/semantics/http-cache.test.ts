import { describe, expect, it } from 'vitest'
import { httpCacheAttributes } from '../../src/semantics/http-cache.ts'

const hitOf = (name: string, value: string, status = 200): unknown => httpCacheAttributes([name, value], status)?.['perf.cache.hit']

describe('headers of HTTP caches', () => {
  it.each([
    ['X-Cache', 'HIT', true],
    ['X-Cache', 'Miss from cloudfront', false],
    ['x-cache', 'MISS, HIT', true],
    ['x-cache', 'HIT, MISS', false],
    ['X-Cache', 'TCP_MEM_HIT from a1-2-3', true],
    ['CF-Cache-Status', 'HIT', true],
    ['CF-Cache-Status', 'EXPIRED', false],
    ['CF-Cache-Status', 'DYNAMIC', undefined],
    ['X-Vercel-Cache', 'STALE', true],
    ['X-Vercel-Cache', 'PRERENDER', undefined],
    ['Cache-Status', 'ExampleCache; hit; ttl=376', true],
    ['Cache-Status', 'ExampleCache; fwd=uri-miss; stored', false],
    ['Age', '12', true],
    ['Age', '0', undefined],
    ['Content-Type', 'text/html', undefined],
  ])('%s: %s', (name, value, hit) => {
    expect(hitOf(name, value)).toBe(hit)
    expect(httpCacheAttributes([Buffer.from(name), Buffer.from(value)], 200)?.['perf.cache.hit']).toBe(hit)
  })

  it('tell how long an answer may be kept, and a 304 that it still is', () => {
    expect(httpCacheAttributes(['cache-control', 'public, max-age=60', 'x-cache', 'HIT'], 200)).toEqual({
      'perf.cache.operation': 'get',
      'perf.cache.hit': true,
      'perf.cache.ttl_ms': 60_000,
    })
    expect(httpCacheAttributes(['cache-control', 'max-age=60'], 200)).toBeUndefined()
    expect(httpCacheAttributes([], 304)?.['perf.cache.hit']).toBe(true)
  })
})
