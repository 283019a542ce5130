import { existsSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { SessionBusyError, SessionTooNewError, SessionUnreadableError } from '../../errors.ts'
import { noteAi } from '../analytics/ai-notes.ts'
import type { Database } from '../analytics/database.ts'
import { createTables, prepareSchema, SCHEMA_VERSION } from '../analytics/schema.ts'
import { createViews, viewFacts } from '../analytics/views.ts'
import { readManifest, type ArchivedTable, type ArchiveManifest } from './manifest.ts'

/** A table of at most so many rows and bytes is read into memory at once; larger ones are read from their file, query by query. */
const INLINE = { rows: 20_000, bytes: 1 << 18 }

/** What the analysis writes, and `states`: its view orders by `rowid`, which only tables have. */
const ALWAYS_INLINE = new Set(['states', 'meta', 'findings', 'findings_of', 'scores'])

const OPTIONS = { autoinstall_known_extensions: 'false', autoload_known_extensions: 'false', allow_community_extensions: 'false' }

/** Readers hold this database open, so that nobody removes the files below them. */
export const lockFile = (archive: string): string => path.join(archive, 'lock.duckdb')

/**
 * Opens an archive as a database in memory: the same tables and views as session.duckdb, the large tables read from their Parquet files.
 * What is written into it is gone when it closes (`saveArchivedTable` keeps a table).
 */
export async function openArchive(
  archive: string,
  limits: Record<string, string> = {},
  inline: { rows: number; bytes: number } = INLINE,
): Promise<Database> {
  const manifest = readManifest(archive)
  if (manifest.schemaVersion > SCHEMA_VERSION)
    throw new SessionTooNewError(
      `Session ${manifest.session} was archived by a newer version (schema ${manifest.schemaVersion}, this one knows ${SCHEMA_VERSION}); update @perf/agent to read it.`,
    )
  const instance = await DuckDBInstance.create(':memory:', { ...OPTIONS, ...limits })
  const connections: DuckDBConnection[] = []
  const close = (): void => {
    for (const open of connections) open.closeSync()
    instance.closeSync()
  }
  const connect = async (): Promise<DuckDBConnection> => {
    const connection = await instance.connect()
    connections.push(connection)
    return connection
  }
  try {
    const connection = await connect()
    await holdLock(connection, archive)
    await connection.run(`SET temp_directory = ${quoted(path.join(archive, 'spill.tmp'))}`)
    await loadTables(connection, archive, manifest, inline)
    await restrict(connection, archive)
    return { connection, connect, close, isArchive: true }
  } catch (error) {
    close()
    if (error instanceof SessionBusyError) throw error
    const message = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
    throw new SessionUnreadableError(`The archive of session ${manifest.session} cannot be read (${message.slice(0, 300)}).`, {
      cause: error,
    })
  }
}

/** Makes tables and views of an archive; tables larger than `inline` are views of their files. */
export async function loadTables(
  connection: DuckDBConnection,
  archive: string,
  manifest: ArchiveManifest,
  inline: { rows: number; bytes: number },
): Promise<void> {
  const tables = Object.entries(manifest.tables)
  if (manifest.schemaVersion < SCHEMA_VERSION) {
    // Older tables are brought up to date by the same statements as those of a database: they have to be tables.
    await connection.run('CREATE SCHEMA IF NOT EXISTS store')
    for (const [, { ddl }] of tables) await connection.run(ddl)
    for (const [name, table] of tables) await insertRows(connection, { archive, name, table, columns: table.columns })
    await connection.run(`DELETE FROM store.meta WHERE key = 'views'`)
    await prepareSchema(connection, manifest.session)
    await noteAi(connection)
    return
  }
  await createTables(connection)
  const current = await tableColumns(connection)
  for (const [name, table] of tables) {
    if (table.file === null) continue
    const columns = current.get(name)
    if (columns === undefined) await connection.run(table.ddl)
    const isInline = ALWAYS_INLINE.has(name) || (table.rows <= inline.rows && table.bytes <= inline.bytes)
    const part = { archive, name, table, columns: columns ?? table.columns }
    await (isInline ? insertRows(connection, part) : replaceByView(connection, part))
  }
  await createViews(connection, manifest.session, await viewFacts(connection))
}

/** Names and types of the columns of every table in `store`. */
export async function tableColumns(connection: DuckDBConnection): Promise<Map<string, Record<string, string>>> {
  const rows = await connection.runAndReadAll(
    `SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = current_database() AND schema_name = 'store' ORDER BY table_oid, column_index`,
  )
  const tables = new Map<string, Record<string, string>>()
  for (const [table, column, type] of rows.getRows()) {
    const columns = tables.get(String(table)) ?? {}
    columns[String(column)] = String(type)
    tables.set(String(table), columns)
  }
  return tables
}

/** A table of an archive, and the columns its table has today. */
interface Part {
  archive: string
  name: string
  table: ArchivedTable
  columns: Record<string, string>
}

/** Rows of a table from its file: columns that came since are null. */
async function insertRows(connection: DuckDBConnection, { archive, name, table, columns }: Part): Promise<void> {
  if (table.file === null) return
  const known = Object.keys(columns).filter((column) => column in table.columns)
  const target = `store.${name} (${known.map((column) => `"${column}"`).join(', ')})`
  await connection.run(`INSERT INTO ${target} ${selectRows(archive, table, known)}`)
}

async function replaceByView(connection: DuckDBConnection, { archive, name, table, columns }: Part): Promise<void> {
  await connection.run(`DROP TABLE store.${name}`)
  await connection.run(`CREATE VIEW store.${name} AS ${selectRows(archive, table, Object.keys(columns), columns)}`)
}

function selectRows(archive: string, table: ArchivedTable, wanted: readonly string[], types: Record<string, string> = {}): string {
  const columns = wanted.map((column) => {
    const type = table.columns[column]
    const value = type === undefined ? `NULL::${types[column] ?? 'VARCHAR'}` : type === 'UHUGEINT' ? joinedHalves(column) : `"${column}"`
    return `${value} AS "${column}"`
  })
  return `SELECT ${columns.join(', ')} FROM read_parquet(${quoted(path.join(literalPattern(archive), table.file ?? ''))})`
}

// Parquet has no integers of 128 bits; DuckDB would write them as floating point.
const joinedHalves = (column: string): string => `((("${column}_high")::UHUGEINT << 64) | ("${column}_low")::UHUGEINT)`

/** Columns of a table as they stand in its file. */
export function fileColumns(columns: Record<string, string>): string {
  const halves = (name: string): string =>
    `("${name}" >> 64)::UBIGINT AS "${name}_high", ("${name}" & 18446744073709551615::UHUGEINT)::UBIGINT AS "${name}_low"`
  return Object.entries(columns)
    .map(([name, type]) => (type === 'UHUGEINT' ? halves(name) : `"${name}"`))
    .join(', ')
}

/** DuckDB takes the path of a file it reads for a pattern: this one matches nothing but the path itself. */
export const literalPattern = (file: string): string => file.replaceAll(/[*?[]/g, '[$&]')

/** A text of SQL. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

async function restrict(connection: DuckDBConnection, archive: string): Promise<void> {
  // Asked for is the pattern, opened the file it matches.
  const allowed = [...new Set([archive, literalPattern(archive)])].map((folder) => quoted(`${folder}${path.sep}`))
  await connection.run(`SET allowed_directories = [${allowed.join(', ')}]`)
  await connection.run('SET enable_external_access = false')
  await connection.run('SET lock_configuration = true')
}

async function holdLock(connection: DuckDBConnection, archive: string): Promise<void> {
  if (!existsSync(lockFile(archive))) return
  for (const deadline = Date.now() + 30_000; ; await sleep(20)) {
    try {
      await connection.run(`ATTACH ${quoted(lockFile(archive))} AS archive_lock (READ_ONLY)`)
      return
    } catch (error) {
      // One that may not be opened here protects nothing; the records can still be read.
      if (!(error instanceof Error) || !error.message.includes('Could not set lock')) return
      if (Date.now() > deadline) throw new SessionBusyError('The archive of this session is being replaced or removed; try again later.')
    }
  }
}
