import { sessionsBefore } from '../analysis/compare/earlier-sessions.ts'
import { earlierQuality, qualityReports, sessionQuality, type QualityReport } from '../analysis/scoring/baselines.ts'
import { MOST_EARLIER } from '../analysis/scoring/kept-quality.ts'
import { ensureScores, type EnsuredScores } from '../analysis/scoring/ensure-scores.ts'
import { scoreReport, type ScoreReport } from '../analysis/scoring/score-report.ts'
import { readScorerSpec, type ScorerSpec } from '../analysis/scoring/scorer-spec.ts'
import { readConfig } from '../config.ts'
import type { SessionReader } from '../store/query.ts'
import type { Session } from '../store/session.ts'
import type { CommonOptions } from './command.ts'
import { findSession, openNamedSession } from './open.ts'
import { counted } from './render/format.ts'
import { showProgress } from './render/progress.ts'

/** Quality of a session: what the scorers gave, and how that compares with earlier sessions of the service. */
export interface Quality {
  /** Null where there was nothing to score. */
  scores: ScoreReport | null
  /** Calls of this session that scorers looked at, and that there are; null where the scores were kept. */
  scored: { calls: number; total: number } | null
  /** The scores could not be stored. */
  unsaved: boolean
  earlier: string[]
  quality: QualityReport[]
}

export interface ScoreOptions extends CommonOptions {
  scorers?: string
  limit: number
  again?: boolean
}

/** Calls that are scored where nothing else is said. */
export const USUAL_CALLS = 2000

/**
 * Runs the scorers where this session, or an earlier one of its service, does not hold their scores yet. The session must not be open.
 * Throws `UsageError` for scorers that do not exist.
 */
export async function scoreSessions(options: ScoreOptions): Promise<{ earlier: Session[]; ensured: EnsuredScores }> {
  const spec = readScorerSpec(options.scorers ?? readConfig(process.env, process.cwd()).scorers, process.cwd())
  const session = findSession(options)
  const ensured = await scoreOne(session, spec, options, () => openNamedSession(options))
  if (ensured.state === 'nothing to score') return { earlier: [], ensured }
  const earlier: Session[] = []
  for (const past of sessionsBefore(session).slice(0, MOST_EARLIER)) {
    try {
      const done = await scoreOne(past, spec, options)
      if (done.state === 'kept' || done.state === 'scored') earlier.push(past)
    } catch {
      // One that cannot be read is no baseline; `perf-agent report --session` says why.
    }
  }
  return { earlier, ensured }
}

/** What the scores of an open session say, beside those of the earlier ones. */
export async function qualityOf(
  reader: SessionReader,
  earlier: readonly Session[],
  ensured: EnsuredScores,
  limit: number,
): Promise<Quality> {
  const past = await earlierQuality(earlier)
  return {
    scores: (await scoreReport(reader, limit)) ?? null,
    scored: ensured.scoring === undefined ? null : { calls: ensured.scoring.calls, total: ensured.scoring.total },
    unsaved: ensured.state === 'unsaved',
    earlier: past.map(({ session }) => session),
    quality: qualityReports(await sessionQuality(reader), past),
  }
}

async function scoreOne(
  session: Session,
  spec: ScorerSpec,
  options: ScoreOptions,
  open?: () => Promise<SessionReader>,
): Promise<EnsuredScores> {
  const progress = showProgress(`Scoring ${session.name}`)
  try {
    return await ensureScores(session, spec, {
      limit: options.limit,
      ...(options.again === true && { again: true }),
      ...(open !== undefined && { open }),
      onProgress: (done, total) => progress.update(`${done} of ${counted(total, 'call')}`),
    })
  } finally {
    progress.end()
  }
}
