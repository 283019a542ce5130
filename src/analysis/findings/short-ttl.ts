import { defineFinding } from '../finding.ts'

interface Row {
  cache: string
  integration: string
  recomputed: number
  share: number
  lost_ms: number
  tokens: number | null
  usd: number | null
  ttl_ms: number
  gap_ms: number
  compared: number
  changed: number
  traces: string[]
}

/** Computations right after an expiry from which on they are a pattern, and the share that they must be of all computations of what was there before. */
const MIN_RECOMPUTED = 5
const MIN_SHARE = 0.5

/** Values that are computed again right after they expired. */
export default defineFinding<Row>({
  kind: 'short-ttl',
  about: 'Entries of a cache expire shortly before they are asked for again, and the same is computed anew.',
  sql: `
    WITH ops AS (SELECT c.*, p.hash AS value_hash FROM cache_ops c LEFT JOIN payloads p ON p.span_key = c.span_key AND p.role = 'db.query.parameters'),
      around AS (SELECT *, operation = 'get' AND recompute_ms IS NOT NULL AS is_miss,
          last_value(stored IGNORE NULLS) OVER (before_it RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL 1 MICROSECOND PRECEDING) AS old,
          first_value(stored IGNORE NULLS) OVER (before_it RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS new
        FROM (SELECT *, CASE WHEN operation = 'set' THEN {since: start_time, ttl_ms: ttl_ms, value: value_hash} END AS stored FROM ops WHERE key_hash IS NOT NULL)
        WINDOW before_it AS (PARTITION BY cache, integration, key_hash ORDER BY start_time)),
      renewed AS (SELECT * EXCLUDE (stored, is_miss, old, new), old.ttl_ms AS old_ttl_ms, old.value AS old_value, new.value AS new_value,
          epoch_us(start_time) / 1e3 - epoch_us(old.since) / 1e3 - old.ttl_ms AS gap_ms FROM around WHERE is_miss)
    SELECT cache, integration, round(sum(weight) FILTER (is_late))::BIGINT AS recomputed, sum(weight) FILTER (is_late) / sum(weight) FILTER (old_ttl_ms IS NOT NULL) AS share, sum(recompute_ms * weight) FILTER (is_late) AS lost_ms,
      (sum(recompute_tokens * weight) FILTER (is_late))::DOUBLE AS tokens, sum(recompute_usd * weight) FILTER (is_late) AS usd, weighted_quantile(CASE WHEN is_late THEN old_ttl_ms END, weight, 0.5) AS ttl_ms, weighted_quantile(CASE WHEN is_late THEN gap_ms END, weight, 0.5) AS gap_ms,
      count(*) FILTER (is_late AND old_value IS NOT NULL AND new_value IS NOT NULL) AS compared, count(*) FILTER (is_late AND old_value <> new_value) AS changed,
      top_traces(CASE WHEN is_late THEN trace_key END, recompute_ms) AS traces
    FROM (SELECT *, coalesce(gap_ms BETWEEN 0 AND old_ttl_ms, false) AS is_late FROM renewed) GROUP BY ALL
    HAVING sum(weight) FILTER (is_late) >= ${MIN_RECOMPUTED} AND sum(weight) FILTER (is_late) >= ${MIN_SHARE} * sum(weight) FILTER (old_ttl_ms IS NOT NULL) ORDER BY lost_ms DESC, cache LIMIT 20`,
  find: (rows) =>
    rows
      // Other values: the entries expire because they have to.
      .filter((row) => row.changed <= row.compared / 2)
      .map((row) => ({
        key: `${row.integration}\0${row.cache}`,
        title: `Entries of the cache ${row.cache} are computed again ${seconds(row.gap_ms)} after they expired`,
        cost: { calls: row.recomputed, total_ms: row.lost_ms, tokens: row.tokens, usd: row.usd },
        traces: row.traces,
        facts: {
          cache: row.cache, time_to_live_ms: row.ttl_ms, median_gap_ms: row.gap_ms, computed_again: row.recomputed, share_of_computations: row.share,
          same_values: row.compared === 0 ? 'unknown' : 1 - row.changed / row.compared,
        },
        advice: `${row.compared === 0 ? 'If the values are still right' : 'The values are mostly the same'}: with twice the time to live (${seconds(row.ttl_ms)} now) these would have been hits. Raise it as far as the values may be old, or renew an entry in the background when it is read shortly before its end.`,
      })), // prettier-ignore
})

const seconds = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 100) / 10} s`)
