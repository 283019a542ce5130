import type { SessionReader } from '../../store/query.ts'

/** What one scorer gave; counts of calls are weighted by sampling, those of its failures are not. */
export interface ScorerReport {
  scorer: string
  weight: number
  scored: number
  mean: number | null
  /** Share of scores below one half. */
  low: number | null
  skipped: number
  /** Could not be judged for want of recorded content. */
  unknown: number
  threw: number
  timeout: number
  invalid: number
  /** The most frequent reason of the worst of it: failures, else what is not known, else low scores. */
  reason: string | null
}

/** The calls with the lowest scores. */
export interface LowScore {
  span_id: string
  trace_id: string
  name: string
  score: number
  reasons: string
}

export interface ScoreReport {
  calls: number
  /** Weighted mean over all calls and scorers. */
  overall: number | null
  scorers: ScorerReport[]
  lowest: LowScore[]
}

/** Per call: the weighted mean of its scores. */
export const CALL_SCORES = `SELECT span_id, any_value(trace_id) AS trace_id, any_value(layer) AS layer, any_value(name) AS name, any_value(tool) AS tool, any_value(agent) AS agent,
    any_value(model) AS model, any_value(start_time) AS start_time, any_value(weight) AS weight, sum(score * scorer_weight) / sum(scorer_weight) AS score,
    string_agg(scorer || coalesce(': ' || reason, ''), '; ' ORDER BY scorer) FILTER (score < 0.5) AS reasons
  FROM scores WHERE score IS NOT NULL AND scorer_weight > 0 GROUP BY span_id`

/** What the scorers gave in a session; undefined where none ran. */
export async function scoreReport(reader: SessionReader, limit: number): Promise<ScoreReport | undefined> {
  const calls = (which: string): string => `round(coalesce(sum(weight) FILTER (${which}), 0))::BIGINT`
  const scorers = await reader.rows<ScorerReport>(
    `WITH reasons AS (SELECT scorer, reason, sum(weight) AS weight,
         CASE WHEN outcome IN ('threw', 'timeout', 'invalid') THEN 1 WHEN score < 0.5 THEN 2 WHEN outcome = 'unknown' THEN 3 END AS rank
       FROM scores WHERE reason IS NOT NULL GROUP BY ALL HAVING rank IS NOT NULL)
     SELECT scorer, any_value(scorer_weight) AS weight, ${calls('score IS NOT NULL')} AS scored, sum(score * weight) / nullif(sum(weight) FILTER (score IS NOT NULL), 0) AS mean,
       coalesce(sum(weight) FILTER (score < 0.5), 0) / nullif(sum(weight) FILTER (score IS NOT NULL), 0) AS low, ${calls(`outcome = 'skipped'`)} AS skipped, ${calls(`outcome = 'unknown'`)} AS unknown,
       count(*) FILTER (outcome = 'threw') AS threw, count(*) FILTER (outcome = 'timeout') AS timeout, count(*) FILTER (outcome = 'invalid') AS invalid,
       (SELECT arg_min(r.reason, (r.rank, -r.weight, r.reason)) FROM reasons r WHERE r.scorer = s.scorer) AS reason
     FROM scores s GROUP BY scorer ORDER BY mean NULLS LAST, scorer`,
  )
  if (scorers.length === 0) return undefined
  const [sums] = await reader.rows<{ calls: number; overall: number | null }>(
    `SELECT round(coalesce(sum(weight), 0))::BIGINT AS calls, sum(score * weight) / sum(weight) AS overall FROM (${CALL_SCORES})`,
  )
  const lowest = await reader.rows<LowScore>(
    `SELECT span_id, trace_id, name, score, reasons FROM (${CALL_SCORES}) WHERE score < 0.75 AND reasons IS NOT NULL ORDER BY score, span_id LIMIT ${limit}`,
  )
  return { calls: sums?.calls ?? 0, overall: sums?.overall ?? null, scorers, lowest }
}
