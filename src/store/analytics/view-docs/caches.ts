import { SPAN, PROCESS, WEIGHT, KEYS, INTEGRATION } from './columns.ts'
import type { ViewDoc } from './columns.ts'

/** Caches. */
export const cacheViews = {
  cache_ops: {
    doc: 'Operations of caches: spans of layer `cache`, reads and writes of Redis, answers of HTTP caches, and AI calls whose prompt may come from a cache. Of caches in memory only some have a row; `caches` counts all.',
    columns: {
      ...SPAN,
      cache:
        'name of the cache: the place in the app that used it first, a name of its own, `redis`, `http <server>`, `prompts of <model>`',
      operation: '`get`, `load` (a `get` that computes what is not there), `set`, `delete`',
      hit: 'whether a read found everything it asked for',
      key_hash: 'keyed hash of the key',
      ttl_ms: 'time to live',
      bytes: 'size of the value, where it has one without being serialised',
      asked: 'keys that were read',
      found: 'how many of them were there',
      evicted: 'entries that had to go for what was set',
      recompute_ms: 'of a miss: time until the `set` of the same key in the same trace',
      recompute_tokens: 'tokens of the AI calls begun in that time',
      recompute_usd: 'their cost in US dollars',
      input_tokens: 'of an AI call: input tokens, including cached ones',
      cached_tokens: 'of an AI call: input tokens read from the cache',
      ...INTEGRATION,
      ...PROCESS,
      ...WEIGHT,
      ...KEYS,
    },
  },
  caches: {
    doc: 'Every cache with its totals. Caches in memory count each of their operations; the others are summed up from `cache_ops`.',
    columns: {
      cache: '`cache_ops.cache`',
      ...INTEGRATION,
      hits: 'reads that found something',
      misses: 'reads that did not',
      hit_rate: 'hits by reads, 0 … 1',
      sets: 'writes',
      deletes: 'deletions by the app',
      evictions: 'entries that had to go for others',
      entries: 'entries when it was last written to',
      max_entries: 'how many it may hold',
      recorded: 'operations in `cache_ops`',
      recompute_ms: 'what a miss cost on average, where it was computed again',
      saved_ms: 'estimate: what the hits would have cost as misses',
      lost_ms: 'estimate: what the misses cost',
      lost_tokens: 'estimate: tokens the misses cost',
      lost_usd: 'estimate: US dollars the misses cost',
      input_tokens: 'of AI calls: input tokens',
      cached_tokens: 'of AI calls: input tokens read from the cache',
    },
  },
} satisfies Record<string, ViewDoc>
