import { FolderNotWritableError } from '../../errors.ts'
import { storeScores } from '../../store/analytics/scores.ts'
import { openSession, type SessionReader } from '../../store/query.ts'
import type { Session } from '../../store/session.ts'
import { countCases } from './cases.ts'
import { scoreSession, scoringKey, type Scoring, type ScoringOptions } from './score-session.ts'
import type { ScorerSpec } from './scorer-spec.ts'

/** What was done: `kept` where the session holds these scores already; `unsaved` where its folder cannot be written. */
export interface EnsuredScores {
  state: 'kept' | 'scored' | 'unsaved' | 'nothing to score'
  scoring: Scoring | undefined
}

/** Opens a session, brought up to date or as it is. */
type Open = () => Promise<SessionReader>

/** Sees to it that the view `scores` of a session holds what these scorers give. */
export async function ensureScores(
  session: Session,
  spec: ScorerSpec,
  options: ScoringOptions & { open?: Open; again?: boolean },
): Promise<EnsuredScores> {
  const reader = await (options.open ?? (() => openSession(session)))()
  let scoring: Scoring
  try {
    const total = await countCases(reader)
    if (total === 0) return { state: 'nothing to score', scoring: undefined }
    const [kept] = await reader.rows<{ value: string }>(`SELECT value FROM store.meta WHERE key = 'scores_key'`)
    if (options.again !== true && kept?.value === scoringKey(spec, total, options.limit)) return { state: 'kept', scoring: undefined }
    scoring = await scoreSession(reader, spec, options)
  } finally {
    // A database that is open for reading excludes the writer.
    reader.close()
  }
  try {
    await storeScores(session, scoring.key, scoring.rows)
    return { state: 'scored', scoring }
  } catch (error) {
    if (!(error instanceof FolderNotWritableError)) throw error
    return { state: 'unsaved', scoring }
  }
}
