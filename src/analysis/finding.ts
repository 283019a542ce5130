import type { Json } from '@duckdb/node-api'
import type { SessionReader } from '../store/query.ts'

/** How much a finding matters in its session. */
export type Severity = 'high' | 'medium' | 'low'

/** Nobody notices less per trace, in milliseconds: of fast traces, too, something takes a large share. */
export const NOTICED_MS = 10

/** What a finding costs, in total over the session; null where it is not known. Times in milliseconds. */
export interface FindingCost {
  /** How often it happened. */
  calls: number
  total_ms: number | null
  per_call_ms: number | null
  cpu_ms: number | null
  per_call_cpu_ms: number | null
  tokens: number | null
  per_call_tokens: number | null
  usd: number | null
  per_call_usd: number | null
}

/** A place in the app's source. */
export interface Place {
  file: string
  line: number | null
  function: string | null
}

/** What a finding rests on. */
export interface Evidence {
  /** SQL over the views that shows it. */
  query: string
  /** Ids of up to three traces in which it happened. */
  traces: string[]
  places: Place[]
  /** Figures and names, ready to print. */
  facts: Record<string, Json>
}

/** One result of the analysis: what is wrong, what it costs, why we think so, what to do. */
export interface Finding {
  /** `<kind>-<8 hex>`: the same for the same cause in every session. */
  id: string
  kind: string
  severity: Severity
  /** One sentence. */
  title: string
  cost: FindingCost
  evidence: Evidence
  /** What to do, markdown. */
  advice: string
  /** A command that shows more. */
  next_command: string
}

/** What a kind of finding gives for one cause; the rest of the `Finding` is derived. */
export interface Draft {
  /** Names the cause within its kind, independent of the session: a route and a statement, a model, … */
  key: string
  title: string
  /** When left out: by the share of the session's time that `cost.total_ms` is. */
  severity?: Severity
  cost: Partial<FindingCost> & { calls: number }
  /** Spans whose own CPU time, as far as it was sampled, is its cost in CPU where `cost` gives none; `share` of it, 0 to 1. */
  cpu?: { layer: string; name: string; share?: number }
  traces?: readonly (string | null)[]
  /** When left out: looked up by the facts `call`, `second`, `first`, `statement`, `most_time_in`, `tool`, `span`, `name`, `parent` and `caller`, which name spans of the first trace. */
  places?: Place[]
  facts?: Record<string, Json>
  /** When left out: the query of the kind. */
  query?: string
  advice: string
  /** When left out: the first trace, else the finding itself. */
  next_command?: string
}

/** What every kind may know of the session besides its rows. */
export interface SessionFacts {
  /** Sum of the durations of all traces, in milliseconds, weighted by sampling. */
  busy_ms: number
  traces: number
  duration_ms: number
}

/** A kind of finding: rows of one query in, findings out; a pure function. */
export interface FindingKind<Row = unknown> {
  /** kebab-case; the name of its file and the beginning of its ids. */
  kind: string
  /** One sentence for the documentation. */
  about: string
  /** Over the views of docs/sql-views.md only. */
  sql: string
  /** Reads the rows where one query cannot; else they are those of `sql`, which is the evidence either way. */
  read?(reader: SessionReader): Promise<Row[]>
  find(rows: Row[], session: SessionFacts): Draft[]
}

/** Types the rows of a kind of finding. */
export function defineFinding<Row>(definition: FindingKind<Row>): FindingKind {
  return definition
}
