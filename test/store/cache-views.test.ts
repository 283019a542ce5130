import { describe, expect, it } from 'vitest'
import { recordingOf, type Node } from '../support/recording.ts'

const operation = (name: 'get' | 'set' | 'load', at: number, more: Record<string, string | number | boolean> = {}, key = 'k', ms = 0): Node => ({
  name: `${name} lru-cache`, layer: 'cache', integration: 'lru-cache', ms: [at, at + ms], payloads: { 'cache.key': key },
  attributes: { 'perf.cache.name': 'src/users.js:3', 'perf.cache.operation': name, ...more },
}) // prettier-ignore
const get = (at: number, hit: boolean, key?: string): Node => operation('get', at, { 'perf.cache.hit': hit }, key)
const request = (...children: Node[]): Node => ({ name: 'GET /', layer: 'http', ms: [0, 100], children })
const chat = (at: number, tokens: number, more: Record<string, number> = {}): Node => ({
  name: 'chat gpt-4o', layer: 'ai', integration: 'openai', ms: [at, at + 5],
  attributes: { 'gen_ai.request.model': 'gpt-4o', 'gen_ai.usage.input_tokens': tokens, 'gen_ai.usage.output_tokens': 10, 'perf.ai.cost_usd': 0.02, ...more },
}) // prettier-ignore

describe('cache_ops', () => {
  it('gives a miss what lies before the set of the same key in the same trace: time, tokens, money', async () => {
    const reader = await recordingOf([
      request(get(1, false), get(2, false, 'other'), chat(10, 500), operation('set', 31, { 'perf.cache.ttl_ms': 1000, 'perf.cache.bytes': 7 }), get(40, true)),
      request(get(1, false), operation('set', 9, {}, 'other')),
    ]) // prettier-ignore
    const rows = await reader.rows(
      `SELECT operation, hit, ttl_ms, bytes, recompute_ms, recompute_tokens, recompute_usd FROM cache_ops ORDER BY start_time, hit`,
    )
    expect(rows).toMatchObject([
      { operation: 'get', hit: false, recompute_ms: 30, recompute_tokens: 510, recompute_usd: 0.02 },
      { operation: 'get', hit: false, recompute_ms: null, recompute_tokens: null },
      { operation: 'set', hit: null, ttl_ms: 1000, bytes: 7, recompute_ms: null },
      { operation: 'get', hit: true, recompute_ms: null },
      { operation: 'get', hit: false, recompute_ms: null },
      { operation: 'set', recompute_ms: null },
    ])
    const keys = await reader.rows<{ keys: number }>(`SELECT count(DISTINCT key_hash)::INTEGER AS keys FROM cache_ops`)
    expect(keys).toEqual([{ keys: 2 }])
  })

  it('has the duration of a load that computes, keys of Redis by their own spans, and what AI calls read from their prompt cache', async () => {
    const redis = (name: string, at: number, more: Record<string, string | boolean>): Node => ({
      name, layer: 'db', integration: 'ioredis', ms: [at, at + 1], payloads: { 'cache.key': 'user:1' }, attributes: { 'db.system.name': 'redis', ...more },
    }) // prettier-ignore
    const reader = await recordingOf([
      request(
        operation('load', 1, { 'perf.cache.hit': false }, 'k', 20),
        redis('GET', 30, { 'perf.cache.operation': 'get', 'perf.cache.hit': false }),
        redis('SET', 41, { 'perf.cache.operation': 'set' }),
        redis('INCR', 50, {}),
        chat(60, 1000, { 'gen_ai.usage.cache_read.input_tokens': 800 }),
        chat(70, 1000),
      ),
    ])
    const rows = await reader.rows(`SELECT cache, operation, hit, recompute_ms, cached_tokens FROM cache_ops ORDER BY start_time`)
    expect(rows).toEqual([
      { cache: 'src/users.js:3', operation: 'load', hit: false, recompute_ms: 20, cached_tokens: null },
      { cache: 'redis', operation: 'get', hit: false, recompute_ms: 10, cached_tokens: null },
      { cache: 'redis', operation: 'set', hit: null, recompute_ms: null, cached_tokens: null },
      { cache: 'prompts of gpt-4o', operation: 'get', hit: true, recompute_ms: null, cached_tokens: 800 },
    ])
  })
})

describe('caches', () => {
  it('has the same rows in the same columns while they are kept, and afterwards', async () => {
    const reader = await recordingOf([
      request(get(1, false), chat(10, 500), operation('set', 31), get(40, true)),
      request(get(1, false), operation('set', 9)),
    ])
    const queries = [
      'SELECT * FROM cache_ops ORDER BY ALL',
      'SELECT * FROM caches ORDER BY ALL',
      'SELECT trace_id, hit FROM main.cache_ops ORDER BY ALL',
    ]
    const read = async (): Promise<unknown[]> => Promise.all(queries.map(async (sql) => (await reader.query(sql))[0]))
    const before = await read()
    expect(await reader.withKept(['cache_ops'], read)).toEqual(before)
    expect(await read()).toEqual(before)
    await expect(reader.withKept(['cache_ops'], () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await reader.withKept(['cache_ops'], read)).toEqual(before)
  })

  it('has what was counted, where everything is, and says what the hits saved and the misses lost', async () => {
    const metric = (name: string, value: number): string =>
      `INSERT INTO store.metrics VALUES (1, 1000, 'perf.cache.${name}', ${value}, '', '{"cache":"src/users.js:3","integration":"lru-cache"}')`
    const reader = await recordingOf([request(get(1, false), operation('set', 21), get(30, false, 'never set'), get(40, true))], {
      insert: [
        metric('hits', 900),
        metric('misses', 60),
        metric('misses', 40),
        metric('sets', 50),
        metric('entries', 10),
        metric('max_entries', 10),
      ],
    })
    const rows = await reader.rows(`SELECT * FROM caches`)
    expect(rows).toMatchObject([
      { cache: 'src/users.js:3', integration: 'lru-cache', hits: 900, misses: 100, hit_rate: 0.9, sets: 50, entries: 10, max_entries: 10, recorded: 4,
        recompute_ms: 20, saved_ms: 900 * 20, lost_ms: 100 * 0.5 * 20 },
    ]) // prettier-ignore
  })
})
