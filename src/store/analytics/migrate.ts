import type { DuckDBConnection } from '@duckdb/node-api'
import { AI_NOTED } from './ai-notes.ts'
import { LATE_TRACES } from './summaries.ts'

/**
 * Brings the tables of an older session.duckdb to this version's, within the transaction at hand: a table that is missing is made, one with
 * other columns is made anew with what it held under the same column names. The blocks it came from may be gone, so nothing is thrown away.
 * @param tables the statements that create every table, as for a new database
 */
export async function migrateTables(connection: DuckDBConnection, tables: string): Promise<void> {
  const before = await columnsOf(connection)
  // What the older version's views say may not hold any more.
  for (const view of await viewsOf(connection)) await connection.run(`DROP VIEW main."${view}"`)
  const changed = new Set<string>()
  for (const [statement, name] of tables.matchAll(/CREATE TABLE store\.(\w+) [^;]+;/g)) {
    if (name === undefined) continue
    const columns = before.get(name)
    if (columns === undefined) await connection.run(statement)
    if (columns === undefined || (await replaceWhereDifferent(connection, statement, name, columns))) changed.add(name)
  }
  // What is computed from other tables is computed anew: under the same names it held something else, or nothing.
  if (['ai_uncounted', 'ai_context'].some((name) => changed.has(name)))
    await connection.run(`DELETE FROM store.meta WHERE key = '${AI_NOTED}'`)
  if (!['traces', 'covered', 'late_traces'].some((name) => changed.has(name))) return
  await connection.run('DELETE FROM store.traces; DELETE FROM store.covered; DELETE FROM store.late_traces')
  await connection.run(['INSERT INTO store.late_traces SELECT DISTINCT trace_id FROM store.spans', ...LATE_TRACES].join(';\n'))
}

async function replaceWhereDifferent(
  connection: DuckDBConnection,
  statement: string,
  name: string,
  columns: readonly string[],
): Promise<boolean> {
  const fresh = `new_${name}`
  await connection.run(statement.replace(`store.${name} `, `store.${fresh} `))
  const wanted = (await columnsOf(connection)).get(fresh) ?? []
  if (wanted.join() === columns.join()) {
    await connection.run(`DROP TABLE store.${fresh}`)
    return false
  }
  const shared = columns
    .filter((column) => wanted.includes(column))
    .map((column) => `"${column}"`)
    .join(', ')
  if (shared !== '') await connection.run(`INSERT INTO store.${fresh} (${shared}) SELECT ${shared} FROM store.${name}`)
  await connection.run(`DROP TABLE store.${name}; ALTER TABLE store.${fresh} RENAME TO ${name}`)
  return true
}

async function columnsOf(connection: DuckDBConnection): Promise<Map<string, string[]>> {
  const result = await connection.runAndReadAll(
    `SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() WHERE database_name = current_database() AND schema_name = 'store' GROUP BY table_name ORDER BY table_name`,
  )
  return new Map(result.getRowsJson().map(([name, columns]) => [String(name), (columns as string[]).map(String)]))
}

async function viewsOf(connection: DuckDBConnection): Promise<string[]> {
  const result = await connection.runAndReadAll(
    `SELECT view_name FROM duckdb_views() WHERE database_name = current_database() AND schema_name = 'main' AND NOT internal`,
  )
  return result.getRows().map(([name]) => String(name))
}
