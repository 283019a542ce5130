import type { SessionReader } from '../../store/query.ts'
import { fitsSql, groupingOf, quoted, type Grouping, type Threshold } from './threshold.ts'

/** What the calls of one subject came to; durations in milliseconds, weighted by sampling. */
export interface CallFigures {
  layer: string | null
  name: string | null
  calls: number
  p50_ms: number | null
  p95_ms: number | null
  p99_ms: number | null
  mean_ms: number | null
  max_ms: number | null
  total_ms: number | null
  /** Null without a CPU profile. */
  self_cpu_ms: number | null
  error_rate: number | null
}

const COLUMNS: Record<Grouping, string> = { name: 'layer, name', layer: 'layer, NULL AS name', session: 'NULL AS layer, NULL AS name' }
const GROUP: Record<Grouping, string> = { name: 'GROUP BY layer, name', layer: 'GROUP BY layer', session: '' }

/** The most calls of one subject in one trace, with up to three traces that have as many. */
export interface PerTrace {
  layer: string | null
  name: string | null
  most: number
  calls: number
  traces: string[]
}

/** Reads figures of calls, each query once for all thresholds. */
export class CallFigureReader {
  readonly #reader: SessionReader
  readonly #withCpu: boolean
  readonly #known = new Map<string, Promise<unknown[]>>()

  /** `withCpu`: also their own CPU, which is read from the attributes of every span. */
  constructor(reader: SessionReader, withCpu: boolean) {
    this.#reader = reader
    this.#withCpu = withCpu
  }

  /** One row a subject: of a whole session the traces, else the ended spans. */
  async figures(threshold: Threshold): Promise<CallFigures[]> {
    const grouping = groupingOf(threshold)
    const cpu = this.#withCpu && !isOfTraces(threshold) ? 'self_cpu_ms' : 'NULL::DOUBLE AS self_cpu_ms'
    const source = isOfTraces(threshold)
      ? `SELECT duration_ms, weight, status, ${cpu} FROM traces WHERE status <> 'open' AND duration_ms IS NOT NULL`
      : `SELECT layer, name, duration_ms, weight, status, ${cpu} FROM spans WHERE status <> 'open' AND duration_ms IS NOT NULL AND ${callsOf(threshold)}`
    return (await this.#once(figuresSql(grouping, source))) as CallFigures[]
  }

  /** Most calls in one trace. */
  async perTrace(threshold: Threshold): Promise<PerTrace[]> {
    const grouping = groupingOf(threshold)
    const hex = `list_transform(arg_max(trace_key, n, 3), key -> printf('%016x%016x', (key >> 64)::UBIGINT, (key & 18446744073709551615::UHUGEINT)::UBIGINT))`
    const by = grouping === 'name' ? 'layer, name, ' : grouping === 'layer' ? 'layer, ' : ''
    const sql = isOfTraces(threshold)
      ? `SELECT NULL AS layer, NULL AS name, max(spans) AS most, round(sum(weight))::BIGINT AS calls, arg_max(trace_id, spans, 3) AS traces FROM traces HAVING max(spans) IS NOT NULL`
      : `SELECT ${COLUMNS[grouping]}, max(n) AS most, round(sum(w))::BIGINT AS calls, ${hex} AS traces
         FROM (SELECT ${by}trace_key, count(*) AS n, sum(weight) AS w FROM spans WHERE ${callsOf(threshold)} GROUP BY ALL) ${GROUP[grouping]} HAVING max(n) IS NOT NULL ORDER BY calls DESC NULLS LAST, layer, name`
    return (await this.#once(sql)) as PerTrace[]
  }

  #once(sql: string): Promise<unknown[]> {
    const known = this.#known.get(sql) ?? this.#reader.rows(sql)
    this.#known.set(sql, known)
    return known
  }
}

/** Whether a threshold is about traces as a whole. */
export function isOfTraces(threshold: Threshold): boolean {
  return [threshold.layer, threshold.name, threshold.kind].every((part) => part === undefined) && groupingOf(threshold) === 'session'
}

/** Condition on spans. What the groups tell is chosen from the rows, so that thresholds share a query. */
function callsOf(threshold: Threshold): string {
  const { kind, layer, name } = threshold
  const grouping = groupingOf(threshold)
  const parts = [
    kind === undefined ? undefined : `kind = ${quoted(kind)}`,
    layer === undefined || grouping !== 'session' ? undefined : `layer = ${quoted(layer)}`,
    name === undefined || grouping === 'name' ? undefined : fitsSql('name', name),
  ]
  return parts.filter((part) => part !== undefined).join(' AND ') || 'true'
}

function figuresSql(grouping: Grouping, source: string): string {
  return `SELECT * EXCLUDE (q), q[1] AS p50_ms, q[2] AS p95_ms, q[3] AS p99_ms FROM (
    SELECT ${COLUMNS[grouping]}, round(sum(weight))::BIGINT AS calls, weighted_quantiles(duration_ms, weight, [0.5, 0.95, 0.99]) AS q,
      sum(duration_ms * weight) / sum(weight) AS mean_ms, max(duration_ms) AS max_ms, sum(duration_ms * weight) AS total_ms,
      sum(self_cpu_ms * weight) / sum(weight) FILTER (self_cpu_ms IS NOT NULL) AS self_cpu_ms,
      coalesce(sum(weight) FILTER (status = 'error'), 0) / sum(weight) AS error_rate
    FROM (${source}) ${GROUP[grouping]} HAVING count(*) > 0) ORDER BY total_ms DESC, layer, name`
}
