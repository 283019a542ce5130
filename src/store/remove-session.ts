import { randomBytes } from 'node:crypto'
import { existsSync, lstatSync, readdirSync, realpathSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { FolderNotWritableError, PerfError, SessionBusyError, UsageError } from '../errors.ts'
import { databaseFile, hasDatabase } from './analytics/database.ts'
import { acquireSyncLock } from './analytics/lock.ts'
import { openSource } from './analytics/source.ts'
import { archiveFolder } from './archive/manifest.ts'
import { lockFile } from './archive/open-archive.ts'
import { hotSources, type Session } from './session.ts'

const REMOVED = '.removed'

/**
 * Removes a session's folder: first out of sight by renaming, then file by file. Throws `PerfError` and leaves it while a process of it runs, or
 * another one reads or syncs it, and where it is no folder of its own below `sessions/`.
 */
export async function removeSession(session: Session): Promise<void> {
  if (
    path.basename(path.dirname(session.folder)) !== 'sessions' ||
    lstatSync(session.folder, { throwIfNoEntry: false })?.isDirectory() !== true
  )
    throw new UsageError(`${session.folder} is not a folder below 'sessions': remove it by hand`)
  const release = await lockOf(session)
  try {
    if (await isLive(session)) throw new PerfError('SESSION_LIVE', 'still being recorded')
    const held = await holdForRemoval([databaseFile(session.folder), lockFile(archiveFolder(session.folder))])
    const aside = path.join(path.dirname(session.folder), `.${session.name}.${randomBytes(4).toString('hex')}${REMOVED}`)
    try {
      // Windows renames no folder with open files in it.
      if (process.platform === 'win32') held.close()
      renameSync(session.folder, aside)
    } catch (error) {
      throw new FolderNotWritableError(`cannot be removed (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`, { cause: error })
    } finally {
      held.close()
    }
    removeAside(aside)
  } finally {
    release()
  }
}

/** How long a process may take from session.json to its first record. */
const STARTING_MS = 60_000

/** Whether one of a session's processes runs, as far as can be told: one that has just started or cannot be read while it is written counts. */
export async function isLive(session: Session, now = Date.now()): Promise<boolean> {
  const sources = hotSources(session)
  const dir = path.resolve(session.folder, '..', '..')
  for (const source of sources) {
    const reader = await openSource(source, dir)
    const { state, process, isFinal } = reader
    await reader.close()
    if (state === 'live' || (process === undefined && !isFinal)) return true
  }
  const isWritten = sources.length > 0 || hasDatabase(session.folder)
  return !isWritten && session.startedAt !== undefined && Math.abs(now - session.startedAt.getTime()) < STARTING_MS
}

function removeAside(aside: string): void {
  try {
    rmSync(aside, { recursive: true, force: true, maxRetries: 3 })
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    throw new FolderNotWritableError(`removed in part (${code}); the rest is in ${aside}`, { cause: error })
  }
}

async function lockOf(session: Session): Promise<() => void> {
  try {
    return await acquireSyncLock(session.folder, { timeoutMs: 0 })
  } catch (error) {
    if (error instanceof SessionBusyError) throw new SessionBusyError('being synced by another process')
    throw error
  }
}

/** Opens databases for writing, which no process that reads them allows. Throws `SessionBusyError`. */
async function holdForRemoval(files: readonly string[]): Promise<{ close(): void }> {
  const open: DuckDBInstance[] = []
  const close = (): void => {
    for (const instance of open.splice(0)) instance.closeSync()
  }
  for (const file of files) {
    if (!existsSync(file)) continue
    try {
      open.push(await DuckDBInstance.create(file))
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      // One that is damaged nobody reads.
      if (!message.includes('Could not set lock')) continue
      close()
      throw new SessionBusyError(`being read by process ${/PID (\d+)/.exec(message)?.[1] ?? '?'}`)
    }
  }
  return { close }
}

/** A file or folder that nothing needs any more. */
export interface Leftover {
  path: string
  reason: string
}

/** An hour: what is younger may belong to somebody who works on it. */
const YOUNG_MS = 3_600_000

/** What interrupted writes, archives and removals left behind, and damaged environments that were set aside; nothing of running sessions. */
export async function findLeftovers(dir: string, sessions: readonly Session[], now = Date.now()): Promise<Leftover[]> {
  const found: Leftover[] = []
  const look = (folder: string, reasonOf: (name: string) => string | undefined): void => {
    for (const name of namesIn(folder)) {
      const file = path.join(folder, name)
      const reason = reasonOf(name)
      const changedMs = lstatSync(file, { throwIfNoEntry: false })?.mtimeMs ?? now
      if (reason !== undefined && now - changedMs > YOUNG_MS) found.push({ path: file, reason })
    }
  }
  look(realFolder(path.join(dir, 'sessions')), (name) =>
    name.startsWith('.') && name.endsWith(REMOVED) ? 'left by an interrupted removal' : undefined,
  )
  for (const session of sessions) {
    const before = found.length
    look(session.folder, temporary)
    for (const inner of ['heap', 'profiles']) look(path.join(session.folder, inner), temporary)
    look(path.join(session.folder, 'hot'), (name) => (name.includes('.lmdb.damaged-') ? 'damaged, set aside' : temporary(name)))
    if (found.length > before && (await isLive(session))) found.length = before
  }
  return found
}

const temporary = (name: string): string | undefined =>
  name.endsWith('.tmp') || name.endsWith('.stale') ? 'left by an interrupted write' : undefined

/** `sessions/` itself may be a link. */
function realFolder(folder: string): string {
  return existsSync(folder) ? realpathSync(folder) : folder
}

/** Of a link to another folder nothing: what is there does not belong to the session. */
function namesIn(folder: string): string[] {
  try {
    return lstatSync(folder).isDirectory() ? readdirSync(folder) : []
  } catch {
    return []
  }
}
