import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { SessionUnreadableError } from '../../errors.ts'
import type { ProcessState } from '../liveness.ts'

/** Version of the archive's layout. */
export const ARCHIVE_VERSION = 1

/** What `archive/manifest.json` says; a folder without one is no archive. */
export interface ArchiveManifest {
  v: number
  session: string
  agent: string
  archivedAt: string
  /** Version of the tables. */
  schemaVersion: number
  /** State of the session when it was archived. */
  state: ProcessState | 'empty'
  tables: Record<string, ArchivedTable>
}

/** A table of the schema `store`. */
export interface ArchivedTable {
  rows: number
  /** Sum of the hashes of all rows, by DuckDB's `hash`; what was read back from the file before the session was removed. */
  checksum: string | null
  /** `CREATE TABLE` statement. */
  ddl: string
  /** SQL types by column, in order. */
  columns: Record<string, string>
  /** Parquet file in `archive/`, zstd; `null` for a table without rows. */
  file: string | null
  bytes: number
}

/** Folder of a session's archive. */
export const archiveFolder = (folder: string): string => path.join(folder, 'archive')

/** Whether a session's records are in Parquet files instead of session.duckdb. */
export function isArchived(folder: string): boolean {
  return !existsSync(path.join(folder, 'session.duckdb')) && existsSync(path.join(archiveFolder(folder), 'manifest.json'))
}

/** Reads the manifest of an archive. Throws `SessionUnreadableError` with the reason. */
export function readManifest(archive: string): ArchiveManifest {
  const file = path.join(archive, 'manifest.json')
  let manifest: Partial<ArchiveManifest>
  try {
    manifest = JSON.parse(readFileSync(file, 'utf8')) as Partial<ArchiveManifest>
  } catch (error) {
    throw new SessionUnreadableError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'not valid JSON'}).`, {
      cause: error,
    })
  }
  if (typeof manifest.tables !== 'object' || typeof manifest.session !== 'string' || typeof manifest.schemaVersion !== 'number')
    throw new SessionUnreadableError(`${file} is not the manifest of an archive.`)
  if ((manifest.v ?? 0) > ARCHIVE_VERSION)
    throw new SessionUnreadableError(
      `${file} was written by a newer version (archive ${manifest.v}, this one knows ${ARCHIVE_VERSION}); update @perf/agent to read it.`,
    )
  return manifest as ArchiveManifest
}
