import type { SessionReader } from '../../store/query.ts'
import { CallFigureReader, type CallFigures } from './call-figures.ts'
import type { MetricName } from './metrics.ts'
import { aiFigures, processFigures } from './other-figures.ts'
import { patternOf, type Threshold } from './threshold.ts'

/** How much data is enough, and how far above it the limits lie. */
export interface LearnOptions {
  /** Sessions in which a subject must have enough calls. */
  minSessions: number
  /** Calls in a session that are enough. */
  minCalls: number
  /** On top of what was seen: 0.2 is a fifth. */
  margin: number
  /** Names at most, those with the most time. */
  limit: number
  /** Today, `2026-11-21`. */
  at: string
}

/** What was learned. */
export interface Learning {
  sessions: number
  thresholds: Threshold[]
  /** What has too little data yet, the most time first. */
  missing: { layer: string; name: string; sessions: number; needed: number }[]
}

interface Series {
  threshold: Pick<Threshold, 'layer' | 'name' | 'metric'>
  values: number[]
  /** Time it took in all sessions, milliseconds; 0 for what is of no calls. */
  ms: number
}

/** The percentile over sessions that a limit starts from. */
const PERCENTILE = 0.95
/** A limit is never tighter than this, whatever was seen: one failure in a hundred calls, a millisecond. */
const LEAST: Partial<Record<MetricName, number>> = { error_rate: 0.01, p95_ms: 1 }

/** Collects figures session by session, oldest or newest first, and proposes thresholds from them. */
export class ThresholdLearner {
  readonly #options: LearnOptions
  readonly #series = new Map<string, Series>()
  /** Sessions with any figure at all. */
  #sessions = 0

  constructor(options: LearnOptions) {
    this.#options = options
  }

  /** Adds what one session shows. */
  async add(reader: SessionReader): Promise<void> {
    const rows = await new CallFigureReader(reader, false).figures({ per: 'name' })
    if (rows.length > 0) this.#sessions++
    for (const row of rows) this.#addCalls(row)
    for (const metric of ['tokens_per_call', 'cost_usd_per_call'] as const) {
      for (const { name, value, calls } of await aiFigures(reader, { metric, per: 'name' }))
        this.#push({ layer: 'ai', name: patternOf(name ?? ''), metric }, (calls ?? 0) >= this.#options.minCalls ? value : null, 0)
    }
    for (const metric of ['rss_peak_mb'] as const) {
      for (const { value } of await processFigures(reader, { metric })) this.#push({ metric }, value, 0)
    }
  }

  /** What holds so far. */
  result(): Learning {
    const { minSessions, limit } = this.#options
    const all = [...this.#series.values()]
    const byTime = new Map<string, number>()
    for (const { threshold, ms } of all) byTime.set(subjectKey(threshold), Math.max(ms, byTime.get(subjectKey(threshold)) ?? 0))
    const wanted = new Set([...byTime].sort((a, b) => b[1] - a[1]).slice(0, limit).map(([key]) => key)) // prettier-ignore
    const chosen = all.filter(({ threshold }) => threshold.name === undefined || wanted.has(subjectKey(threshold)))
    chosen.sort((a, b) => (byTime.get(subjectKey(b.threshold)) ?? 0) - (byTime.get(subjectKey(a.threshold)) ?? 0))
    return {
      sessions: this.#sessions,
      thresholds: chosen.filter(({ values }) => values.length >= minSessions).map((series) => this.#limitOf(series)),
      missing: chosen
        .filter(({ threshold, values }) => threshold.metric === 'p95_ms' && values.length < minSessions)
        .map(({ threshold: { layer = '', name = '' }, values }) => ({ layer, name, sessions: values.length, needed: minSessions })),
    }
  }

  #addCalls(row: CallFigures): void {
    const enough = row.calls >= this.#options.minCalls
    const subject = { layer: row.layer ?? '', name: patternOf(row.name ?? '') }
    this.#push({ ...subject, metric: 'p95_ms' }, enough ? row.p95_ms : null, row.total_ms ?? 0)
    this.#push({ ...subject, metric: 'error_rate' }, enough ? row.error_rate : null, row.total_ms ?? 0)
  }

  #push(threshold: Series['threshold'], value: number | null, ms: number): void {
    const key = `${subjectKey(threshold)}\0${threshold.metric}`
    const series = this.#series.get(key) ?? { threshold, values: [], ms: 0 }
    if (value !== null) series.values.push(value)
    series.ms += ms
    this.#series.set(key, series)
  }

  #limitOf({ threshold, values }: Series): Threshold {
    const { margin, minCalls, at } = this.#options
    const seen = Math.max(...values)
    const limit = percentile(values, PERCENTILE) * (1 + margin)
    const max = roundUp(Math.max(limit, (threshold.metric && LEAST[threshold.metric]) ?? 0))
    const ofCalls = threshold.name === undefined ? {} : { min_calls: minCalls }
    const bounded = threshold.metric === 'error_rate' ? Math.min(1, max) : max
    return { ...threshold, ...ofCalls, max: bounded, learned: { sessions: values.length, seen: Number(seen.toPrecision(4)), at } }
  }
}

/** Learned thresholds beside those of a file: which entries to replace, which to add, which stay because they are somebody's own. */
export function mergeLearned(
  own: readonly Threshold[],
  learned: readonly Threshold[],
): { replace: { index: number; threshold: Threshold }[]; add: Threshold[]; kept: Threshold[] } {
  const replace: { index: number; threshold: Threshold }[] = []
  const add: Threshold[] = []
  const kept: Threshold[] = []
  for (const threshold of learned) {
    const same = own.flatMap((entry, index) => (sameSubject(entry, threshold) ? [{ entry, index }] : []))
    const written = same.find(({ entry }) => entry.learned === undefined)
    const earlier = same.find(({ entry }) => entry.learned !== undefined)
    if (written !== undefined) kept.push(written.entry)
    else if (earlier === undefined) add.push(threshold)
    // What somebody added to a learned entry (a level, an id) stays.
    else replace.push({ index: earlier.index, threshold: { ...earlier.entry, ...threshold } })
  }
  return { replace, add, kept }
}

const sameSubject = (a: Threshold, b: Threshold): boolean =>
  a.layer === b.layer &&
  a.name === b.name &&
  a.metric === b.metric &&
  a.kind === b.kind &&
  a.sql === b.sql &&
  (a.max === undefined) === (b.max === undefined)

const subjectKey = ({ layer, name }: Pick<Threshold, 'layer' | 'name'>): string => `${layer ?? ''}\0${name ?? ''}`

/** Interpolated between the values, as DuckDB's `quantile_cont`. */
function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const [low, high] = [sorted[Math.floor(at)] ?? 0, sorted[Math.ceil(at)] ?? 0]
  return low + (high - low) * (at - Math.floor(at))
}

/** Two significant digits, upwards: 137 is 140. */
function roundUp(value: number): number {
  if (value === 0) return 0
  const step = 10 ** (Math.floor(Math.log10(value)) - 1)
  return Number((Math.ceil(value / step - 1e-9) * step).toPrecision(2))
}
