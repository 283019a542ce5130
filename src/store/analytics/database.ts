import { chmodSync, existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { archiveFolder, isArchived } from '../archive/manifest.ts'
import { openArchive } from '../archive/open-archive.ts'
import { PerfError, SessionBusyError, SessionUnreadableError } from '../../errors.ts'

/** An open session.duckdb. */
export interface Database {
  connection: DuckDBConnection
  /** Another connection to the same database; closes with it. */
  connect(): Promise<DuckDBConnection>
  close(): void
  /** Of Parquet files, in memory: only reading statements make sense. */
  isArchive?: boolean
}

/** File of a session's database. */
export const databaseFile = (folder: string): string => path.join(folder, 'session.duckdb')

/** What DuckDB has written and not yet put into the database. */
export const logFile = (folder: string): string => `${databaseFile(folder)}.wal`

/** How long to wait for another process that has the database open. */
const BUSY_TIMEOUT_MS = 30_000

/** Opens session.duckdb, or the archive that took its place; waits while another process has it open in a way that excludes this one. */
export async function openDatabase(folder: string, access: 'read' | 'write', timeoutMs = BUSY_TIMEOUT_MS): Promise<Database> {
  const deadline = Date.now() + timeoutMs
  const spill = new SpillFolder()
  // The folder first: what locks the configuration stands behind it.
  const options = { temp_directory: spill.path, ...limits(access), ...(access === 'read' ? READ_OPTIONS : WRITE_OPTIONS) }
  for (;;) {
    if (isArchived(folder)) {
      spill.remove()
      return await openArchive(archiveFolder(folder), limits('read'))
    }
    checkPath(folder)
    try {
      const instance = await DuckDBInstance.create(databaseFile(folder), options)
      if (access === 'write') chmodSync(databaseFile(folder), 0o600)
      const connection = await instance.connect()
      const connections = [connection]
      return {
        connection,
        async connect() {
          const more = await instance.connect()
          connections.push(more)
          return more
        },
        close() {
          for (const open of connections) open.closeSync()
          instance.closeSync()
          spill.remove()
        },
      }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      // Archived since the first look.
      if (isArchived(folder)) continue
      const isBusy = message.includes('Could not set lock')
      if (!isBusy || Date.now() > deadline) spill.remove()
      if (!isBusy) throw describe(folder, message, error)
      if (Date.now() > deadline) {
        const pid = /PID (\d+)/.exec(message)?.[1]
        throw new SessionBusyError(`session.duckdb is open in process ${pid ?? '?'}; close it there and try again.`)
      }
      await sleep(20)
    }
  }
}

/** DuckDB (1.5) puts the `.wal` of its log before the first `?` of the real path, into a folder that is not there. Throws `PerfError`. */
export function checkPath(folder: string): void {
  if (!realpathSync(folder).includes('?')) return
  const advice = 'Move the sessions to another folder and name it with --dir or PERF_DIR.'
  throw new PerfError('FOLDER_NAME', `DuckDB cannot keep a database below a folder whose name holds "?" (${folder}). ${advice}`)
}

// Query text comes from people and coding assistants: it can reach nothing but this file, and cannot lift that itself.
const READ_OPTIONS = {
  access_mode: 'READ_ONLY',
  enable_external_access: 'false',
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
  allow_community_extensions: 'false',
  lock_configuration: 'true',
}

// zstd and the newer string compressions need the newer storage format: 9 instead of 48 bytes for the attributes of a span (measured).
// Smaller blocks than the usual 256 KB: a session of 4,000 spans takes 0.9 instead of 2.9 MB, one of a million 30 instead of 33 (measured).
export const WRITE_OPTIONS = { storage_compatibility_version: 'latest', default_block_size: '65536', autoinstall_known_extensions: 'false' }

/**
 * What DuckDB may use: with the rest of the process (mapped LMDB files, while writing the threads that decode) the command stays below 1 GB.
 * More than four threads would each hold buffers of their own.
 */
function limits(access: 'read' | 'write'): Record<string, string> {
  return { memory_limit: access === 'write' ? '280MB' : '400MB', threads: String(Math.max(1, Math.min(4, os.availableParallelism()))) }
}

/** Where DuckDB puts what does not fit into its memory: a folder of the user's own outside the session, which goes with the database. */
class SpillFolder {
  /** Empty where none can be made: DuckDB then keeps to its memory. */
  readonly path = privateFolder()
  readonly #atExit = (): void => {
    if (this.path !== '') rmSync(this.path, { recursive: true, force: true })
  }

  constructor() {
    process.once('exit', this.#atExit)
  }

  remove(): void {
    process.off('exit', this.#atExit)
    this.#atExit()
  }
}

function privateFolder(): string {
  try {
    return mkdtempSync(path.join(os.tmpdir(), 'perf-agent-'))
  } catch {
    return ''
  }
}

function describe(folder: string, message: string, cause: unknown): Error {
  const first = (message.split('\n')[0] ?? message).slice(0, 200)
  if (/permission denied/i.test(message))
    return new SessionUnreadableError(`${databaseFile(folder)} cannot be opened: permission denied.`, { cause })
  return new SessionUnreadableError(
    `${databaseFile(folder)} cannot be opened (${first}). Delete it and run 'perf-agent sync' to rebuild it from what is left in hot/.`,
    { cause },
  )
}

/** Whether a session has a database, or an archive that stands in for it. */
export function hasDatabase(folder: string): boolean {
  return existsSync(databaseFile(folder)) || isArchived(folder)
}
