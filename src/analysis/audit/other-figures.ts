import type { SessionReader } from '../../store/query.ts'
import type { MetricName } from './metrics.ts'
import { fitsSql, groupingOf, quoted, type Grouping, type Threshold } from './threshold.ts'

/** The value of a metric for one subject. */
export interface Figure {
  layer: string | null
  name: string | null
  /** Null where the recording does not tell. */
  value: number | null
  /** How many calls it rests on; null where it is of no calls. */
  calls: number | null
}

const AI_VALUE: Partial<Record<MetricName, string>> = {
  tokens: 'sum((input_tokens + output_tokens) * weight::DOUBLE)',
  tokens_per_call: mean('input_tokens + output_tokens'),
  input_tokens_per_call: mean('input_tokens'),
  output_tokens_per_call: mean('output_tokens'),
  cost_usd: 'sum(cost_usd * weight)',
  cost_usd_per_call: mean('cost_usd'),
  first_token_p95_ms: 'weighted_quantile(first_token_ms, weight, 0.95)',
}

/** A metric of AI calls. */
export async function aiFigures(reader: SessionReader, threshold: Threshold): Promise<Figure[]> {
  const value = threshold.metric === undefined ? undefined : AI_VALUE[threshold.metric]
  if (value === undefined || (threshold.layer !== undefined && threshold.layer !== 'ai')) return []
  const grouping = groupingOf(threshold)
  const where = threshold.name === undefined ? 'true' : fitsSql('name', threshold.name)
  return await reader.rows<Figure>(
    `SELECT 'ai' AS layer, ${grouping === 'name' ? 'name' : 'NULL AS name'}, ${value} AS value, round(sum(weight))::BIGINT AS calls
     FROM ai_calls WHERE status <> 'open' AND ${where} ${grouping === 'name' ? 'GROUP BY name' : 'HAVING count(*) > 0'} ORDER BY value DESC NULLS LAST, name`,
  )
}

const PROCESS_VALUE: Partial<Record<MetricName, string>> = {
  heap_peak_mb: `max(value) FILTER (name = 'perf.memory.heap.used') / 1048576`,
  rss_peak_mb: `max(value) FILTER (name IN ('process.memory.usage', 'perf.process.memory.peak')) / 1048576`,
  event_loop_delay_p99_ms: `quantile_cont(value, 0.99) FILTER (name = 'nodejs.eventloop.delay.p99') * 1000`,
  event_loop_delay_max_ms: `max(value) FILTER (name = 'nodejs.eventloop.delay.max') * 1000`,
}

/** A metric of processes: of the one with the highest value. */
export async function processFigures(reader: SessionReader, { metric }: Threshold): Promise<Figure[]> {
  const value = metric === undefined ? undefined : PROCESS_VALUE[metric]
  if (value === undefined) return []
  return await reader.rows<Figure>(
    `SELECT NULL AS layer, NULL AS name, max(value) AS value, NULL AS calls FROM (SELECT process, ${value} AS value FROM metrics GROUP BY process)`,
  )
}

/** The hit rate of each cache, or of all that fit together. */
export async function cacheFigures(reader: SessionReader, threshold: Threshold): Promise<Figure[]> {
  const grouping: Grouping = groupingOf(threshold)
  const where = threshold.name === undefined ? 'true' : fitsSql('cache', threshold.name)
  return await reader.rows<Figure>(
    `SELECT 'cache' AS layer, ${grouping === 'name' ? 'cache AS name' : 'NULL AS name'}, sum(hits) / nullif(sum(hits) + sum(misses), 0) AS value,
       (sum(hits) + sum(misses))::BIGINT AS calls FROM caches WHERE ${where} ${grouping === 'name' ? 'GROUP BY cache' : 'HAVING count(*) > 0'} ORDER BY calls DESC, name`,
  )
}

/** Up to three traces of a subject, the slowest (`onlyErrors`: slowest failed) first. */
export async function slowestTraces(
  reader: SessionReader,
  { layer, name, kind, isOfTraces }: { layer: string | null; name: string | null; kind: string | undefined; isOfTraces: boolean },
  onlyErrors: boolean,
): Promise<string[]> {
  const parts = [
    'duration_ms IS NOT NULL',
    layer === null ? undefined : `layer = ${quoted(layer)}`,
    name === null ? undefined : `name = ${quoted(name)}`,
    kind === undefined ? undefined : `kind = ${quoted(kind)}`,
    onlyErrors ? `status = 'error'` : undefined,
  ]
  const rows = await reader.rows<{ trace_id: string }>(
    `SELECT trace_id FROM ${isOfTraces ? 'traces' : 'spans'} WHERE ${parts.filter((part) => part !== undefined).join(' AND ')}
     ORDER BY duration_ms DESC, trace_id LIMIT 30`,
  )
  return [...new Set(rows.map((row) => row.trace_id))].slice(0, 3)
}

function mean(expression: string): string {
  return `sum((${expression}) * weight::DOUBLE) / nullif(sum(weight) FILTER ((${expression}) IS NOT NULL), 0)`
}
