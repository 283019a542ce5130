import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SCHEMA_VERSION } from '../../src/store/analytics/schema.ts'
import { viewDocs } from '../../src/store/analytics/view-docs.ts'
import { openSession, type SessionReader } from '../../src/store/query.ts'
import { readSession } from '../../src/store/session.ts'
import { generateSession } from '../support/generate-session.ts'

let dir: string
let reader: SessionReader
beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-views-'))
  reader = await openSession(readSession(await generateSession({ dir, instances: [] })))
})
afterAll(() => {
  reader.close()
  rmSync(dir, { recursive: true, force: true })
})

const columnsOf = (view: string): Promise<{ column_name: string; column_type: string }[]> =>
  reader.rows(`SELECT column_name, column_type FROM (DESCRIBE ${view})`)

describe('the SQL views', () => {
  it('are all documented', async () => {
    const views = await reader.rows<{ view_name: string }>(
      `SELECT view_name FROM duckdb_views() WHERE schema_name = 'main' AND NOT internal ORDER BY view_name`,
    )
    expect(views.map((row) => row.view_name)).toEqual(Object.keys(viewDocs).sort())
  })

  it.each(Object.keys(viewDocs))('%s has exactly the documented columns and is readable in an empty session', async (view) => {
    expect((await columnsOf(view)).map((row) => row.column_name)).toEqual(Object.keys(viewDocs[view]?.columns ?? {}))
    expect(await reader.rows(`SELECT * FROM ${view}`)).toEqual([])
  })

  it('stand in docs/sql-views.md (vitest -u writes it)', async () => {
    const sections: string[] = []
    for (const [name, view] of Object.entries(viewDocs)) {
      const rows = (await columnsOf(name)).map(
        ({ column_name: column, column_type: type }) => `| \`${column}\` | ${type} | ${view.columns[column] ?? ''} |`,
      )
      sections.push(`## ${name}\n\n${view.doc}\n\n| column | type | |\n|---|---|---|\n${rows.join('\n')}\n`)
    }
    await expect(`${HEAD}\n${sections.join('\n')}`).toMatchFileSnapshot('../../docs/sql-views.md')
  })

  it('have their tables and the schema version in docs/session-folder.md', async () => {
    const documented = readFileSync('docs/session-folder.md', 'utf8')
    const [, section = ''] = documented.split('## SQL: session.duckdb\n')
    expect(section).toContain(`\`schema_version\` (${SCHEMA_VERSION})`)
    const [, listed = ''] = /\nTables: ([^.]+)\./.exec(section) ?? []
    const tables = await reader.rows<{ table_name: string }>(
      `SELECT table_name FROM duckdb_tables() WHERE schema_name = 'store' ORDER BY table_name`,
    )
    expect([...listed.matchAll(/`(\w+)`/g)].map(([, name]) => name).sort()).toEqual(tables.map((row) => row.table_name))
  })
})

const HEAD = `# SQL views

\`perf-agent sql "<query>"\` runs DuckDB SQL over these views of the last session (\`--session\` for another), read-only; \`--json\` prints an
array of objects, \`--csv\` prints CSV. Times are UTC, ids are lower-case hex text. The columns below are a contract: they are only added to.
Views whose data nothing has recorded yet are empty. Schema version 2.

\`\`\`sql
SELECT name, count(*), quantile_cont(duration_ms, 0.95) AS p95 FROM spans GROUP BY name ORDER BY p95 DESC LIMIT 10;
SELECT model, sum(cost_usd), sum(input_tokens) FROM ai_calls GROUP BY model;
SELECT statement, count(*), avg(duration_ms) FROM queries GROUP BY statement ORDER BY 3 DESC;
SELECT name, sum(self_ms * weight) AS self_ms FROM calls GROUP BY name ORDER BY self_ms DESC;
SELECT attributes->>'http.route', count(*) FROM spans WHERE layer = 'http' GROUP BY 1;
\`\`\`

## For queries of your own

- **Sampled sessions**: a span stands for \`weight\` calls. Count with \`sum(weight)\`, add with \`sum(duration_ms * weight)\`, and take percentiles with
  \`weighted_quantile(duration_ms, weight, 0.95)\` or \`weighted_quantiles(duration_ms, weight, [0.5, 0.95, 0.99])\`: those of \`quantile_cont\` over a session in
  which each value occurs \`weight\` times. Where every weight is 1 they are \`quantile_cont\`. Values that are null do not count; there is no
  \`FILTER\`: write \`CASE WHEN … THEN duration_ms END\`.
- **Examples**: \`top_traces(trace_key, duration_ms)\` gives the ids of up to three traces, the largest first, ties in the order of their ids, without keeping
  a list of all. Rows whose key is null are left out.
- **Attributes**: \`(attributes->>'http.route') = '/chat'\`, with parentheses: DuckDB would compare first.
- **Large sessions** (millions of spans): join on \`span_key\`, \`parent_key\` and \`trace_key\`; the ids are text that is made when asked for. \`traces\` and
  \`self_ms\` are computed by sync and only read. Every view over spans has the keys, so \`ai_calls\` needs no join with \`spans\` to find its caller:
  \`FROM ai_calls a LEFT JOIN spans p ON p.span_key = a.parent_key\`. Each \`attributes->>'…'\` reads the JSON of a span again: narrow down by \`layer\`
  and \`kind\` first, and look for a rare key with \`contains(attributes, '"the.key"')\` before reading it.
`
