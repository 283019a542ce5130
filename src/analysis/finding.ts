import type { Json } from '@duckdb/node-api'

/** How much a finding matters in its session. */
export type Severity = 'high' | 'medium' | 'low'

/** What a finding costs, in total over the session; null where it is not known. Times in milliseconds. */
export interface FindingCost {
  /** How often it happened. */
  calls: number
  total_ms: number | null
  per_call_ms: number | null
  cpu_ms: number | null
  tokens: number | null
  usd: number | null
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
  traces?: readonly (string | null)[]
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
  find(rows: Row[], session: SessionFacts): Draft[]
}

/**
 * The spans, with the HTTP requests of an AI client under the name of the AI call they belong to: that is what its user knows.
 * `is_wrapper`: an AI span whose call another one counts.
 */
export const CALLS = `SELECT s.* REPLACE (coalesce(ai.name, s.name) AS name, coalesce(ai.layer, s.layer) AS layer), ai.name IS NOT NULL AS is_transport,
    w.span_id IS NOT NULL AS is_wrapper
  FROM spans s LEFT JOIN (SELECT span_key, name, layer FROM spans WHERE layer = 'ai') ai ON ai.span_key = CASE WHEN s.layer = 'http' THEN s.parent_key END
    LEFT JOIN store.ai_uncounted w ON w.span_id = s.span_key`

/** Types the rows of a kind of finding. */
export function defineFinding<Row>(definition: FindingKind<Row>): FindingKind {
  return definition
}
