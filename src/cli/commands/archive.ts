import { folderBytes } from '../../analysis/sessions.ts'
import { PerfError, UsageError } from '../../errors.ts'
import { acquireSyncLock } from '../../store/analytics/lock.ts'
import { archiveSession, SessionLiveError, type ArchiveResult } from '../../store/archive/archive-session.ts'
import { isArchived } from '../../store/archive/manifest.ts'
import { restoreArchive } from '../../store/archive/restore-archive.ts'
import { listSessions, resolveSession, type Session } from '../../store/session.ts'
import type { CommonOptions } from '../command.ts'
import { ownPrices, sessionsDir } from '../open.ts'
import { durationOption } from '../options.ts'
import { bytes, counted, share } from '../render/format.ts'
import { showProgress } from '../render/progress.ts'
import { agentVersion } from '../version.ts'

type ArchiveOptions = CommonOptions & { older?: string; restore?: boolean }

type Outcome = Partial<Omit<ArchiveResult, 'outcome'>> & { session: string; outcome: string; bytes_before: number; bytes_after: number }

/** `perf-agent archive <sessions…>` or `--older 7d`: packs finished sessions; exit 1 when one could not be. */
export async function archive(which: string[], options: ArchiveOptions): Promise<number> {
  const sessions = choose(which, options)
  const outcomes: Outcome[] = []
  let failed = false
  for (const session of sessions) {
    try {
      outcomes.push(await pack(session, options))
    } catch (error) {
      // Of many chosen by age, one that is still recorded is no mistake of the user.
      if (!(error instanceof PerfError) || sessions.length === 1) throw error
      failed ||= !(error instanceof SessionLiveError)
      const size = folderBytes(session.folder)
      outcomes.push({ session: session.name, outcome: error.message, bytes_before: size, bytes_after: size })
    }
  }
  process.stdout.write(options.json === true ? `${JSON.stringify(outcomes)}\n` : describe(outcomes, options))
  return failed ? 1 : 0
}

function choose(which: readonly string[], options: ArchiveOptions): Session[] {
  const dir = sessionsDir(options)
  const named = [...which, ...(options.session === undefined ? [] : [options.session])].map((name) => resolveSession(dir, name))
  if (options.older === undefined) {
    if (named.length === 0) throw new UsageError('Say which sessions: perf-agent archive last, or perf-agent archive --older 7d')
    return [...new Map(named.map((session) => [session.folder, session])).values()]
  }
  const before = Date.now() - durationOption('--older', options.older)
  const from = named.length > 0 ? named : listSessions(dir)
  return from.filter(
    ({ folder, startedAt }) => (startedAt?.getTime() ?? Infinity) < before && isArchived(folder) === (options.restore === true),
  )
}

async function pack(session: Session, options: ArchiveOptions): Promise<Outcome> {
  const before = folderBytes(session.folder)
  const progress = showProgress(`${options.restore === true ? 'Unpacking' : 'Packing'} ${session.name}`)
  try {
    if (options.restore === true) return { ...(await restore(session)), bytes_before: before, bytes_after: folderBytes(session.folder) }
    const result = await archiveSession(session, {
      agent: agentVersion(),
      prices: await ownPrices(),
      onProgress: ({ spans }) => progress.update(counted(spans, 'new span')),
      onTable: (table) => progress.update(table),
    })
    return { ...result, bytes_before: before, bytes_after: folderBytes(session.folder) }
  } finally {
    progress.end()
  }
}

async function restore(session: Session): Promise<{ session: string; outcome: string }> {
  const release = await acquireSyncLock(session.folder)
  try {
    if (!isArchived(session.folder)) return { session: session.name, outcome: 'not archived' }
    await restoreArchive(session.folder)
    return { session: session.name, outcome: 'restored' }
  } finally {
    release()
  }
}

function describe(outcomes: readonly Outcome[], { older }: ArchiveOptions): string {
  if (outcomes.length === 0) return `No session is older than ${older}.\n`
  const lines = outcomes.flatMap(({ session, outcome, rows, kept = [], bytes_before: before, bytes_after: after }) => {
    const sizes = before === after ? '' : `  ${bytes(before)} -> ${bytes(after)} (${share(after, before)})`
    const what =
      outcome === 'archived'
        ? `archived, ${counted(rows ?? 0, 'row')} read back`
        : outcome.replace(`Session ${session} is`, 'not archived: it is')
    return [`${session}: ${what}${sizes}`, ...kept.map(({ file, reason }) => `! kept ${file}: ${reason}`)]
  })
  const sum = (key: 'bytes_before' | 'bytes_after'): number => outcomes.reduce((total, outcome) => total + outcome[key], 0)
  if (outcomes.length > 1)
    lines.push(`${counted(outcomes.length, 'session')}  ${bytes(sum('bytes_before'))} -> ${bytes(sum('bytes_after'))}`)
  return `${lines.join('\n')}\n`
}
