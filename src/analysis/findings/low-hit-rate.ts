import { defineFinding } from '../finding.ts'

interface Row {
  cache: string
  integration: string
  hits: number
  misses: number
  hit_rate: number
  sets: number
  evictions: number
  entries: number | null
  max_entries: number | null
  recompute_ms: number | null
  lost_ms: number | null
  saved_ms: number | null
  lost_tokens: number | null
  lost_usd: number | null
  traces: string[] | null
}

/** Reads before a rate says something, and the rate below which a cache is more work than help. */
const MIN_READS = 100
const LOW_RATE = 0.5

/** Caches that are asked mostly for what they do not have. */
export default defineFinding<Row>({
  kind: 'low-hit-rate',
  about: 'A cache that mostly misses: too small, never filled, or asked for keys that do not come again.',
  sql: `
    SELECT c.*, t.traces FROM caches c LEFT JOIN
      (SELECT cache, integration, top_traces(trace_key, recompute_ms) AS traces FROM cache_ops WHERE hit = false GROUP BY ALL) t USING (cache, integration)
    WHERE input_tokens IS NULL AND hits + misses >= ${MIN_READS} AND hit_rate < ${LOW_RATE} ORDER BY lost_ms DESC NULLS LAST, misses DESC, cache LIMIT 20`,
  find: (rows) =>
    rows.map((row) => ({
      key: `${row.integration}\0${row.cache}`,
      title: `The cache ${row.cache} (${row.integration}) has ${percent(row.hit_rate)} of what it is asked for`,
      cost: { calls: row.misses, total_ms: row.lost_ms, tokens: row.lost_tokens, usd: row.lost_usd },
      traces: row.traces ?? [],
      facts: {
        cache: row.cache, hit_rate: row.hit_rate, hits: row.hits, misses: row.misses, sets: row.sets, evictions: row.evictions, entries: row.entries,
        max_entries: row.max_entries, recompute_ms: row.recompute_ms, lost_ms: row.lost_ms, saved_ms: row.saved_ms,
      },
      advice: adviceFor(row),
    })), // prettier-ignore
})

function adviceFor({ cache, sets, misses, evictions, max_entries: most }: Row): string {
  if (cache.startsWith('http '))
    return 'The answers mostly come from the origin: look at `Cache-Control` and `Vary` of the answers, and at what differs in the requested URLs.'
  if (evictions >= sets / 2 && sets > 0)
    return `Most of what is put in has to go again before it is asked for: it holds ${most ?? 'few'} entries. Give it more room, or keep only what is expensive to compute.`
  if (sets < misses / 10)
    return 'What is missing is hardly ever put in afterwards: store what was computed after a miss (also that there is nothing, with a short time to live).'
  return 'The keys hardly ever come again while they are kept: look for parts in them that need not be there (times, ids of requests, the order of parameters), raise the time to live, or take the cache away.'
}

const percent = (rate: number): string => `${Math.round(rate * 100)} %`
