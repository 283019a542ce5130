import { describe, expect, it } from 'vitest'
import { cacheReport } from '../../src/analysis/cache-report.ts'
import { caches } from '../../src/cli/render/caches.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const operation = (name: 'get' | 'set', at: number, more: Record<string, string | number | boolean> = {}): Node => ({
  name: `${name} lru-cache`, layer: 'cache', integration: 'lru-cache', ms: [at, at], payloads: { 'cache.key': 'k' },
  attributes: { 'perf.cache.name': 'src/users.js:3', 'perf.cache.operation': name, ...more },
}) // prettier-ignore
const chat: Node = {
  name: 'chat gpt-4o', layer: 'ai', integration: 'openai', ms: [50, 60],
  attributes: { 'gen_ai.provider.name': 'openai', 'gen_ai.request.model': 'gpt-4o', 'gen_ai.usage.input_tokens': 1000, 'gen_ai.usage.cache_read.input_tokens': 600 },
} // prettier-ignore
const request = (...children: Node[]): Node => ({ name: 'GET /', layer: 'http', ms: [0, 100], children })
const terminal = { width: 110, unicode: false, paint: new Proxy({}, { get: () => (text: string) => text }) } as never

describe('caches in the report', () => {
  it('say how often they helped and what they saved and lost', async () => {
    const miss = request(operation('get', 1, { 'perf.cache.hit': false }), operation('set', 21), chat)
    const reader = await recordingOf([miss, ...Array.from({ length: 9 }, () => request(operation('get', 1, { 'perf.cache.hit': true })))])
    const rows = await cacheReport(reader, 10)
    const lines = caches(terminal, rows).split('\n').map((line) => line.trim().replace(/ {2,}/g, ' | ')) // prettier-ignore
    expect(lines).toEqual([
      'cache | reads | hits | evicted | entries | a miss | saved | lost',
      'src/users.js:3 (lru-cache) | 10 | 90% | 0 | 20.0ms | 180ms | 20.0ms',
      'prompts of gpt-4o (openai) | 1 | 100% | 60% of tokens | - | - | -',
    ])
  })

  it('are left out where none was read', async () => {
    expect(caches(terminal, await cacheReport(await recordingOf([request()]), 10))).toBe('')
  })
})
