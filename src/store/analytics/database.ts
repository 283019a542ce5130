import { chmodSync, existsSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { SessionBusyError, SessionUnreadableError } from '../../errors.ts'

/** An open session.duckdb. */
export interface Database {
  connection: DuckDBConnection
  /** Another connection to the same database; closes with it. */
  connect(): Promise<DuckDBConnection>
  close(): void
}

/** File of a session's database. */
export const databaseFile = (folder: string): string => path.join(folder, 'session.duckdb')

/** How long to wait for another process that has the database open. */
const BUSY_TIMEOUT_MS = 30_000

/** Opens session.duckdb; waits while another process has it open in a way that excludes this one. */
export async function openDatabase(folder: string, access: 'read' | 'write', timeoutMs = BUSY_TIMEOUT_MS): Promise<Database> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    try {
      const instance = await DuckDBInstance.create(databaseFile(folder), access === 'read' ? READ_OPTIONS : WRITE_OPTIONS)
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
        },
      }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (!message.includes('Could not set lock')) throw describe(folder, message, error)
      if (Date.now() > deadline) {
        const pid = /PID (\d+)/.exec(message)?.[1]
        throw new SessionBusyError(`session.duckdb is open in process ${pid ?? '?'}; close it there and try again.`)
      }
      await sleep(20)
    }
  }
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
const WRITE_OPTIONS = { storage_compatibility_version: 'latest', default_block_size: '65536', autoinstall_known_extensions: 'false' }

function describe(folder: string, message: string, cause: unknown): Error {
  const first = (message.split('\n')[0] ?? message).slice(0, 200)
  if (/permission denied/i.test(message))
    return new SessionUnreadableError(`${databaseFile(folder)} cannot be opened: permission denied.`, { cause })
  return new SessionUnreadableError(
    `${databaseFile(folder)} cannot be opened (${first}). Delete it and run 'perf-agent sync' to rebuild it from what is left in hot/.`,
    { cause },
  )
}

/** Whether a session has a database. */
export function hasDatabase(folder: string): boolean {
  return existsSync(databaseFile(folder))
}
