import type { SessionReader } from '../../store/query.ts'
import { sessionsBefore } from '../compare/earlier-sessions.ts'
import { qualityReports, readQuality, sessionQuality, type QualityReport, type SessionQuality } from './baselines.ts'
import { scorersOf } from './score-session.ts'
import { scoreReport, type ScoreReport } from './score-report.ts'

/** Quality as the scores say that a session, and earlier ones of its service, hold already. */
export interface KeptQuality {
  scores: ScoreReport
  /** Names of the earlier sessions, the oldest first. */
  earlier: string[]
  /** Each agent, tool and model against its own scores in these, drops first. */
  quality: QualityReport[]
}

/** Earlier sessions of the service that make the baseline. */
export const MOST_EARLIER = 10

/** What the scores of a session say, beside those that earlier ones hold of the same scorers; null where none ran in this one. */
export async function keptQuality(reader: SessionReader, limit: number): Promise<KeptQuality | null> {
  const scorers = await keptScorers(reader)
  if (scorers === undefined) return null
  const scores = await scoreReport(reader, limit)
  if (scores === undefined) return null
  const past: SessionQuality[] = []
  for (const session of sessionsBefore(reader.session).slice(0, MOST_EARLIER)) {
    const quality = await readQuality(session, async (other) => (await keptScorers(other)) === scorers)
    if (quality !== undefined) past.push(quality)
  }
  past.sort((a, b) => a.startedAt - b.startedAt)
  return { scores, earlier: past.map(({ session }) => session), quality: qualityReports(await sessionQuality(reader), past) }
}

/** Which scorers gave the scores that a session holds. */
async function keptScorers(reader: SessionReader): Promise<string | undefined> {
  const [kept] = await reader.rows<{ value: string }>(`SELECT value FROM store.meta WHERE key = 'scores_key'`)
  return kept === undefined ? undefined : scorersOf(kept.value)
}
