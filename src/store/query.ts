import {
  DuckDBListType,
  JsonDuckDBValueConverter,
  StatementType,
  type DuckDBConnection,
  type DuckDBPreparedStatement,
  type DuckDBResultReader,
  type DuckDBType,
  type DuckDBValueConverter,
  type Json,
} from '@duckdb/node-api'
import { FolderNotWritableError, PerfError, QueryError } from '../errors.ts'
import { hasNewSources } from './archive/restore-archive.ts'
import { hasUnnotedAi } from './analytics/ai-notes.ts'
import { keepViews, type KeptViewName } from './analytics/kept-views.ts'
import { hasDatabase, openDatabase, type Database } from './analytics/database.ts'
import { schemaState } from './analytics/schema.ts'
import { pendingHeapProfiles } from './analytics/sync-allocations.ts'
import { pendingSnapshots } from './analytics/sync-heap.ts'
import { pendingProfiles } from './analytics/sync-profiles.ts'
import { hasLateTraces } from './analytics/summaries.ts'
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
  /** Runs `work` with views that take seconds in a large session computed once for all its queries. */
  withKept<T>(views: readonly KeptViewName[], work: () => Promise<T>): Promise<T>
  close(): void
}

/** Opens a session for reading, brought up to date first (`sync: false`: as it is). */
export async function openSession(session: Session, options: SyncOptions & { sync?: boolean } = {}): Promise<SessionReader> {
  let synced: SyncResult | undefined
  let database = hasDatabase(session.folder) ? await openForReading(session) : undefined
  const isCurrent = database !== undefined && (options.sync === false || !(await hasNewData(session, database)))
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
  return readerOf(session, database, synced)
}

/** Opens what an earlier sync left, at once: no sync, no waiting. `undefined` where there is nothing, it is in use, or of another version. */
export async function openStored(session: Session): Promise<SessionReader | undefined> {
  if (!hasDatabase(session.folder)) return undefined
  try {
    const database = await openForReading(session, 0)
    return database === undefined ? undefined : readerOf(session, database, undefined)
  } catch (error) {
    if (error instanceof PerfError) return undefined
    throw error
  }
}

function readerOf(session: Session, database: Database, synced: SyncResult | undefined): SessionReader {
  const { connection, close } = database
  const source: StatementSource = { connection, prepared: new Map(), isArchive: database.isArchive === true }
  const query = (sql: string): Promise<QueryResult[]> => runStatements(source, sql)
  const rows = async <T>(sql: string): Promise<T[]> => ((await query(sql)).at(-1)?.rows ?? []) as T[]
  const kept = new Set<KeptViewName>()
  const withKept = async <T>(views: readonly KeptViewName[], work: () => Promise<T>): Promise<T> => {
    // Beside an archive's files nothing may be made: there each query computes them.
    const more = source.isArchive ? [] : views.filter((view) => !kept.has(view))
    if (more.length === 0) return await work()
    for (const view of more) kept.add(view)
    try {
      return await keepViews(connection, session.name, more, work)
    } finally {
      for (const view of more) kept.delete(view)
    }
  }
  return { session, synced, query, rows, withKept, close }
}

async function hasNewData(session: Session, { connection, isArchive }: Database): Promise<boolean> {
  if (isArchive === true) return await hasNewSources(session, connection)
  for (const pending of [pendingSources, pendingSnapshots, pendingHeapProfiles, pendingProfiles])
    if ((await pending(session, connection)).length > 0) return true
  return (await hasLateTraces(connection)) || (await hasUnnotedAi(connection))
}

/** `undefined` when the database holds no session yet (a sync was interrupted before its first commit), older tables or other views. */
async function openForReading(session: Session, timeoutMs?: number): Promise<Database | undefined> {
  const database = await openDatabase(session.folder, 'read', timeoutMs)
  try {
    if ((await schemaState(database.connection, session.name)).isCurrent) return database
  } catch (error) {
    database.close()
    throw error
  }
  database.close()
  return undefined
}

interface StatementSource {
  connection: DuckDBConnection
  /** Statements by their text: planning a view costs as much as running a query for one span (0.8 ms, measured). */
  prepared: Map<string, DuckDBPreparedStatement>
  isArchive: boolean
}
const MAX_PREPARED = 100
/** A statement holds the hash tables of its last run: one that ran longer is planned anew, which then does not count. */
const MAX_KEPT_MS = 10

async function runStatements(source: StatementSource, sql: string): Promise<QueryResult[]> {
  const hinted = withIdHints(sql)
  if (hinted !== sql) {
    // The hint names columns only the views have: where it does not fit, the query runs as it was written.
    try {
      return await runAll(source, hinted)
    } catch {
      return await runAll(source, sql)
    }
  }
  return await runAll(source, sql)
}

async function runAll(source: StatementSource, sql: string): Promise<QueryResult[]> {
  try {
    if (!/;\s*\S/.test(sql)) return [await runOne(source, sql)]
    const results: QueryResult[] = []
    const statements = await source.connection.extractStatements(sql)
    for (let i = 0; i < statements.count; i++)
      results.push(toResult(await allowed(source, await statements.prepare(i), sql).runAndReadAll()))
    return results
  } catch (error) {
    throw new QueryError(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

async function runOne(source: StatementSource, sql: string): Promise<QueryResult> {
  const { connection, prepared } = source
  let statement = prepared.get(sql)
  prepared.delete(sql)
  statement ??= allowed(source, await connection.prepare(sql), sql)
  const from = performance.now()
  let isKept = false
  try {
    const result = toResult(await statement.runAndReadAll())
    isKept = performance.now() - from < MAX_KEPT_MS
    return result
  } finally {
    if (isKept) keep(prepared, sql, statement)
    else statement.destroySync()
  }
}

function keep(prepared: StatementSource['prepared'], sql: string, statement: DuckDBPreparedStatement): void {
  const [oldest] = prepared
  if (prepared.size >= MAX_PREPARED && oldest !== undefined) {
    prepared.delete(oldest[0])
    oldest[1].destroySync()
  }
  prepared.set(sql, statement)
}

/** A database that is open for reading refuses to be changed by itself; beside an archive's files, a statement could write. */
function allowed({ isArchive }: StatementSource, statement: DuckDBPreparedStatement, sql: string): DuckDBPreparedStatement {
  const type = statement.statementType
  const isReading = type === StatementType.SELECT || (type === StatementType.EXPLAIN && !/\b(copy|export|attach)\b/i.test(sql))
  if (isArchive && !isReading) throw new Error('This session is archived: it can be queried (SELECT, DESCRIBE, EXPLAIN), nothing else.')
  return statement
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
