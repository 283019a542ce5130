import { defineFinding } from '../finding.ts'

interface Row {
  cache: string
  integration: string
  redundant: number
  lost_ms: number
  tokens: number | null
  usd: number | null
  keys: number
  most: number
  traces: string[]
}

/** Computations beside another of the same key from which on it is more than chance. */
const MIN_REDUNDANT = 5

/** One key missed by many at once, each of which computes it. */
export default defineFinding<Row>({
  kind: 'cache-stampede',
  about: 'Several callers miss the same key at once, and each computes what one could have computed for all.',
  sql: `
    WITH computed AS (SELECT cache, integration, key_hash, trace_key, weight, recompute_ms, recompute_tokens, recompute_usd, start_time,
        start_time + to_microseconds((recompute_ms * 1000)::BIGINT) AS end_time FROM cache_ops WHERE recompute_ms > 0 AND key_hash IS NOT NULL),
      waves AS (SELECT *, max(end_time) OVER (PARTITION BY cache, integration, key_hash ORDER BY start_time, trace_key ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS busy_until FROM computed),
      numbered AS (SELECT *, sum((busy_until IS NULL OR busy_until <= start_time)::INTEGER) OVER (PARTITION BY cache, integration, key_hash ORDER BY start_time, trace_key) AS wave FROM waves),
      sizes AS (SELECT cache, integration, max(size) AS most FROM (SELECT cache, integration, count(*) AS size FROM numbered GROUP BY cache, integration, key_hash, wave) GROUP BY ALL)
    SELECT cache, integration, round(sum(weight))::BIGINT AS redundant, sum(recompute_ms * weight) AS lost_ms, sum(recompute_tokens * weight)::DOUBLE AS tokens, sum(recompute_usd * weight) AS usd,
      count(DISTINCT key_hash) AS keys, any_value(most) AS most, top_traces(trace_key, recompute_ms) AS traces
    FROM numbered JOIN sizes USING (cache, integration) WHERE busy_until > start_time GROUP BY ALL HAVING sum(weight) >= ${MIN_REDUNDANT} ORDER BY lost_ms DESC, cache LIMIT 20`,
  find: (rows) =>
    rows.map((row) => ({
      key: `${row.integration}\0${row.cache}`,
      title: `Up to ${row.most} callers compute the same key of the cache ${row.cache} at once`,
      cost: { calls: row.redundant, total_ms: row.lost_ms, tokens: row.tokens, usd: row.usd },
      traces: row.traces,
      facts: { cache: row.cache, redundant_computations: row.redundant, most_at_once: row.most, different_keys: row.keys },
      advice:
        'Let one caller compute and the others wait for it: keep the promise of a running computation by key (lru-cache: `fetchMethod`, cache-manager: `wrap`), across processes with a short lock beside the key. ' +
        'Where many keys expire together, spread their times to live; where a value is asked for all the time, renew it before it expires.',
    })),
})
