import { DOUBLE, UBIGINT, VARCHAR } from '@duckdb/node-api'
import { saveArchivedTable } from '../archive/write-archive.ts'
import type { Session } from '../session.ts'
import { openDatabase } from './database.ts'
import { acquireSyncLock } from './lock.ts'
import { StagedTable } from './staging.ts'

/** A row of the view `scores`. */
export interface StoredScore {
  spanId: string
  scorer: string
  score: number | null
  weight: number
  outcome: string
  reason: string | null
}

/** Replaces the rows of the view `scores`; `key` names them (`scores_key` of `store.meta`). Throws as a sync does when the folder cannot be written. */
export async function storeScores(session: Session, key: string, rows: readonly StoredScore[]): Promise<void> {
  const release = await acquireSyncLock(session.folder)
  try {
    const { connection, close } = await openDatabase(session.folder, 'write')
    try {
      await connection.run('BEGIN')
      await connection.run('DELETE FROM store.scores')
      const table = new StagedTable(
        [UBIGINT, VARCHAR, DOUBLE, DOUBLE, VARCHAR, VARCHAR],
        await connection.createAppender('scores', 'store'),
      )
      for (const { spanId, scorer, score, weight, outcome, reason } of rows)
        table.add(BigInt(`0x${spanId}`), scorer, score, weight, outcome, reason)
      table.flush()
      table.close()
      await connection.run(`INSERT OR REPLACE INTO store.meta VALUES ('scores_key', $1)`, [key])
      await connection.run('COMMIT')
      for (const name of ['scores', 'meta']) await saveArchivedTable(session.folder, connection, name)
    } finally {
      close()
    }
  } finally {
    release()
  }
}
