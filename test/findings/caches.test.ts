import { describe, expect, it } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import cacheStampede from '../../src/analysis/findings/cache-stampede.ts'
import lowHitRate from '../../src/analysis/findings/low-hit-rate.ts'
import shortTtl from '../../src/analysis/findings/short-ttl.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const operation = (name: string, at: number, key: string, more: Record<string, string | number | boolean> = {}, value?: string): Node => ({
  name: name === 'get' ? 'GET' : 'SET', layer: 'db', integration: 'ioredis', ms: [at, at + 1],
  payloads: { 'cache.key': key, ...(value === undefined ? {} : { 'db.query.parameters': value }) },
  attributes: { 'db.system.name': 'redis', 'perf.cache.operation': name, ...more },
}) // prettier-ignore
const get = (at: number, key: string, hit: boolean): Node => operation('get', at, key, { 'perf.cache.hit': hit })
const set = (at: number, key: string, ttlMs?: number, value?: string): Node =>
  operation('set', at, key, ttlMs === undefined ? {} : { 'perf.cache.ttl_ms': ttlMs }, value)
const request = (...children: Node[]): Node => ({ name: 'GET /prices', layer: 'http', ms: [0, 100], children })
/** A request that misses and computes for `ms`. */
const computing = (key: string, ms = 50, ttlMs?: number, value?: string): Node =>
  request(get(0, key, false), set(1 + ms, key, ttlMs, value))
const times = (count: number, make: (i: number) => Node): Node[] => Array.from({ length: count }, (_, i) => make(i))

describe('low-hit-rate', () => {
  it('finds a cache whose keys do not come again, with what the misses cost', async () => {
    const reader = await recordingOf([...times(120, (i) => computing(`key-${i}`, 20)), ...times(30, () => request(get(0, 'key-1', true)))])
    const [finding, ...more] = await findAll(reader, [lowHitRate])
    expect(more).toEqual([])
    expect(finding).toMatchObject({ cost: { calls: 120 }, evidence: { facts: { hit_rate: 0.2, hits: 30, misses: 120, sets: 120 } } })
    expect(finding?.cost.total_ms).toBeCloseTo(120 * 20, 3)
    expect(finding?.title).toBe('The cache redis (ioredis) has 20 % of what it is asked for')
    expect(finding?.advice).toContain('hardly ever come again')
  })

  it('says when a cache is too small, or never filled', async () => {
    const metric = (name: string, value: number): string =>
      `INSERT INTO store.metrics VALUES (1, 1000, 'perf.cache.${name}', ${value}, '', '{"cache":"a.js:1","integration":"lru-cache"}')`
    const small = [metric('misses', 900), metric('hits', 100), metric('sets', 900), metric('evictions', 850), metric('max_entries', 50)]
    const [finding] = await findAll(await recordingOf([request()], { insert: small }), [lowHitRate])
    expect(finding?.advice).toContain('it holds 50 entries')
    const [empty] = await findAll(await recordingOf([request()], { insert: [metric('misses', 900), metric('hits', 1)] }), [lowHitRate])
    expect(empty?.advice).toContain('hardly ever put in')
  })

  it('is silent about a cache that helps, and about one that was hardly asked', async () => {
    const helps = await recordingOf([...times(40, (i) => computing(`key-${i}`)), ...times(80, () => request(get(0, 'key-1', true)))])
    expect(await findAll(helps, [lowHitRate])).toEqual([])
    expect(await findAll(await recordingOf(times(50, (i) => computing(`key-${i}`))), [lowHitRate])).toEqual([])
  })
})

describe('cache-stampede', () => {
  it('finds the same key computed by several at once, and what all but the first of each wave cost', async () => {
    // Waves of four requests, 10 ms apart, each computing for 50 ms.
    const wave = (i: number): Node => ({ ...computing('popular') , ms: [0, 100], children: computing('popular').children?.map((child) => shifted(child, (i % 4) * 10)) ?? [] }) // prettier-ignore
    const reader = await recordingOf(times(4, wave).concat(times(4, wave)), { everyMs: 0 })
    const none = await findAll(reader, [shortTtl])
    expect(none).toEqual([])
    const [finding] = await findAll(reader, [cacheStampede])
    expect(finding).toMatchObject({
      cost: { calls: 7 },
      evidence: { facts: { redundant_computations: 7, most_at_once: 8, different_keys: 1 } },
    })
    expect(finding?.cost.total_ms).toBeCloseTo(7 * 50, 3)
  })

  it('is silent when one computes after the other, or each another key', async () => {
    expect(await findAll(await recordingOf(times(20, () => computing('popular'))), [cacheStampede])).toEqual([])
    expect(
      await findAll(
        await recordingOf(
          times(20, (i) => computing(`key-${i}`)),
          { everyMs: 1 },
        ),
        [cacheStampede],
      ),
    ).toEqual([])
  })
})

describe('short-ttl', () => {
  it('finds values that are computed again right after they expired', async () => {
    // Asked for once a second, kept for 800 ms.
    const reader = await recordingOf(times(20, () => computing('rates', 50, 800)))
    const [finding] = await findAll(reader, [shortTtl])
    expect(finding).toMatchObject({
      cost: { calls: 19 },
      evidence: { facts: { time_to_live_ms: 800, computed_again: 19, same_values: 'unknown' } },
    })
    expect(finding?.cost.total_ms).toBeCloseTo(19 * 50, 3)
    const same = await findAll(await recordingOf(times(20, () => computing('rates', 50, 800, '["rates","4.2"]'))), [shortTtl])
    expect(same).toMatchObject([{ evidence: { facts: { same_values: 1 } } }])
  })

  it('is not drowned by other keys of the same cache that are computed once', async () => {
    const once = times(60, (i) => computing(`key-${i}`, 20, 60_000))
    const [finding] = await findAll(await recordingOf([...times(10, () => computing('rates', 50, 800)), ...once]), [shortTtl])
    expect(finding).toMatchObject({ cost: { calls: 9 }, evidence: { facts: { computed_again: 9 } } })
  })

  it('is silent when the values change, are asked for long after, or had no time to live', async () => {
    expect(await findAll(await recordingOf(times(20, (i) => computing('rates', 50, 800, String(i)))), [shortTtl])).toEqual([])
    expect(await findAll(await recordingOf(times(20, () => computing('rates', 50, 100))), [shortTtl])).toEqual([])
    expect(await findAll(await recordingOf(times(20, () => computing('rates', 50))), [shortTtl])).toEqual([])
  })
})

function shifted(node: Node, by: number): Node {
  return { ...node, ms: [node.ms[0] + by, node.ms[1] + by] }
}
