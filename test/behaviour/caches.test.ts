// Counts of caches are exact whatever has a span; the cost of a miss is that of the code that ran; keys are hashes.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { openSession } from '../../src/store/query.ts'
import { readSession } from '../../src/store/session.ts'
import { record } from '../support/record.ts'

const APP = `
import { LRUCache } from 'lru-cache'
import { recordCache, span } from '@perf/agent/api'
import { setTimeout as sleep } from 'node:timers/promises'

const cache = new LRUCache({ max: 10 })
async function main() {
  await span('request', async () => {
    if (cache.get('canary-of-a-key') === undefined) {
      await sleep(20)
      cache.set('canary-of-a-key', 'value')
    }
  })
  for (let i = 0; i < 20_000; i++) cache.get('canary-of-a-key')
  span('loop', () => {
    for (let i = 0; i < 5_000; i++) cache.get('nothing')
  })
  for (let i = 0; i < 30; i++) cache.set(i, i)
  recordCache({ cache: 'prices', operation: 'get', key: 'canary-of-a-key', hit: false })
  span('own', () => recordCache({ cache: 'prices', operation: 'get', key: 'canary-of-a-key', hit: true, bytes: 5 }))
  recordCache({ cache: 'prices', operation: 'set', ttlMs: 100 })
  recordCache({ cache: 'prices', operation: 'evict' })
}
void main()
`

describe('caches', () => {
  it.each(['esm', 'cjs'] as const)('are counted exactly, recorded within a limit (%s)', async (format) => {
    const run = await record({ app: APP, format, packages: ['lru-cache@11.5.3'] })
    expect([run.status, run.stderr]).toEqual([0, ''])
    const reader = await openSession(readSession(run.sessionDir ?? ''))
    try {
      const [own, counted] = await reader.rows<Record<string, number | string>>(`SELECT * FROM caches ORDER BY integration`)
      expect(counted).toMatchObject({
        integration: 'lru-cache',
        hits: 20_000,
        misses: 5_001,
        sets: 31,
        evictions: 21,
        entries: 10,
        max_entries: 10,
      })
      expect(counted?.['cache']).toMatch(/^app\.js:\d+$/)
      expect(Number(counted?.['recorded'])).toBeLessThanOrEqual(1_010)
      expect(counted?.['recompute_ms']).toBeGreaterThan(15)
      expect(own).toMatchObject({ cache: 'prices', integration: 'api', hits: 1, misses: 1, sets: 1, evictions: 1, recorded: 1 })
      const operations = await reader.rows(`SELECT DISTINCT operation, hit, bytes FROM cache_ops WHERE cache = 'prices'`)
      expect(operations).toEqual([{ operation: 'get', hit: true, bytes: 5 }])
    } finally {
      reader.close()
    }
    const files = readdirSync(run.perfDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    const holding = files.filter((entry) => readFileSync(path.join(entry.parentPath, entry.name)).includes('canary-of-a-key'))
    expect(holding.map((entry) => entry.name)).toEqual([])
  })

  it('cost nothing and change nothing without the agent', async () => {
    const run = await record({ app: APP, agent: 'none', packages: ['lru-cache@11.5.3'] })
    expect([run.status, run.stdout, run.stderr]).toEqual([0, '', ''])
  })
})
