import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { PerfError } from '../../errors.ts'
import { SCHEMA_VERSION } from '../analytics/schema.ts'
import { ARCHIVE_VERSION, archiveFolder, isArchived, readManifest, type ArchivedTable, type ArchiveManifest } from './manifest.ts'
import { fileColumns, lockFile, openArchive, quoted, tableColumns } from './open-archive.ts'

/**
 * Writes every table of an open session.duckdb into `archive` (a new folder) as Parquet with zstd, reads all of it back and compares rows and
 * checksums. Nothing is synced to the disk by halves: when this returns, the folder is whole. Throws `PerfError` when what was read back differs.
 */
export async function writeArchive(
  connection: DuckDBConnection,
  archive: string,
  facts: Pick<ArchiveManifest, 'session' | 'agent' | 'state'>,
  onProgress: (table: string) => void,
): Promise<ArchiveManifest> {
  mkdirSync(archive, { mode: 0o700 })
  const tables: Record<string, ArchivedTable> = {}
  const ddls = await statements(connection)
  for (const [name, columns] of await tableColumns(connection)) {
    onProgress(name)
    tables[name] = await writeTable(connection, archive, name, columns, ddls.get(name) ?? '')
  }
  const manifest: ArchiveManifest = {
    v: ARCHIVE_VERSION,
    ...facts,
    archivedAt: new Date().toISOString(),
    schemaVersion: SCHEMA_VERSION,
    tables,
  }
  writeFileSync(path.join(archive, 'manifest.json'), manifestText(manifest), { mode: 0o600 })
  await makeLock(archive)
  onProgress('reading back')
  await verify(archive, manifest)
  for (const name of readdirSync(archive)) syncFile(path.join(archive, name))
  syncFile(archive)
  return manifest
}

async function statements(connection: DuckDBConnection): Promise<Map<string, string>> {
  const rows = await connection.runAndReadAll(
    `SELECT table_name, sql FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = 'store'`,
  )
  return new Map(rows.getRows().map(([name, sql]) => [String(name), String(sql)]))
}

/** Writes one table; one without rows has no file. */
export async function writeTable(
  connection: DuckDBConnection,
  archive: string,
  name: string,
  columns: Record<string, string>,
  ddl: string,
  fileName = `${name}.parquet`,
): Promise<ArchivedTable> {
  const { rows, checksum } = await checksumOf(connection, name, columns)
  if (rows === 0) return { rows, checksum, ddl, columns, file: null, bytes: 0 }
  const file = path.join(archive, fileName)
  const options = `FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${await rowsOfGroup(connection, name, columns)}`
  await connection.run(`COPY (SELECT ${fileColumns(columns)} FROM store.${name}) TO ${quoted(file)} (${options})`)
  chmodSync(file, 0o600)
  return { rows, checksum, ddl, columns, file: path.basename(file), bytes: statSync(file).size }
}

/** DuckDB's own number of rows in a group, and how many bytes of text one may hold: the group that a thread writes has to fit into memory, several times. */
const GROUP_ROWS = 122_880
const GROUP_TEXT_BYTES = 16 * 1024 * 1024
/** A group is made of vectors of so many rows. */
const VECTOR_ROWS = 2048

async function rowsOfGroup(connection: DuckDBConnection, name: string, columns: Record<string, string>): Promise<number> {
  const texts = Object.keys(columns).filter((column) => /^(VARCHAR|JSON)$/.test(columns[column] ?? ''))
  if (texts.length === 0) return GROUP_ROWS
  const bytes = texts.map((column) => `coalesce(avg(coalesce(strlen("${column}"), 0)), 0)`).join(' + ')
  const [[mean] = []] = (await connection.runAndReadAll(`SELECT ${bytes} FROM store.${name}`)).getRows()
  const vectors = Math.floor(GROUP_TEXT_BYTES / Math.max(1, Number(mean)) / VECTOR_ROWS)
  return Math.min(GROUP_ROWS, Math.max(1, vectors) * VECTOR_ROWS)
}

/** Rows of a table and the sum of their hashes, which does not depend on their order. */
async function checksumOf(
  connection: DuckDBConnection,
  name: string,
  columns: Record<string, string>,
): Promise<{ rows: number; checksum: string | null }> {
  const list = Object.keys(columns).map((column) => `"${column}"`)
  const [[rows, checksum] = []] = (
    await connection.runAndReadAll(`SELECT count(*), sum(hash(${list.join(', ')}))::VARCHAR FROM store.${name}`)
  ).getRows()
  return { rows: Number(rows), checksum: typeof checksum === 'string' ? checksum : null }
}

async function verify(archive: string, manifest: ArchiveManifest): Promise<void> {
  const { connection, close } = await openArchive(archive)
  try {
    await verifyTables(connection, manifest, 'Not archived')
  } finally {
    close()
  }
}

/** Compares the tables of an open database with the manifest. Throws `PerfError` for the first that differs; `failure` is what that means. */
export async function verifyTables(connection: DuckDBConnection, { tables }: ArchiveManifest, failure: string): Promise<void> {
  for (const [name, table] of Object.entries(tables)) {
    // It holds the fingerprint of the views of the database that is open.
    if (name === 'meta') continue
    const read = await checksumOf(connection, name, table.columns)
    if (read.rows !== table.rows || read.checksum !== table.checksum)
      throw new PerfError(
        'ARCHIVE_NOT_VERIFIED',
        `${failure}: table ${name} was read back with ${read.rows} instead of ${table.rows} rows, or other values; the session is as it was.`,
        1,
      )
  }
}

async function makeLock(archive: string): Promise<void> {
  const instance = await DuckDBInstance.create(lockFile(archive), { default_block_size: '16384' })
  instance.closeSync()
  chmodSync(lockFile(archive), 0o600)
}

/** Forces a file, or the entries of a folder, to the disk. */
export function syncFile(file: string): void {
  let descriptor: number
  try {
    descriptor = openSync(file, 'r')
  } catch {
    return
  }
  try {
    fsyncSync(descriptor)
  } catch {
    // Windows syncs no folders.
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Keeps what was written into a table of an open archive; does nothing for a session that is not archived. The caller holds the sync lock.
 * The rows go into the one of two files that the manifest does not name; the new manifest, put in its place at once, is what makes them the
 * table: interrupted before that, the archive is as it was, and readers that have the old manifest still find its file.
 */
export async function saveArchivedTable(folder: string, connection: DuckDBConnection, name: string): Promise<void> {
  if (!isArchived(folder)) return
  const archive = archiveFolder(folder)
  const manifest = readManifest(archive)
  const [first, second] = [`${name}.parquet`, `${name}.2.parquet`]
  const file = manifest.tables[name]?.file === first ? second : first
  const aside = path.join(archive, `manifest.${process.pid}.tmp`)
  try {
    const columns = (await tableColumns(connection)).get(name) ?? {}
    const ddl = (await statements(connection)).get(name) ?? ''
    rmSync(path.join(archive, file), { force: true })
    const table = await writeTable(connection, archive, name, columns, ddl, file)
    if (table.file !== null) syncFile(path.join(archive, table.file))
    writeFileSync(aside, manifestText({ ...manifest, tables: { ...manifest.tables, [name]: table } }), { mode: 0o600 })
    syncFile(aside)
    renameSync(aside, path.join(archive, 'manifest.json'))
    syncFile(archive)
  } finally {
    rmSync(aside, { force: true })
  }
}

const manifestText = (manifest: ArchiveManifest): string => `${JSON.stringify(manifest, null, 2)}\n`
