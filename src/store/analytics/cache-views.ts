// The views over caches: single operations with what a miss cost, and one row per cache. See docs/decisions/caches.md.

// What a process wrote in its last moment may be stored twice, by itself and by its writer: spans are told apart by their ids, payloads and counts here.

// No ASOF JOIN in here: DuckDB 1.5 fails with an internal error where a thread of it has no row of one side.

/** What operations say of themselves, read at once: a key alone costs as much as all of them. */
const SAID = ['perf.cache.name', 'db.system.name', 'server.address', 'perf.cache.operation', 'db.operation.name', 'perf.cache.hit', 'perf.cache.key_hash', 'perf.cache.ttl_ms', 'perf.cache.bytes', 'perf.cache.asked', 'perf.cache.hits', 'perf.cache.evicted'] as const // prettier-ignore
const said = (key: (typeof SAID)[number]): string => `said[${SAID.indexOf(key) + 1}]`

/** A miss costs what lies between it and the `set` of the same key in the same trace; a `load` that misses, its duration. */
export function cacheOpsQuery(base: string): string {
  return `WITH ops AS (SELECT ${base.replace('span_id', 's.span_id').replace('name,', 's.name,')}, coalesce(${said('perf.cache.name')}, ${said('db.system.name')}, CASE layer WHEN 'http' THEN concat_ws(' ', 'http', ${said('server.address')}) ELSE layer END) AS cache,
      coalesce(${said('perf.cache.operation')}, ${said('db.operation.name')}) AS operation, TRY_CAST(${said('perf.cache.hit')} AS BOOLEAN) AS hit,
      coalesce(${said('perf.cache.key_hash')}, k.hash) AS key_hash, TRY_CAST(${said('perf.cache.ttl_ms')} AS DOUBLE) AS ttl_ms, TRY_CAST(${said('perf.cache.bytes')} AS BIGINT) AS bytes,
      coalesce(TRY_CAST(${said('perf.cache.asked')} AS BIGINT), 1) AS asked, coalesce(TRY_CAST(${said('perf.cache.hits')} AS BIGINT), (${said('perf.cache.hit')} = 'true')::BIGINT) AS found,
      TRY_CAST(${said('perf.cache.evicted')} AS BIGINT) AS evicted, integration, process, weight, span_key, parent_key, start_ns, start_ns + (coalesce(duration_ms, 0) * 1e6)::BIGINT AS end_ns, trace_key
      FROM (SELECT *, json_extract_string(attributes, [${SAID.map((key) => `'${key}'`).join(', ')}]) AS said FROM spans
        WHERE layer = 'cache' OR (layer IN ('db', 'http') AND contains(attributes, '"perf.cache.operation":'))) s LEFT JOIN (SELECT DISTINCT span_id, hash FROM store.payloads WHERE role = 'cache.key') k ON k.span_id = s.span_key),
    computed AS (SELECT span_key, trace_key, end_ns AS from_ns, set_ns AS to_ns
        FROM (SELECT span_key, trace_key, end_ns, hit, operation, min(start_ns) FILTER (operation = 'set') OVER (PARTITION BY trace_key, cache, key_hash ORDER BY start_ns RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS set_ns
          FROM ops WHERE key_hash IS NOT NULL) WHERE hit = false AND operation = 'get' AND set_ns IS NOT NULL
      UNION ALL SELECT span_key, trace_key, start_ns, end_ns FROM ops WHERE hit = false AND operation = 'load'),
    costs AS (SELECT c.span_key, greatest(0, any_value(to_ns - from_ns)) / 1e6 AS recompute_ms, sum(input + output)::BIGINT AS recompute_tokens, sum(usd) AS recompute_usd
      FROM computed c LEFT JOIN (SELECT trace_key, start_ns, coalesce(TRY_CAST(said[1] AS BIGINT), 0) AS input, coalesce(TRY_CAST(said[2] AS BIGINT), 0) AS output, TRY_CAST(said[3] AS DOUBLE) AS usd
        FROM (SELECT trace_key, start_ns, json_extract_string(attributes, ['gen_ai.usage.input_tokens', 'gen_ai.usage.output_tokens', 'perf.ai.cost_usd']) AS said FROM spans WHERE layer = 'ai')) a
        ON a.trace_key = c.trace_key AND a.start_ns BETWEEN from_ns AND to_ns GROUP BY c.span_key)
    SELECT ${base}, cache, operation, hit, key_hash, ttl_ms, bytes, asked, found, evicted, recompute_ms, recompute_tokens, recompute_usd,
      NULL::BIGINT AS input_tokens, NULL::BIGINT AS cached_tokens, integration, process, weight, span_key, parent_key, trace_key FROM ops LEFT JOIN costs USING (span_key)
    UNION ALL SELECT ${base}, 'prompts of ' || coalesce(model, 'an unknown model'), 'get', coalesce(cache_read_tokens, 0) > 0, NULL, NULL, NULL, 1, (coalesce(cache_read_tokens, 0) > 0)::BIGINT,
      NULL, NULL, NULL, NULL, input_tokens, coalesce(cache_read_tokens, 0), provider, process, weight, span_key, parent_key, trace_key FROM ai_calls WHERE cache_read_tokens IS NOT NULL OR cache_write_tokens > 0`
}

/** One row per cache: what was counted where everything is counted, else what was recorded. */
export function cachesQuery(): string {
  const counted = (name: string): string => `sum(value) FILTER (name = 'perf.cache.${name}')`
  const mean = (column: string): string => `sum(${column} * weight) / nullif(sum(weight) FILTER ((${column}) IS NOT NULL), 0)`
  const perComputed = (column: string): string =>
    `sum(${column} * weight)::DOUBLE / nullif(sum(weight) FILTER (recompute_ms IS NOT NULL), 0)`
  return `WITH counted AS (SELECT (attributes->>'cache') AS cache, (attributes->>'integration') AS integration, ${[
    'hits',
    'misses',
    'sets',
    'deletes',
    'evictions',
  ]
    .map((name) => `coalesce(${counted(name)}, 0)::BIGINT AS ${name}`)
    .join(
      ', ',
    )}, arg_max(value, time_ns) FILTER (name = 'perf.cache.entries')::BIGINT AS entries, max(value) FILTER (name = 'perf.cache.max_entries')::BIGINT AS max_entries
      FROM (SELECT DISTINCT process, time_ns, name, value, attributes::VARCHAR AS text, attributes FROM store.metrics WHERE starts_with(name, 'perf.cache.')) GROUP BY 1, 2),
    seen AS (SELECT cache, integration, count(*) AS recorded, round(coalesce(sum(found * weight) FILTER (operation IN ('get', 'load') AND hit IS NOT NULL), 0))::BIGINT AS hits,
        round(coalesce(sum((asked - found) * weight) FILTER (operation IN ('get', 'load') AND hit IS NOT NULL), 0))::BIGINT AS misses,
        round(coalesce(sum(weight) FILTER (operation = 'set'), 0))::BIGINT AS sets, round(coalesce(sum(weight) FILTER (operation = 'delete'), 0))::BIGINT AS deletes,
        round(coalesce(sum(evicted * weight), 0))::BIGINT AS evictions, coalesce(sum(weight) FILTER (recompute_ms IS NOT NULL), 0) / nullif(sum(weight) FILTER (hit = false), 0) AS computed_share, ${mean('recompute_ms')} AS recompute_ms,
        ${mean('CASE WHEN hit THEN duration_ms END')} AS hit_ms, ${perComputed('recompute_tokens')} AS tokens, ${perComputed('recompute_usd')} AS usd,
        sum(input_tokens * weight)::BIGINT AS input_tokens, sum(cached_tokens * weight)::BIGINT AS cached_tokens FROM cache_ops GROUP BY ALL),
    joined AS (SELECT cache, integration, coalesce(c.hits, s.hits) AS hits, coalesce(c.misses, s.misses) AS misses, coalesce(c.sets, s.sets) AS sets, coalesce(c.deletes, s.deletes) AS deletes,
        coalesce(c.evictions, s.evictions) AS evictions, entries, max_entries, coalesce(recorded, 0) AS recorded, computed_share, recompute_ms, hit_ms, tokens, usd, input_tokens, cached_tokens
      FROM counted c FULL JOIN seen s USING (cache, integration))
    SELECT cache, integration, hits, misses, hits / nullif(hits + misses, 0) AS hit_rate, sets, deletes, evictions, entries, max_entries, recorded, recompute_ms,
      CASE WHEN recompute_ms IS NOT NULL THEN hits * greatest(0, recompute_ms - coalesce(hit_ms, 0)) END AS saved_ms, misses * computed_share * recompute_ms AS lost_ms, misses * computed_share * tokens AS lost_tokens,
      misses * computed_share * usd AS lost_usd, input_tokens, cached_tokens FROM joined`
}
