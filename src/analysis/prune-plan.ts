import { isLive } from '../store/remove-session.ts'
import { listSessions, type Session } from '../store/session.ts'
import { folderBytes } from './sessions.ts'

/** Limits a folder of sessions is brought below; those that are left out do not count. */
export interface PruneLimits {
  /** Oldest start, in milliseconds before now, and how the user wrote it. */
  older?: { ms: number; text: string }
  /** How many of the newest stay: whatever the other limits say, or as the only limit. */
  keep?: number
  /** How many bytes stay, and how the user wrote it. */
  maxSize?: { bytes: number; text: string }
}

/** A session that would go, with every limit that says so. */
export interface PlannedRemoval {
  session: Session
  bytes: number
  reasons: string[]
}

/** What would go and what stays, newest first. */
export interface PrunePlan {
  removals: PlannedRemoval[]
  /** Beyond a limit, and stay nevertheless: why. */
  spared: { session: string; reason: string }[]
  staying: { sessions: number; bytes: number }
}

/** A session with this tag is never pruned. */
const KEEP_TAG = 'keep'

/**
 * Which sessions go: each that is older than `older`, and then the oldest until the rest fits into `maxSize`, but none of the newest `keep`; with
 * `keep` alone, each beyond those. Sessions that are tagged `keep` or still run count for every limit and never go.
 */
export async function planPrune(dir: string, limits: PruneLimits, now = Date.now()): Promise<PrunePlan> {
  const { keep } = limits
  const isAlone = limits.older === undefined && limits.maxSize === undefined
  const entries = listSessions(dir).map((session, i) => ({
    session,
    bytes: folderBytes(session.folder),
    isNewest: keep !== undefined && i < keep,
    reasons: [...ageReason(session, limits, now), ...(isAlone && keep !== undefined && i >= keep ? [`beyond the newest ${keep}`] : [])],
  }))
  const spared: PrunePlan['spared'] = []
  const isSpared = async ({ session, isNewest }: (typeof entries)[number]): Promise<boolean> => {
    const reason = session.tags.includes(KEEP_TAG)
      ? `tagged ${KEEP_TAG}`
      : isNewest
        ? keep === 1
          ? 'the newest'
          : `one of the newest ${keep}`
        : (await isLive(session))
          ? 'still being recorded'
          : undefined
    if (reason !== undefined) spared.push({ session: session.name, reason })
    return reason !== undefined
  }
  for (const entry of entries) if (entry.reasons.length > 0 && (await isSpared(entry))) entry.reasons = []
  const sum = (): number => entries.reduce((total, { bytes, reasons }) => total + (reasons.length > 0 ? 0 : bytes), 0)
  let left = sum()
  for (const entry of entries.toReversed()) {
    if (limits.maxSize === undefined || left <= limits.maxSize.bytes) break
    if (entry.reasons.length > 0 || spared.some(({ session }) => session === entry.session.name) || (await isSpared(entry))) continue
    entry.reasons.push(`all together more than ${limits.maxSize.text}`)
    left -= entry.bytes
  }
  const removals = entries.filter(({ reasons }) => reasons.length > 0)
  return { removals, spared, staying: { sessions: entries.length - removals.length, bytes: left } }
}

function ageReason({ startedAt }: Session, { older }: PruneLimits, now: number): string[] {
  return older !== undefined && startedAt !== undefined && now - startedAt.getTime() > older.ms ? [`older than ${older.text}`] : []
}
