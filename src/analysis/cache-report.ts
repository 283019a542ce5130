import type { SessionReader } from '../store/query.ts'

/** One cache of the session. */
export interface CacheReport {
  cache: string
  integration: string | null
  hits: number
  misses: number
  hit_rate: number
  sets: number
  evictions: number
  entries: number | null
  max_entries: number | null
  /** What a miss cost on average where it was computed again. */
  recompute_ms: number | null
  saved_ms: number | null
  lost_ms: number | null
  lost_usd: number | null
  /** Of AI calls. */
  input_tokens: number | null
  cached_tokens: number | null
}

/** Caches that were read, those that cost the most first. */
export function cacheReport(reader: SessionReader, limit: number): Promise<CacheReport[]> {
  return reader.rows(
    `SELECT cache, integration, hits, misses, hit_rate, sets, evictions, entries, max_entries, recompute_ms, saved_ms, lost_ms, lost_usd, input_tokens, cached_tokens
     FROM caches WHERE hits + misses > 0 ORDER BY greatest(lost_ms, saved_ms) DESC NULLS LAST, hits + misses DESC, cache LIMIT ${limit}`,
  )
}
