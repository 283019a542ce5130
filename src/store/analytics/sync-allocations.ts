import type { DuckDBConnection } from '@duckdb/node-api'
import type { HeapProfile, HeapProfileNode } from '../../core/heap-profile-format.ts'
import { heapProfileFiles, readHeapProfile, type HeapProfileFile } from '../heap/heap-profile-file.ts'
import { SourceLocations } from '../profiles/source-locations.ts'
import type { Frame } from '../profiles/stack-table.ts'
import type { Session } from '../session.ts'
import { recordSource, syncedSources } from './processes.ts'

/** Heap profiles that changed since they were last read. */
export async function pendingHeapProfiles(session: Session, connection: DuckDBConnection): Promise<HeapProfileFile[]> {
  const files = heapProfileFiles(session)
  if (files.length === 0) return []
  const synced = await syncedSources(connection)
  return files.filter((file) => {
    const known = synced.get(file.name)
    return known === undefined || known.size !== file.size || known.changedMs !== file.changedMs
  })
}

/** Reads heap profiles into allocations by call site and by span. One that cannot be read is a problem of the session, not an error. */
export async function syncHeapProfiles(session: Session, connection: DuckDBConnection): Promise<{ source: string; reason: string }[]> {
  const problems: { source: string; reason: string }[] = []
  const current = heapProfileFiles(session).map(({ name }) => name)
  for (const table of current.length === 0 ? [] : ['allocations', 'span_allocations'])
    await connection.run(`DELETE FROM store.${table} WHERE NOT list_contains(from_json($1::JSON, '["VARCHAR"]'), profile)`, [
      JSON.stringify(current),
    ])
  for (const file of await pendingHeapProfiles(session, connection)) {
    let problem: string | undefined
    try {
      await store(connection, file, readHeapProfile(file))
    } catch (error) {
      problem = `${error instanceof Error ? error.message : String(error)}; skipped`
      problems.push({ source: file.name, reason: problem })
    }
    await recordSource(connection, file, true, problem)
  }
  return problems
}

async function store(connection: DuckDBConnection, file: HeapProfileFile, profile: HeapProfile): Promise<void> {
  const found = await connection.runAndReadAll(`SELECT process, cwd FROM store.processes WHERE instance = $1`, [file.instance])
  const [process, cwd] = found.getRows()[0] ?? [null, undefined]
  const locations = new SourceLocations(typeof cwd === 'string' ? cwd : undefined, new Map(), file.changedMs)
  const sites = sitesOf(profile.head, locations)
  const number = process === null ? null : Number(process)
  await connection.run('BEGIN')
  try {
    for (const table of ['allocations', 'span_allocations'])
      await connection.run(`DELETE FROM store.${table} WHERE profile = $1`, [file.name])
    await connection.run(
      `INSERT INTO store.allocations SELECT $1, $2, $3, function, file, line, bytes, stack FROM
         (SELECT unnest(from_json($4::JSON, '[{"function":"VARCHAR","file":"VARCHAR","line":"INTEGER","bytes":"BIGINT","stack":"VARCHAR"}]'), recursive := true))`,
      [file.name, number, file.thread, JSON.stringify(sites)],
    )
    await connection.run(
      `INSERT INTO store.span_allocations SELECT $1, $2, $3, name, layer, bytes FROM
         (SELECT unnest(from_json($4::JSON, '[{"name":"VARCHAR","layer":"VARCHAR","bytes":"BIGINT"}]'), recursive := true))`,
      [file.name, number, file.thread, JSON.stringify(profile.perf.spans)],
    )
    await connection.run('COMMIT')
  } catch (error) {
    await connection.run('ROLLBACK').catch(() => {})
    throw error
  }
}

interface Site {
  function: string
  file: string | null
  line: number | null
  bytes: number
  stack: string
}

function sitesOf(head: HeapProfileNode, locations: SourceLocations): Site[] {
  const sites: Site[] = []
  const walk = (node: HeapProfileNode, callers: readonly string[]): void => {
    const frame: Frame = locations.frame({ id: node.id, callFrame: node.callFrame })
    const stack = [...callers, frame.function.replaceAll(';', ',')]
    if (node.selfSize > 0)
      sites.push({ function: frame.function, file: frame.file, line: frame.line, bytes: node.selfSize, stack: stack.join(';') })
    for (const child of node.children) walk(child, stack)
  }
  for (const child of head.children) walk(child, [])
  if (head.selfSize > 0) sites.push({ function: '(root)', file: null, line: null, bytes: head.selfSize, stack: '(root)' })
  return sites
}
