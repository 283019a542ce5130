import type { Place } from '../finding.ts'

/** Whether a violation fails the audit or is only told. */
export type ViolationLevel = 'warn' | 'fail'

/** What a threshold looked at; layer and name are left out where it looked at more than one. */
export interface Subject {
  layer?: string
  name?: string
  /** A metric of `metrics.ts`, or `sql`. */
  metric: string
}

/** A threshold that a session does not keep. */
export interface Violation {
  /** `audit-<8 hex>`: the same for the same subject and direction in every session, whatever the limit is. */
  id: string
  /** Id of the threshold: its `id` in perf.config.json, else one made of what it looks at. */
  rule: string
  level: ViolationLevel
  subject: Subject
  /** In `unit`. */
  current: number
  /** The limit that is not kept, in `unit`. */
  target: number
  /** Whether `target` is the most or the least that is allowed. */
  bound: 'max' | 'min'
  /** `ms`, `MB`, `usd`, `tokens`, `calls`, `findings`, `share` (0 to 1), or empty for SQL. */
  unit: string
  /** How many calls the figure rests on, weighted by sampling; null where it is of no calls. */
  calls: number | null
  /** Ids of up to three traces that show it, the worst first. */
  traces: string[]
  places: Place[]
  /** What to do, markdown. */
  advice: string
  /** A command that shows more. */
  next_command: string
}
