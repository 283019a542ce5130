import type { SessionReader } from '../../store/query.ts'
import type { Sample } from '../statistics/weighted-sample.ts'
import { SUBJECT_COLUMNS, type CandidateSubject, type Measure, type Measured } from './candidate.ts'

/** Measurements kept of one session: enough for a test, little enough for the queue's file. */
const MOST_VALUES = 400

/** Measures the calls or traces of a subject in a session. What is kept of many is chosen by the hash of their trace, so that traces stay whole. */
export async function measure(reader: SessionReader, subject: CandidateSubject): Promise<Measured> {
  const rows = `SELECT * FROM (${rowsOf(subject)}) WHERE value IS NOT NULL`
  const [sums] = await reader.rows<Pick<Measured, 'calls' | 'failed' | 'effective_calls' | 'mean' | 'median' | 'p95'>>(
    `SELECT coalesce(sum(weight), 0)::DOUBLE AS calls, coalesce(sum(weight) FILTER (failed), 0)::DOUBLE AS failed,
       coalesce(sum(weight) ** 2 / nullif(sum(weight ** 2), 0), 0)::DOUBLE AS effective_calls, (sum(value * weight) / nullif(sum(weight), 0))::DOUBLE AS mean,
       weighted_quantile(value, weight, 0.5)::DOUBLE AS median, weighted_quantile(value, weight, 0.95)::DOUBLE AS p95 FROM (${rows})`,
  )
  const kept = await reader.rows<{ value: number; weight: number; cluster: string }>(
    `SELECT value::DOUBLE AS value, weight::DOUBLE AS weight, left(md5(cluster), 12) AS cluster
     FROM (SELECT * FROM (${rows}) ORDER BY md5(cluster), began LIMIT ${MOST_VALUES}) ORDER BY began, cluster, value`,
  )
  return {
    session: reader.session.name,
    ...(sums ?? { calls: 0, failed: 0, mean: null, median: null, p95: null }),
    values: kept.map(({ value }) => Number(value.toPrecision(6))),
    weights: kept.map(({ weight }) => Number(weight.toPrecision(6))),
    clusters: kept.map(({ cluster }) => cluster),
  }
}

/** What was kept, for a comparison. */
export function samplesOf({ values, weights, clusters }: Measured): Sample[] {
  return values.map((value, i) => ({ value, weight: weights[i] ?? 1, cluster: clusters[i] ?? i }))
}

/** The calls of a subject as a query: `span_id`, `trace_id`, `duration_ms`. */
export function callsOf(subject: CandidateSubject): string {
  return `SELECT ${subject.of === 'traces' ? 'root_span_id' : 'span_id'} AS span_id, trace_id, duration_ms FROM ${subject.of} t WHERE ${conditions(subject)}`
}

const VALUE: Record<Exclude<Measure, 'calls'>, string> = {
  duration_ms: 'duration_ms',
  cpu_ms: 'self_cpu_ms',
  pool_wait_ms: 'coalesce(pool_wait_ms, 0)',
  first_token_ms: 'first_token_ms',
  usd: 'cost_usd',
  tokens: 'coalesce(input_tokens, 0) + coalesce(output_tokens, 0)',
  failed: "(status = 'error')::INTEGER",
}

function rowsOf(subject: CandidateSubject): string {
  const { of, measure: what } = subject
  const where = `${conditions(subject)} AND t.status <> 'open'`
  if (what === 'calls')
    return `SELECT count(*) AS value, any_value(weight) AS weight, false AS failed, trace_id AS cluster, min(start_time) AS began FROM ${of} t WHERE ${where} GROUP BY trace_id`
  if (of === 'traces' && (what === 'usd' || what === 'tokens')) {
    const value = what === 'usd' ? 'a.cost_usd' : 'coalesce(a.input_tokens, 0) + coalesce(a.output_tokens, 0)'
    return `SELECT coalesce(sum(${value}), 0) AS value, any_value(t.weight) AS weight, any_value(t.status) = 'error' AS failed, t.trace_id AS cluster, any_value(t.start_time) AS began
      FROM traces t LEFT JOIN ai_calls a USING (trace_id) WHERE ${where} GROUP BY t.trace_id`
  }
  return `SELECT ${VALUE[what]} AS value, weight, status = 'error' AS failed, trace_id AS cluster, start_time AS began FROM ${of} t WHERE ${where}`
}

function conditions({ of, where }: CandidateSubject): string {
  const parts = SUBJECT_COLUMNS.flatMap((column) => {
    const value = where[column]
    return value === undefined ? [] : [`${columnOf(of, column)} = '${value.replaceAll("'", "''")}'`]
  })
  if (of === 'requests') parts.push("t.direction = 'in'")
  return parts.length === 0 ? 'true' : parts.join(' AND ')
}

/** Findings know an endpoint by its method and route together. */
const columnOf = (of: CandidateSubject['of'], column: string): string =>
  of === 'requests' && column === 'route' ? `concat_ws(' ', t.method, coalesce(t.route, '(no route)'))` : `t.${column}`
