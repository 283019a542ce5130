// LMDB → DuckDB and SQL on one session, through the functions that the CLI uses. Prints JSON.
import { createRequire } from 'node:module'
import { statSync } from 'node:fs'
import { join } from 'node:path'

const [subjectFile, folder, queryRepeats] = process.argv.slice(2)
const { openSession, readSession, syncSession } = createRequire(import.meta.url)(subjectFile)

const session = readSession(folder)
const cpuFrom = process.cpuUsage()
const { spans, problems, durationMs } = await syncSession(session)
const { user, system } = process.cpuUsage(cpuFrom)
if (problems.length > 0) throw new Error(JSON.stringify(problems))

const reader = await openSession(session, { sync: false })
const [{ stored }] = await reader.rows('SELECT count(*) AS stored FROM spans')
if (stored !== spans || spans === 0) throw new Error(`${spans} spans synced, ${stored} in the view`)

const [{ span_id: id }] = await reader.rows(`SELECT span_id FROM spans LIMIT 1 OFFSET ${Math.floor(spans / 2)}`)
const queries = {
  'one span by id': { sql: `SELECT * FROM spans WHERE span_id = '${id}'`, rows: 1 },
  'p95 by name': { sql: 'SELECT name, count(*) AS calls, quantile_cont(duration_ms, 0.95) AS p95 FROM spans GROUP BY name', rows: 12 },
  scan: {
    sql: 'SELECT layer, count(*) AS calls, sum(duration_ms) AS total, max(duration_ms) AS longest FROM spans GROUP BY layer',
    rows: 2,
  },
}
const queryMs = {}
for (const [name, query] of Object.entries(queries)) queryMs[name] = await time(query)
reader.close()

process.stdout.write(
  JSON.stringify({
    spans,
    spansPerSecond: (spans / durationMs) * 1000,
    cpuUsPerSpan: (user + system) / spans,
    bytesPerSpan: statSync(join(folder, 'session.duckdb')).size / spans,
    queryMs,
  }),
)

/** Warm, on one connection, from the text of the query to rows in JavaScript. */
async function time({ sql, rows }) {
  const ms = []
  for (let repeat = -2; repeat < Number(queryRepeats); repeat += 1) {
    const from = performance.now()
    const found = await reader.rows(sql)
    if (repeat >= 0) ms.push(performance.now() - from)
    if (found.length !== rows) throw new Error(`${found.length} rows instead of ${rows}: ${sql}`)
  }
  return ms
}
