// Databases of older versions whose blocks are gone: everything that is computed from their rows is there afterwards.
import { rmSync } from 'node:fs'
import path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, it } from 'vitest'
import { openSession, type SessionReader } from '../../src/store/query.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const node = (name: string, layer: string, attributes: Node['attributes'] = {}, children: readonly Node[] = [], ms: Node['ms'] = [0, 10]): Node => ({
  name, layer, ms, attributes, children, kind: 'internal',
}) // prettier-ignore
const USAGE = { 'gen_ai.operation.name': 'chat', 'gen_ai.usage.input_tokens': 7 }
const RECORDED = [
  node('GET /', 'http', {}, [
    node('assistant', 'workflow', { 'gen_ai.conversation.id': 'c1', 'gen_ai.agent.name': 'helper' }, [
      node('framework', 'ai', USAGE, [node('sdk', 'ai', USAGE, [], [2, 4])], [1, 6]),
      node('lookup', 'tool', {}, [], [7, 8]),
    ]),
  ]),
  node('GET /other', 'http', {}, [node('SELECT', 'db', {}, [], [0, 3])]),
  node('alone', 'function'),
]

/** Tables of the first version: what came since is not there. */
const FIRST = [
  ...['traces', 'covered', 'late_traces', 'findings_of', 'ai_context', 'scores', 'ai_uncounted'].map(
    (table) => `DROP TABLE store.${table}`,
  ),
  'ALTER TABLE store.findings DROP data',
  'ALTER TABLE store.findings DROP position',
  `UPDATE store.meta SET value = '1' WHERE key = 'schema_version'`,
  `DELETE FROM store.meta WHERE key NOT IN ('session', 'schema_version')`,
]
/** A summary with other columns, as it was while the second version came to be. */
const OTHER_COLUMNS = [
  ...['name', 'status', 'layers'].map((column) => `ALTER TABLE store.traces DROP ${column}`),
  'ALTER TABLE store.covered RENAME covered_ns TO covered',
  'ALTER TABLE store.ai_context DROP agent',
  `UPDATE store.meta SET value = 'others' WHERE key IN ('tables', 'views')`,
]
/** Every trace came in parts, and nothing was computed when the sync was killed. */
const BROKEN_OFF = [
  'INSERT INTO store.late_traces SELECT trace_id FROM store.traces',
  'DELETE FROM store.ai_uncounted',
  'DELETE FROM store.ai_context',
  `DELETE FROM store.meta WHERE key = 'ai_noted'`,
]

it.each([
  ['the first version', FIRST],
  ['a version with other summaries', OTHER_COLUMNS],
  ['a sync that broke off', BROKEN_OFF],
])('a database of %s is summarized as one that was synced at once', async (_, changes) => {
  const reader = await recordingOf(RECORDED)
  const { session } = reader
  const before = await summaries(reader)
  reader.close()
  const instance = await DuckDBInstance.create(path.join(session.folder, 'session.duckdb'))
  const connection = await instance.connect()
  // A view keeps the table it reads from being changed.
  const views = await connection.runAndReadAll(`SELECT view_name FROM duckdb_views() WHERE schema_name = 'main' AND NOT internal`)
  if (changes !== BROKEN_OFF) for (const [view] of views.getRows()) await connection.run(`DROP VIEW main."${String(view)}"`)
  for (const change of changes) await connection.run(change)
  connection.closeSync()
  instance.closeSync()
  rmSync(path.join(session.folder, 'hot'), { recursive: true, force: true })
  const again = await openSession(session)
  expect(await summaries(again)).toEqual(before)
  again.close()
})

async function summaries(reader: SessionReader): Promise<unknown> {
  const queries = [
    'SELECT * FROM traces ORDER BY trace_id',
    'SELECT span_id, self_ms FROM self_times ORDER BY span_id',
    'SELECT name, conversation, conversation_source, agent FROM ai_calls ORDER BY name',
    'SELECT name, conversation, agent FROM tool_calls',
    'SELECT span_id, is_wrapper FROM calls ORDER BY span_id',
  ]
  const results = await Promise.all(queries.map((sql) => reader.rows(sql)))
  expect(results.map((rows) => rows.length)).toEqual([3, 8, 1, 1, 8])
  return results
}
