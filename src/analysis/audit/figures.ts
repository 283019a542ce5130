import { PerfError } from '../../errors.ts'
import type { SessionReader } from '../../store/query.ts'
import { findingsOf } from '../refresh-findings.ts'
import type { Finding, Place, Severity } from '../finding.ts'
import type { CallFigureReader, CallFigures } from './call-figures.ts'
import { aiFigures, cacheFigures, processFigures, type Figure } from './other-figures.ts'
import { metricOf, nameMatcher, type Threshold } from './threshold.ts'

/** The value of a metric for one subject, with what came along with it. */
export interface SubjectFigure extends Figure {
  /** Why there is no value. */
  reason?: string
  traces?: string[]
  places?: Place[]
  findings?: Finding[]
}

/** A threshold of perf.config.json whose SQL gives no number. */
export class ThresholdError extends PerfError {
  constructor(message: string, options?: ErrorOptions) {
    super('THRESHOLD', message, 2, options)
  }
}

/** The values a threshold is held against; `index` is its place in the list. */
export async function figuresOf(
  reader: SessionReader,
  calls: CallFigureReader,
  threshold: Threshold,
  index: number,
): Promise<SubjectFigure[]> {
  if (threshold.sql !== undefined) return [await sqlFigure(reader, threshold.sql, `thresholds[${index}].sql`)]
  switch (metricOf(threshold).source) {
    case 'ai':
      return await aiFigures(reader, threshold)
    case 'process':
      return (await processFigures(reader, threshold)).map((figure) => ({ ...figure, reason: 'no metrics were recorded (PERF_METRICS)' }))
    case 'caches':
      return await cacheFigures(reader, threshold)
    case 'findings':
      return [await findingsFigure(reader, threshold)]
    case 'calls':
      return await callFigures(calls, threshold)
  }
}

async function callFigures(calls: CallFigureReader, threshold: Threshold): Promise<SubjectFigure[]> {
  const { metric } = threshold
  if (metric === 'calls_per_trace') return (await calls.perTrace(threshold)).map(({ most, ...row }) => ({ ...row, value: most }))
  const rows = await calls.figures(threshold)
  return rows.map((row) => ({
    layer: row.layer,
    name: row.name,
    calls: row.calls,
    value: valueOf(row, metric),
    ...(metric === 'self_cpu_ms' ? { reason: 'no CPU profile was recorded (PERF_CPU=on)' } : {}),
  }))
}

function valueOf(row: CallFigures, metric: Threshold['metric']): number | null {
  if (metric === 'success_rate') return row.error_rate === null ? null : 1 - row.error_rate
  return metric !== undefined && metric in row ? (row[metric as keyof CallFigures] as number | null) : null
}

async function sqlFigure(reader: SessionReader, sql: string, where: string): Promise<SubjectFigure> {
  const rows = await reader.rows<Record<string, unknown>>(sql).catch((error: unknown) => {
    throw new ThresholdError(`perf.config.json: ${where}: ${firstLine(error)}`, { cause: error })
  })
  const row = rows[0]
  const value = row === undefined ? null : Object.values(row)[0]
  if (value !== null && typeof value !== 'number')
    throw new ThresholdError(`perf.config.json: ${where}: the first column must be a number, not ${JSON.stringify(value) ?? 'nothing'}.`)
  const traces = rows.flatMap(({ trace_id }) => (typeof trace_id === 'string' ? [trace_id] : [])).slice(0, 3)
  return { layer: null, name: null, value, calls: null, traces, reason: 'the query gave no value' }
}

const firstLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''

const RANK: Record<Severity, number> = { high: 0, medium: 1, low: 2 }

async function findingsFigure(reader: SessionReader, threshold: Threshold): Promise<SubjectFigure> {
  const fits = nameMatcher(threshold)
  const wanted = RANK[threshold.severity ?? 'low']
  const findings = (await findingsOf(reader)).filter(({ kind, severity }) => RANK[severity] <= wanted && fits(kind))
  return {
    layer: null,
    name: null,
    value: findings.length,
    calls: null,
    traces: [...new Set(findings.flatMap(({ evidence }) => evidence.traces))].slice(0, 3),
    places: findings.flatMap(({ evidence }) => evidence.places).slice(0, 3),
    findings,
  }
}
