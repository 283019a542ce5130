import { chmodSync, renameSync, rmSync } from 'node:fs'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { databaseFile, logFile, WRITE_OPTIONS } from '../analytics/database.ts'
import { syncedSources } from '../analytics/processes.ts'
import { hotSources, type Session } from '../session.ts'
import { archiveFolder, readManifest } from './manifest.ts'
import { loadTables } from './open-archive.ts'
import { syncFile, verifyTables } from './write-archive.ts'

/** Whether a session has environments or spill files that its archive does not hold; those that only were copied or touched are none. */
export async function hasNewSources(session: Session, connection: DuckDBConnection): Promise<boolean> {
  const sources = hotSources(session)
  if (sources.length === 0) return false
  const synced = await syncedSources(connection)
  return sources.some(({ name, size }) => synced.get(name)?.size !== size)
}

/**
 * Makes session.duckdb of an archive again, under the sync lock of the caller. The archive goes when the database is whole and holds the same
 * rows; interrupted before that, the session stays archived. Throws `PerfError` when it does not.
 */
export async function restoreArchive(folder: string): Promise<void> {
  const archive = archiveFolder(folder)
  const manifest = readManifest(archive)
  const temporary = `${databaseFile(folder)}.${process.pid}.tmp`
  rmSync(temporary, { force: true })
  const instance = await DuckDBInstance.create(temporary, WRITE_OPTIONS)
  const connection = await instance.connect()
  try {
    await loadTables(connection, archive, manifest, { rows: Infinity, bytes: Infinity })
    await verifyTables(connection, manifest, 'Not restored')
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
  chmodSync(temporary, 0o600)
  syncFile(temporary)
  // Of the database that was archived: it does not belong to this one.
  rmSync(logFile(folder), { force: true })
  renameSync(temporary, databaseFile(folder))
  syncFile(folder)
  const old = `${archive}.${process.pid}.old.tmp`
  renameSync(archive, old)
  rmSync(old, { recursive: true, force: true })
}
