import {
  DuckDBListType,
  JsonDuckDBValueConverter,
  type DuckDBConnection,
  type DuckDBPreparedStatement,
  type DuckDBResultReader,
  type DuckDBType,
  type DuckDBValueConverter,
  type Json,
} from '@duckdb/node-api'
import { FolderNotWritableError, QueryError } from '../errors.ts'
import { hasDatabase, openDatabase, type Database } from './analytics/database.ts'
import { schemaState } from './analytics/schema.ts'
import { pendingHeapProfiles } from './analytics/sync-allocations.ts'
import { pendingSnapshots } from './analytics/sync-heap.ts'
import { pendingProfiles } from './analytics/sync-profiles.ts'
import { pendingSources, syncSession, type SyncOptions, type SyncResult } from './analytics/sync.ts'
import { withIdHints } from './id-hints.ts'
import type { Session } from './session.ts'

/** A row of a result: 64-bit integers are numbers where exact, else text; times are ISO 8601 in UTC; JSON columns are values. */
export type Row = Record<string, Json>

/** The result of one statement. */
export interface QueryResult {
  columns: string[]
  /** SQL type of each column. */
  types: string[]
  rows: Row[]
}

/** A session open for reading. */
export interface SessionReader {
  readonly session: Session
  /** What the sync before opening did; `undefined` when nothing was new. */
  readonly synced: SyncResult | undefined
  /** Runs one or more statements and gives the result of each. Throws `QueryError` with DuckDB's own message. */
  query(sql: string): Promise<QueryResult[]>
  /** The rows of one statement, typed by the caller. */
  rows<T>(sql: string): Promise<T[]>
  close(): void
}

/** Opens a session for reading, brought up to date first (`sync: false`: as it is). */
export async function openSession(session: Session, options: SyncOptions & { sync?: boolean } = {}): Promise<SessionReader> {
  let synced: SyncResult | undefined
  let database = hasDatabase(session.folder) ? await openForReading(session) : undefined
  const isCurrent = database !== undefined && (options.sync === false || !(await hasNewData(session, database.connection)))
  if (database === undefined || !isCurrent) {
    database?.close()
    try {
      synced = await syncSession(session, options)
    } catch (error) {
      // A folder this user may read and not write: what was synced before is still there.
      if (!(error instanceof FolderNotWritableError) || !hasDatabase(session.folder)) throw error
    }
    database = await openForReading(session)
  }
  if (database === undefined) throw new QueryError(`Session ${session.name} could not be opened.`)
  const { connection, close } = database
  const prepared: PreparedStatements = new Map()
  const query = (sql: string): Promise<QueryResult[]> => runStatements(connection, prepared, sql)
  const rows = async <T>(sql: string): Promise<T[]> => ((await query(sql)).at(-1)?.rows ?? []) as T[]
  return { session, synced, query, rows, close }
}

async function hasNewData(session: Session, connection: DuckDBConnection): Promise<boolean> {
  for (const pending of [pendingSources, pendingSnapshots, pendingHeapProfiles, pendingProfiles])
    if ((await pending(session, connection)).length > 0) return true
  return false
}

/** `undefined` when the database holds no session yet (a sync was interrupted before its first commit), older tables or other views. */
async function openForReading(session: Session): Promise<Database | undefined> {
  const database = await openDatabase(session.folder, 'read')
  try {
    if ((await schemaState(database.connection, session.name)).isCurrent) return database
  } catch (error) {
    database.close()
    throw error
  }
  database.close()
  return undefined
}

/** Statements by their text: planning a view costs as much as running a query for one span (0.8 ms, measured). */
type PreparedStatements = Map<string, DuckDBPreparedStatement>
const MAX_PREPARED = 100

async function runStatements(connection: DuckDBConnection, prepared: PreparedStatements, sql: string): Promise<QueryResult[]> {
  const hinted = withIdHints(sql)
  if (hinted !== sql) {
    // The hint names columns only the views have: where it does not fit, the query runs as it was written.
    try {
      return await runAll(connection, prepared, hinted)
    } catch {
      return await runAll(connection, prepared, sql)
    }
  }
  return await runAll(connection, prepared, sql)
}

async function runAll(connection: DuckDBConnection, prepared: PreparedStatements, sql: string): Promise<QueryResult[]> {
  try {
    if (!/;\s*\S/.test(sql)) return [await runOne(connection, prepared, sql)]
    const results: QueryResult[] = []
    const statements = await connection.extractStatements(sql)
    for (let i = 0; i < statements.count; i++) results.push(toResult(await (await statements.prepare(i)).runAndReadAll()))
    return results
  } catch (error) {
    throw new QueryError(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

async function runOne(connection: DuckDBConnection, prepared: PreparedStatements, sql: string): Promise<QueryResult> {
  let statement = prepared.get(sql)
  if (statement === undefined) {
    statement = await connection.prepare(sql)
    const oldest = prepared.keys().next()
    if (prepared.size >= MAX_PREPARED && oldest.done !== true) prepared.delete(oldest.value)
    prepared.set(sql, statement)
  }
  return toResult(await statement.runAndReadAll())
}

function toResult(reader: DuckDBResultReader): QueryResult {
  const columns = reader.deduplicatedColumnNames()
  const types = reader.columnTypes()
  const rows = reader.convertRows(toJson).map((values) => {
    const row: Row = {}
    // The vectors do not know that a text is JSON, only the result's types do.
    for (const [i, column] of columns.entries()) row[column] = parsed(values[i] ?? null, types[i])
    return row
  })
  return { columns, types: types.map((type) => type.alias ?? String(type)), rows }
}

function parsed(value: Json, type: DuckDBType | undefined): Json {
  if (type?.alias === 'JSON' && typeof value === 'string') return parseJson(value)
  if (type instanceof DuckDBListType && type.valueType.alias === 'JSON' && Array.isArray(value))
    return value.map((entry) => parsed(entry, type.valueType))
  return value
}

const toJson: DuckDBValueConverter<Json> = (value, type, converter) => {
  if (value === null) return null
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  const name = String(type)
  if (name.startsWith('DECIMAL')) return exactNumber(String(value))
  if (name.startsWith('TIMESTAMP')) return isoTime(String(value))
  return JsonDuckDBValueConverter(value, type, converter)
}

function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return text
  }
}

function exactNumber(text: string): number | string {
  return text.replace(/\D/g, '').length <= 15 ? Number(text) : text
}

function isoTime(text: string): string {
  const [date, clock] = text.replace(/[+-]\d\d(:\d\d)?$/, '').split(' ')
  return clock === undefined ? text : `${date}T${clock}Z`
}
