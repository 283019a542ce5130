import { saveArchivedTable } from '../archive/write-archive.ts'
import type { Session } from '../session.ts'
import { openDatabase } from './database.ts'
import { acquireSyncLock } from './lock.ts'

/** A row of the view `findings`. */
export interface FindingRow {
  id: string
  kind: string
  severity: string
  title: string
  cost_ms: number | null
  cost_usd: number | null
  evidence: unknown
  advice: string
  next_command: string
  /** The whole of it, for those who look again. */
  data: unknown
}

/**
 * Replaces the rows of the view `findings`. Throws as a sync does when the folder cannot be written.
 * @param state what they were computed from: `dataState`
 * @param caches what was summed up of the caches on the way
 */
export async function storeFindings(
  session: Session,
  rows: readonly FindingRow[],
  state: string,
  caches: readonly unknown[],
): Promise<void> {
  const release = await acquireSyncLock(session.folder)
  try {
    const { connection, close } = await openDatabase(session.folder, 'write')
    try {
      await connection.run('BEGIN')
      await connection.run('DELETE FROM store.findings; DELETE FROM store.findings_of')
      await connection.run('INSERT INTO store.findings_of (state, caches) VALUES ($1, $2)', [state, JSON.stringify(caches)])
      for (const [position, row] of rows.entries()) {
        const values = [
          row.id,
          row.kind,
          row.severity,
          row.title,
          row.cost_ms,
          row.cost_usd,
          JSON.stringify(row.evidence),
          row.advice,
          row.next_command,
          JSON.stringify(row.data),
          position,
        ]
        await connection.run('INSERT INTO store.findings VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)', values)
      }
      await connection.run('COMMIT')
      for (const table of ['findings', 'findings_of']) await saveArchivedTable(session.folder, connection, table)
    } finally {
      close()
    }
  } finally {
    release()
  }
}

/** SQL of one row `state`: a text that changes with everything a finding may rest on. */
export const dataState = `SELECT md5(concat_ws('|',
    (SELECT string_agg(concat_ws(' ', source, size, changed_ms, final), ',' ORDER BY source) FROM store.sources),
    (SELECT string_agg(concat_ws(' ', instance, state, last_beat_at, ended_at), ',' ORDER BY instance) FROM store.processes),
    (SELECT string_agg(concat_ws(' ', source, thread, last_seq), ',' ORDER BY source, thread) FROM store.sync_state),
    (SELECT count(*) FROM store.spans), (SELECT count(*) FROM store.open_spans), (SELECT count(*) FROM store.stalls), (SELECT count(*) FROM store.metrics),
    (SELECT count(*) FROM store.cpu_profiles), (SELECT count(*) FROM store.heap), (SELECT count(*) FROM store.allocations), (SELECT count(*) FROM store.scores))) AS state`
