import { openSession } from '../../store/query.ts'
import type { SyncOptions } from '../../store/analytics/sync.ts'
import type { Session } from '../../store/session.ts'
import { PerfError } from '../../errors.ts'
import { changePoints, type ChangePoint } from '../statistics/change-points.ts'
import { trendOf } from '../trend.ts'
import { sqlText } from './sql-text.ts'

/** What is followed from session to session. */
export type TrendMetric = 'p50' | 'p95' | 'p99' | 'mean' | 'error_rate' | 'calls' | 'cost' | 'tokens'

/** SQL of each over the spans `s` of one name. */
export const trendMetrics: Record<TrendMetric, { sql: string; unit: 'ms' | 'share' | 'count' | 'usd' }> = {
  p50: { sql: 'weighted_quantile(s.duration_ms, s.weight, 0.5)', unit: 'ms' },
  p95: { sql: 'weighted_quantile(s.duration_ms, s.weight, 0.95)', unit: 'ms' },
  p99: { sql: 'weighted_quantile(s.duration_ms, s.weight, 0.99)', unit: 'ms' },
  mean: { sql: 'sum(s.duration_ms * s.weight) / sum(s.weight::DOUBLE)', unit: 'ms' },
  error_rate: { sql: `coalesce(sum(s.weight::DOUBLE) FILTER (s.status = 'error'), 0) / sum(s.weight::DOUBLE)`, unit: 'share' },
  calls: { sql: 'sum(s.weight::DOUBLE)', unit: 'count' },
  cost: { sql: perCall('perf.ai.cost_usd'), unit: 'usd' },
  tokens: { sql: `${perCall('gen_ai.usage.input_tokens')} + coalesce(${perCall('gen_ai.usage.output_tokens')}, 0)`, unit: 'count' },
}

function perCall(attribute: string): string {
  const value = `CASE WHEN s.layer = 'ai' THEN TRY_CAST((s.attributes->>'${attribute}') AS DOUBLE) END`
  return `sum(${value} * s.weight) / sum(CASE WHEN ${value} IS NOT NULL THEN s.weight::DOUBLE END)`
}

/** A session of the course. */
export interface TrendSession {
  session: string
  started_at: string | null
  git_commit: string | null
  spans: number
}

/** A place where a name changed its level, with the session it began at. */
export interface TrendChange extends Omit<ChangePoint, 'index'> {
  /** Index into the sessions. */
  index: number
  session: string
  git_commit: string | null
  /** Commit of the last session before. */
  commit_before: string | null
}

/** One name over the sessions. */
export interface NameTrend {
  layer: string
  name: string
  total_ms: number
  /** One per session; null where it did not run. */
  values: (number | null)[]
  changes: TrendChange[]
  /** Slow rise or fall without a step, as a share of the median per session; null where nothing is sure. */
  drift: number | null
}

export interface TrendsData {
  metric: TrendMetric
  /** Oldest first. */
  sessions: TrendSession[]
  /** Those with most time first. */
  names: NameTrend[]
  /** Names that were left out. */
  left_out: number
  problems: string[]
}

export interface TrendsOptions {
  metric: TrendMetric
  /** Only this name, or `layer.name`. */
  name?: string
  /** Names at most. */
  limit: number
  /** Steps up to this are none. */
  sameWithin?: number
  sync?: SyncOptions
  onProgress?: (detail: string) => void
}

interface Row {
  layer: string
  name: string
  spans: number
  total_ms: number
  value: number | null
}

/** Names of a session that are looked at, those with most time. */
const MAX_NAMES = 300
/** A drift is said where it is this sure. */
const SURE = 0.99

/** How a metric of each name went over sessions, given oldest first; those that cannot be read are left out. */
export async function readTrends(sessions: readonly Session[], options: TrendsOptions): Promise<TrendsData> {
  const found: TrendSession[] = []
  const problems: string[] = []
  const names = new Map<string, NameTrend>()
  for (const session of sessions) {
    options.onProgress?.(session.name)
    try {
      const rows = await readSession(session, options)
      if (rows.length === 0) continue
      for (const row of rows) note(names, row, found.length)
      found.push({
        session: session.name,
        started_at: session.startedAt?.toISOString() ?? null,
        git_commit: session.json.gitCommit ?? null,
        spans: sum(rows),
      })
    } catch (error) {
      if (!(error instanceof PerfError)) throw error
      problems.push(`${session.name} is left out: ${error.message}`)
    }
  }
  const ordered = [...names.values()]
    .filter(({ values }) => values.some((value) => value !== null))
    .sort((a, b) => b.total_ms - a.total_ms || (a.name < b.name ? -1 : 1))
  const shown = ordered.slice(0, options.limit)
  for (const trend of shown) finish(trend, found, shown.length, options.sameWithin ?? 0.05)
  return { metric: options.metric, sessions: found, names: shown, left_out: ordered.length - shown.length, problems }
}

const sum = (rows: readonly Row[]): number => rows.reduce((total, { spans }) => total + spans, 0)

async function readSession(session: Session, options: TrendsOptions): Promise<Row[]> {
  const reader = await openSession(session, options.sync)
  try {
    const { sql } = trendMetrics[options.metric]
    const where =
      options.name === undefined ? 'true' : `(s.name = ${sqlText(options.name)} OR s.layer || '.' || s.name = ${sqlText(options.name)})`
    return await reader.rows<Row>(
      `SELECT s.layer, s.name, count(*) AS spans, sum(s.duration_ms * s.weight) AS total_ms, ${sql} AS value
       FROM spans s WHERE s.duration_ms IS NOT NULL AND ${where} GROUP BY ALL ORDER BY total_ms DESC, s.name LIMIT ${MAX_NAMES}`,
    )
  } finally {
    reader.close()
  }
}

function note(names: Map<string, NameTrend>, { layer, name, total_ms, value }: Row, index: number): void {
  const id = `${layer}\0${name}`
  const trend = names.get(id) ?? { layer, name, total_ms: 0, values: [], changes: [], drift: null }
  names.set(id, trend)
  trend.total_ms += total_ms
  while (trend.values.length < index) trend.values.push(null)
  trend.values.push(value)
}

/** Fills up the values, and looks for steps and drift; `many`: names that are looked at, each with its share of the false alarms. */
function finish(trend: NameTrend, sessions: readonly TrendSession[], many: number, sameWithin: number): void {
  while (trend.values.length < sessions.length) trend.values.push(null)
  const present = trend.values.flatMap((value, index) => (value === null ? [] : [{ value, index }]))
  const values = present.map(({ value }) => value)
  trend.changes = changePoints(values, { alpha: 0.05 / many, sameWithin }).map((change) => {
    const index = present[change.index]?.index ?? 0
    const before = present[change.index - 1]?.index ?? 0
    const session = sessions[index]
    return {
      ...change,
      index,
      session: session?.session ?? '',
      git_commit: session?.git_commit ?? null,
      commit_before: sessions[before]?.git_commit ?? null,
    }
  })
  if (trend.changes.length > 0) return
  const course = trendOf(present.map(({ value, index }) => ({ time: index, value })))
  const middle = values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
  if (course === undefined || course.confidence < 1 - (1 - SURE) / many || middle === 0) return
  if (Math.abs(course.slope * (values.length - 1)) > sameWithin * Math.abs(middle)) trend.drift = course.slope / Math.abs(middle)
}
