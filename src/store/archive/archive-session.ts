import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { PerfError, SessionUnreadableError } from '../../errors.ts'
import { checkPath, databaseFile, logFile, openDatabase } from '../analytics/database.ts'
import { acquireSyncLock } from '../analytics/lock.ts'
import { syncedSources } from '../analytics/processes.ts'
import { pendingSources, syncSession, type SyncOptions } from '../analytics/sync.ts'
import { sessionState, type ProcessState } from '../liveness.ts'
import { hotSources, type Session } from '../session.ts'
import { archiveFolder, isArchived, readManifest, type ArchiveManifest } from './manifest.ts'
import { quoted } from './open-archive.ts'
import { compressSnapshots } from './compress-snapshots.ts'
import { syncFile, writeArchive } from './write-archive.ts'

/** What archiving a session did. */
export interface ArchiveResult {
  session: string
  outcome: 'archived' | 'already archived'
  tables: number
  rows: number
  /** Files that stay because they could not be read: the reason by name. */
  kept: { file: string; reason: string }[]
}

/** A session that is still being recorded. */
export class SessionLiveError extends PerfError {
  constructor(session: string) {
    super('SESSION_LIVE', `Session ${session} is still being recorded; try again when its processes have ended.`)
  }
}

/**
 * Moves a session's records into Parquet files (`archive/`), reads them back, and only then removes session.duckdb and the hot store; profiles
 * and heap snapshots stay, compressed. Interrupted at any point it leaves the session readable, and the next call finishes it.
 * Throws `SessionLiveError` while one of its processes runs.
 */
export async function archiveSession(
  session: Session,
  options: SyncOptions & { agent: string; onTable?: (table: string) => void },
): Promise<ArchiveResult> {
  await compressSnapshots(session)
  await syncSession(session, options)
  const release = await acquireSyncLock(session.folder, options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs })
  try {
    removeTemporary(session.folder)
    if (isArchived(session.folder)) {
      const kept = await removeHot(session)
      return { ...figures(session, readManifest(archiveFolder(session.folder))), outcome: 'already archived', kept }
    }
    const manifest = await replaceDatabase(session, options)
    return { ...figures(session, manifest), outcome: 'archived', kept: await removeHot(session) }
  } finally {
    release()
  }
}

function figures(session: Session, { tables }: ArchiveManifest): Pick<ArchiveResult, 'session' | 'tables' | 'rows'> {
  const filled = Object.values(tables).filter(({ rows }) => rows > 0)
  return { session: session.name, tables: filled.length, rows: filled.reduce((sum, { rows }) => sum + rows, 0) }
}

async function replaceDatabase(session: Session, options: { agent: string; onTable?: (table: string) => void }): Promise<ArchiveManifest> {
  const temporary = `${archiveFolder(session.folder)}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`
  const { connection, close } = await openForExport(session.folder)
  let manifest: ArchiveManifest
  try {
    const states = await connection.runAndReadAll('SELECT state FROM store.processes')
    const state = sessionState(states.getRows().map(([value]) => String(value) as ProcessState))
    if (state === 'live' || (await pendingSources(session, connection)).length > 0) throw new SessionLiveError(session.name)
    manifest = await writeArchive(
      connection,
      temporary,
      { session: session.name, agent: options.agent, state },
      options.onTable ?? (() => {}),
    )
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true })
    throw error
  } finally {
    close()
  }
  // From here on the archive is whole. What it was made of goes last: whoever looks meanwhile finds the database or the archive.
  const folder = archiveFolder(session.folder)
  if (existsSync(folder)) renameSync(folder, `${folder}.${process.pid}.old.tmp`)
  renameSync(temporary, folder)
  syncFile(session.folder)
  // Its log goes after it: a database without its log would be read, and lack what stands there.
  renameSync(databaseFile(session.folder), `${databaseFile(session.folder)}.${process.pid}.tmp`)
  removeTemporary(session.folder)
  return manifest
}

/** session.duckdb beside a database in memory: one that is open for reading alone may not write files. */
async function openForExport(folder: string): Promise<{ connection: DuckDBConnection; close(): void }> {
  checkPath(folder)
  const instance = await DuckDBInstance.create(':memory:', { autoinstall_known_extensions: 'false' })
  const connection = await instance.connect()
  const close = (): void => {
    connection.closeSync()
    instance.closeSync()
  }
  try {
    await connection.run(`ATTACH ${quoted(databaseFile(folder))} AS session (READ_ONLY)`)
    await connection.run('USE session')
    // Each thread holds a row group of the file it writes: with four threads and no limit 1 M spans took 820 MB.
    await connection.run(
      `SET threads = 2; SET memory_limit = '400MB'; SET temp_directory = ${quoted(`${archiveFolder(folder)}.spill.tmp`)}`,
    )
    return { connection, close }
  } catch (error) {
    close()
    throw new SessionUnreadableError(`${databaseFile(folder)} cannot be opened (${firstLine(error)}).`, { cause: error })
  }
}

const firstLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0]?.slice(0, 200) ?? ''

/** Removes the hot store as far as the archive holds it, and gives what stays. */
async function removeHot(session: Session): Promise<ArchiveResult['kept']> {
  const folder = path.join(session.folder, 'hot')
  const kept: ArchiveResult['kept'] = []
  const { connection, close } = await openDatabase(session.folder, 'read')
  try {
    const synced = await syncedSources(connection)
    const partial = await partlyRead(connection)
    const living = new Set<string>()
    for (const source of hotSources(session)) {
      const known = synced.get(source.name)
      const reason =
        known === undefined || known.size !== source.size
          ? 'not in the archive'
          : (known.problem ?? (partial.has(source.instance) ? 'holds records this version cannot read' : null))
      if (reason === null) rmSync(source.path, { recursive: true, force: true })
      else {
        kept.push({ file: `hot/${source.name}`, reason })
        living.add(source.instance)
      }
    }
    for (const name of existsSync(folder) ? readdirSync(folder) : [])
      if (/\.(read\.json|sock|sock\.path)$/.test(name) && !living.has(name.split('.')[0] ?? ''))
        rmSync(path.join(folder, name), { force: true })
    if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder)
  } finally {
    close()
  }
  return kept
}

/** Process instances of which a sync met records it did not know or could not decode: only the hot store holds these. */
async function partlyRead(connection: DuckDBConnection): Promise<Set<string>> {
  const rows = await connection.runAndReadAll(`SELECT DISTINCT instance FROM store.counters JOIN store.processes USING (process)
    WHERE name IN ('unknown_records', 'unknown_attributes', 'damaged_records', 'damaged_blocks') AND value > 0`)
  return new Set(rows.getRows().map(([instance]) => String(instance)))
}

/** What an interrupted archiving left, the log of a database that is gone included. */
function removeTemporary(folder: string): void {
  if (isArchived(folder)) rmSync(logFile(folder), { force: true })
  for (const name of readdirSync(folder))
    if (/^archive\..*\.tmp$|^session\.duckdb\..*\.tmp$/.test(name)) rmSync(path.join(folder, name), { recursive: true, force: true })
}
