import type { DuckDBConnection } from '@duckdb/node-api'
import { readClassTable, type ClassTable } from '../heap/class-table.ts'
import { sessionSnapshots, type SessionSnapshot } from '../heap/session-snapshots.ts'
import type { Session } from '../session.ts'
import { syncedSources } from './processes.ts'

/** Heap snapshots of a session that `heap_classes` does not hold yet, or that changed since. */
export async function pendingSnapshots(session: Session, connection: DuckDBConnection): Promise<SessionSnapshot[]> {
  const snapshots = sessionSnapshots(session)
  if (snapshots.length === 0) return []
  const synced = await syncedSources(connection)
  return snapshots.filter((snapshot) => {
    const known = synced.get(sourceName(snapshot))
    return known === undefined || known.size !== snapshot.size || known.changedMs !== snapshot.changedMs
  })
}

/** Fills `store.heap` from the session's snapshot files. One that is cut short or damaged is a problem of the session, not an error. */
export async function syncSnapshots(session: Session, connection: DuckDBConnection): Promise<{ source: string; reason: string }[]> {
  const problems: { source: string; reason: string }[] = []
  for (const snapshot of await pendingSnapshots(session, connection)) {
    let table: ClassTable | undefined
    let problem: string | null = null
    try {
      table = await readClassTable(snapshot.file)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      problem = message.replace(`${snapshot.file}: `, '').replace(/\.$/, '')
      problems.push({ source: sourceName(snapshot), reason: problem })
    }
    await store(connection, snapshot, table, problem)
  }
  return problems
}

const sourceName = ({ name }: SessionSnapshot): string => `heap/${name}`

async function store(
  connection: DuckDBConnection,
  snapshot: SessionSnapshot,
  table: ClassTable | undefined,
  problem: string | null,
): Promise<void> {
  const { name, instance, takenMs, size, changedMs } = snapshot
  const rows = (table?.classes ?? []).map((entry) => ({ class: entry.name, count: entry.count, self_bytes: entry.selfBytes }))
  await connection.run('BEGIN')
  await connection.run(`DELETE FROM store.heap WHERE snapshot = $1`, [name])
  await connection.run(
    `INSERT INTO store.heap SELECT $1, (SELECT process FROM store.processes WHERE instance = $2), $3, class, count, self_bytes, NULL
       FROM (SELECT unnest(from_json($4::JSON, '[{"class":"VARCHAR","count":"BIGINT","self_bytes":"BIGINT"}]'), recursive := true))`,
    [name, instance ?? '', BigInt(Math.round(takenMs)) * 1_000_000n, JSON.stringify(rows)],
  )
  await connection.run(`INSERT OR REPLACE INTO store.sources VALUES ($1, $2, $3, true, $4)`, [
    sourceName(snapshot),
    BigInt(size),
    changedMs,
    problem,
  ])
  await connection.run('COMMIT')
}
