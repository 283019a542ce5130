import type { SessionReader } from '../../store/query.ts'
import { casesToScore, loadCases } from './cases.ts'
import { ModuleScorerProcess } from './module-scorers.ts'
import type { Judgement, ScoreRow } from './scorer.ts'
import type { ScorerSpec } from './scorer-spec.ts'

export interface ScoringOptions {
  /** Calls at most. */
  limit: number
  onProgress?: (done: number, total: number) => void
}

/** What the scorers gave. */
export interface Scoring {
  /** Of the scorers and of what they looked at: equal keys, equal scores. */
  key: string
  rows: ScoreRow[]
  /** Calls that were scored, and that there were. */
  calls: number
  total: number
}

/** Contents of so many calls are in memory at once. */
const BATCH = 500

/** Runs the scorers over the calls of a session. Throws `PerfError` when a module of scorers cannot be loaded, nothing for what scorers do. */
export async function scoreSession(reader: SessionReader, spec: ScorerSpec, options: ScoringOptions): Promise<Scoring> {
  const { ids, total } = await casesToScore(reader, options.limit)
  const rows: ScoreRow[] = []
  const modules = spec.modules.map((module) => new ModuleScorerProcess(module))
  try {
    if (ids.length > 0) for (const module of modules) await module.start()
    for (let from = 0; from < ids.length; from += BATCH) {
      for (const call of await loadCases(reader, ids.slice(from, from + BATCH))) {
        for (const { name, weight, judge } of spec.builtIn) rows.push({ spanId: call.spanId, scorer: name, weight, ...rowOf(judge(call)) })
        for (const module of modules)
          for (const name of module.names)
            rows.push({ spanId: call.spanId, scorer: name, weight: module.weight, ...(await module.judge(name, call)) })
        options.onProgress?.(Math.min(from + BATCH, ids.length), ids.length)
      }
    }
  } finally {
    for (const module of modules) module.stop()
  }
  return { key: scoringKey(spec, total, options.limit), rows, calls: ids.length, total }
}

/** Names the scores that this would give: the scorers, and how many calls there are. */
export const scoringKey = (spec: ScorerSpec, total: number, limit: number): string => `${spec.key}-${total}-${Math.min(limit, total)}`

/** Which scorers gave the scores of this key. */
export const scorersOf = (key: string): string => key.split('-')[0] ?? ''

function rowOf(judgement: Judgement): Pick<ScoreRow, 'score' | 'outcome' | 'reason'> {
  if ('score' in judgement) return { score: judgement.score, outcome: 'scored', reason: judgement.reason ?? null }
  return 'skipped' in judgement
    ? { score: null, outcome: 'skipped', reason: judgement.skipped }
    : { score: null, outcome: 'unknown', reason: judgement.unknown }
}
