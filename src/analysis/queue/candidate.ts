import type { Severity, Place } from '../finding.ts'
import type { ViolationLevel } from '../audit/violation.ts'

// What the queue keeps: docs/queue.md describes it, docs/session-folder.md where it lies.

/** `open`: to be done; `done`: a person says so; `closed`: a later session proved it; `reopened`: it came back. */
export type CandidateState = 'open' | 'done' | 'closed' | 'reopened'

/** What is measured of each call or trace. Times in milliseconds, `failed` 0 or 1, `calls` how many of them a trace makes. */
export type Measure = 'duration_ms' | 'cpu_ms' | 'pool_wait_ms' | 'first_token_ms' | 'usd' | 'tokens' | 'calls' | 'failed'

/** The calls or traces in which a candidate is felt: rows of a view whose columns have these values. */
export interface CandidateSubject {
  of: 'traces' | 'spans' | 'requests' | 'queries' | 'ai_calls' | 'tool_calls'
  where: Partial<Record<SubjectColumn, string>>
  measure: Measure
}

/** Columns by which a subject may be chosen. */
export const SUBJECT_COLUMNS = ['name', 'layer', 'kind', 'statement', 'route', 'model', 'tool', 'server'] as const
export type SubjectColumn = (typeof SUBJECT_COLUMNS)[number]

/** Measurements of a subject in one session: all of them counted, some hundred kept. */
export interface Measured {
  session: string
  /** Calls in the session, weighted by sampling. */
  calls: number
  /** Those of them that failed, weighted. */
  failed: number
  /** As many calls of one weight would say as much: (Σw)² / Σw² (Kish 1965); absent: all of them. */
  effective_calls?: number
  mean: number | null
  median: number | null
  p95: number | null
  /** What is kept for a later comparison, in the order of time: values, how many calls each stands for, and the trace it is of. */
  values: number[]
  weights: number[]
  clusters: string[]
}

/** A figure and what it should be; null where it is not known. */
export interface CandidateMetric {
  metric: string
  /** `ms`, `usd`, `tokens`, `share` (0 to 1), or another of a threshold. */
  unit: string
  current: number | null
  target: number | null
}

/** What a candidate would save in a session like the one it was last seen in. */
export interface Savings {
  ms: number
  cpu_ms: number
  tokens: number
  usd: number
  /** Calls that would not fail. */
  failures: number
}

/** A version of a function as it was recorded. */
export interface CodeSnapshot {
  /** Hash of the source, comments and white space aside. */
  variant: string
  name: string
  /** Relative to where the program ran, where it is below. */
  file: string
  line: number | null
  git_commit: string | null
  source: string
}

/** A threshold that is not kept, as the queue remembers it. */
export interface KeptViolation {
  id: string
  rule: string
  level: ViolationLevel
  metric: string
  current: number
  target: number
  unit: string
}

/** What happened to a candidate. */
export interface HistoryEntry {
  /** ISO 8601, UTC. */
  at: string
  event: 'found' | 'done' | 'closed' | 'reopened' | 'seen again' | 'kept' | 'rejected'
  session: string | null
  /** One sentence with its figures. */
  text: string
}

export interface Seen {
  session: string
  /** When the session began; ISO 8601, UTC. */
  at: string
  git_commit: string | null
}

/** A finding or a violation in the queue, over all sessions of its service. */
export interface Candidate {
  /** Id of the finding or violation: the same for the same cause in every session. */
  id: string
  service: string | null
  source: 'finding' | 'violation'
  /** Kind of the finding, rule of the violation. */
  kind: string
  level: Severity | ViolationLevel
  title: string
  state: CandidateState
  /** See `priorityOf`. */
  priority: number
  saves: Savings
  metrics: CandidateMetric[]
  violations: KeptViolation[]
  code: CodeSnapshot[]
  places: Place[]
  traces: string[]
  /** Figures and names of the finding. */
  facts: Record<string, unknown>
  recommendation: string
  next_command: string
  subject: CandidateSubject | null
  first_seen: Seen
  last_seen: Seen
  /** Why it is not closed although the last session no longer shows it. */
  waiting: string | null
  /** Sessions in a row that no longer show it. */
  absent_from: string[]
  /** When it was marked as done, or the session that closed it began; ISO 8601, UTC. */
  settled_at: string | null
  history: HistoryEntry[]
  /** The trouble, as it was measured last. */
  before: Measured | null
  /** The session that closed it, or that followed when it was marked as done. */
  after: Measured | null
}
