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
}

/** Replaces the rows of the view `findings`. Throws as a sync does when the folder cannot be written. */
export async function storeFindings(session: Session, rows: readonly FindingRow[]): Promise<void> {
  const release = await acquireSyncLock(session.folder)
  try {
    const { connection, close } = await openDatabase(session.folder, 'write')
    try {
      await connection.run('BEGIN')
      await connection.run('DELETE FROM store.findings')
      for (const row of rows) {
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
        ]
        await connection.run('INSERT INTO store.findings VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)', values)
      }
      await connection.run('COMMIT')
    } finally {
      close()
    }
  } finally {
    release()
  }
}
