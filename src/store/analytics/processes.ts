import type { DuckDBConnection } from '@duckdb/node-api'
import type { ProcessMeta } from '../codec/block.ts'
import type { HotSource } from '../session.ts'
import type { SourceReader } from './source.ts'

/** Inserts or updates a process instance and gives its number within the session. */
export async function storeProcess(connection: DuckDBConnection, process: ProcessMeta, reader: SourceReader): Promise<number> {
  const found = await connection.runAndReadAll(
    `SELECT coalesce((SELECT process FROM store.processes WHERE instance = $1), (SELECT coalesce(max(process), 0) + 1 FROM store.processes))`,
    [process.instance],
  )
  const number = Number(found.getRows()[0]?.[0])
  const row = {
    process: number,
    instance: process.instance,
    pid: process.pid ?? null,
    ppid: process.ppid ?? null,
    parent_instance: process.parentInstance ?? null,
    service: process.service ?? null,
    command: process.argv ?? [],
    cwd: process.cwd ?? null,
    node: process.node ?? null,
    platform: process.platform ?? null,
    arch: process.arch ?? null,
    host: process.host ?? null,
    agent: process.agent ?? null,
    git_commit: process.gitCommit ?? null,
    started_at: process.startedAt ?? null,
    last_beat_at: isoTime(reader.beat?.wallMs),
    ended_at: isoTime(reader.end?.wallMs),
    end_reason: reader.end?.reason ?? null,
    exit_code: reader.end?.code ?? null,
    state: reader.state,
    meta: process,
  }
  await connection.run(
    // A spill file completes what its environment says, it does not take its beat away.
    `INSERT INTO store.processes BY NAME SELECT unnest(from_json($1::JSON, $2)) ON CONFLICT (process) DO UPDATE SET
       last_beat_at = coalesce(excluded.last_beat_at, last_beat_at), ended_at = coalesce(excluded.ended_at, ended_at),
       end_reason = coalesce(excluded.end_reason, end_reason), exit_code = coalesce(excluded.exit_code, exit_code),
       state = CASE WHEN excluded.end_reason IS NULL AND (end_reason IS NOT NULL OR excluded.last_beat_at IS NULL) THEN state ELSE excluded.state END`,
    [JSON.stringify(row), PROCESS_SHAPE],
  )
  return number
}

const PROCESS_SHAPE = JSON.stringify({
  process: 'UINTEGER', instance: 'VARCHAR', pid: 'BIGINT', ppid: 'BIGINT', parent_instance: 'VARCHAR', service: 'VARCHAR', command: 'JSON', cwd: 'VARCHAR',
  node: 'VARCHAR', platform: 'VARCHAR', arch: 'VARCHAR', host: 'VARCHAR', agent: 'VARCHAR', git_commit: 'VARCHAR', started_at: 'TIMESTAMP',
  last_beat_at: 'TIMESTAMP', ended_at: 'TIMESTAMP', end_reason: 'VARCHAR', exit_code: 'INTEGER', state: 'VARCHAR', meta: 'JSON',
}) // prettier-ignore

function isoTime(ms: number | undefined): string | null {
  return ms === undefined || !Number.isFinite(ms) ? null : new Date(ms).toISOString()
}

/** A source as it was when it was last synced. */
export interface SyncedSource {
  size: number
  changedMs: number
  final: boolean
  problem: string | null
}

/** Notes that a source was read up to what it held, and whether more can come. */
export async function recordSource(
  connection: DuckDBConnection,
  source: Pick<HotSource, 'name' | 'size' | 'changedMs'>,
  isFinal: boolean,
  problem: string | undefined,
): Promise<void> {
  await connection.run(`INSERT OR REPLACE INTO store.sources VALUES ($1, $2, $3, $4, $5)`, [
    source.name,
    BigInt(source.size),
    source.changedMs,
    isFinal,
    problem ?? null,
  ])
}

/** All sources synced so far, by name. */
export async function syncedSources(connection: DuckDBConnection): Promise<Map<string, SyncedSource>> {
  const rows = await connection.runAndReadAll(`SELECT source, size, changed_ms, final, problem FROM store.sources`)
  return new Map(
    rows.getRows().map(([source, size, changedMs, final, problem]) => [
      String(source),
      {
        size: Number(size),
        changedMs: Number(changedMs),
        final: final === true,
        problem: problem === null || problem === undefined ? null : String(problem),
      },
    ]),
  )
}
