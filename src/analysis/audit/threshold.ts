import { createHash } from 'node:crypto'
import type { Severity } from '../finding.ts'
import { METRICS, type Metric, type MetricName } from './metrics.ts'
import type { ViolationLevel } from './violation.ts'

/** What a threshold is looked at for: each name by itself, a layer as a whole, or the session (its traces). */
export type Grouping = 'name' | 'layer' | 'session'

/** One entry of `thresholds` in perf.config.json. Exactly one of `metric` and `sql`, exactly one of `max` and `min`. */
export interface Threshold {
  /** A name of its own, for reports. */
  id?: string
  layer?: string
  /** Pattern of names: `*` stands for any text, `?` for one character. */
  name?: string
  kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  metric?: MetricName
  /** Query over the views; the first column of its first row counts. */
  sql?: string
  /** Default: `name` where a name is given, else `layer` where a layer is, else `session`. */
  per?: Grouping
  /** Of `findings`; default `low`. */
  severity?: Severity
  max?: number
  min?: number
  /** Default: `fail`. */
  level?: ViolationLevel
  /** With fewer calls there is not enough data to tell; default 1. */
  min_calls?: number
  /** What to do, markdown, instead of the usual sentence. */
  advice?: string
  /** Set by `audit --learn`: such entries are replaced when it learns again. */
  learned?: Learned
}

/** What a learned threshold rests on. */
export interface Learned {
  sessions: number
  /** Highest (for `min`: lowest) value seen in them. */
  seen: number
  /** Date, `2026-11-21`. */
  at: string
}

/** Its id: its own, else what it looks at in words. */
export function ruleId(threshold: Threshold): string {
  if (threshold.id !== undefined) return threshold.id
  if (threshold.sql !== undefined) return `sql-${shortHash(threshold.sql)}`
  const { layer, name, kind, severity, metric = '' } = threshold
  const metricText = metric === 'findings' ? `${severity ?? 'low'} findings` : metric
  return [layer, name, kind, metricText].filter((part) => part !== undefined).join(' ')
}

/** The metric; for SQL one without a unit. */
export function metricOf({ metric }: Threshold): Metric {
  return metric === undefined ? { source: 'calls', unit: '', about: '' } : METRICS[metric]
}

/** What it is looked at for. */
export function groupingOf({ per, name, layer }: Threshold): Grouping {
  return per ?? (name !== undefined ? 'name' : layer !== undefined ? 'layer' : 'session')
}

/** Whether a name fits the pattern of a threshold; one without a pattern fits all. */
export function nameMatcher({ name }: Threshold): (candidate: string) => boolean {
  if (name === undefined) return () => true
  const pattern = new RegExp(`^${translate(name, { many: '[\\s\\S]*', one: '[\\s\\S]', escape: (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') })}$`) // prettier-ignore
  return (candidate) => pattern.test(candidate)
}

/** SQL condition that a column of names fits a pattern. */
export function fitsSql(column: string, pattern: string): string {
  const like = translate(pattern, { many: '%', one: '_', escape: (text) => text.replace(/[\\%_]/g, '\\$&') })
  return `${column} LIKE ${quoted(like)} ESCAPE '\\'`
}

/** A pattern that fits this name only. */
export function patternOf(name: string): string {
  return name.replace(/[\\*?]/g, '\\$&')
}

/** A text as SQL. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** `*` and `?` as another language writes them; behind a backslash they stand for themselves. */
function translate(pattern: string, to: { many: string; one: string; escape: (text: string) => string }): string {
  return pattern.replace(/\\([\s\S])|[\s\S]/g, (part, escaped?: string) =>
    escaped !== undefined ? to.escape(escaped) : part === '*' ? to.many : part === '?' ? to.one : to.escape(part),
  )
}

/** Eight hexadecimal digits that stand for a text. */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}
