import { defineIntegration, target, type Call, type Outcome, type SpanEnd, type SpanStart } from '../core/integration.ts'
import { MAPPER_ATTRIBUTES, endpointOf, failed, mapperCall, type Endpoint } from '../semantics/db.ts'

// knex 2 and 3: one span per query that is run, named by table and method, with the driver's spans and the wait for a connection below it.
// Builders are thenables that run when somebody waits for them; the runner that this makes is hooked, the builder is not touched.

interface Settings {
  host?: string
  port?: number
  database?: string
  filename?: string
}

interface Client {
  dialect?: string
  connectionSettings?: Settings
}

/** A query, a raw statement or a change of the schema. */
interface Builder {
  _method?: string
  _single?: { table?: unknown }
  _sequence?: { method?: string; args?: unknown[] }[]
}

interface Runner {
  client: Client
  builder: Builder
}

type RunCall = { self: Runner; args: []; result: unknown }

const VERSIONS = '>=2.0.0 <4'
const RUNNER = { file: 'lib/execution/runner', versions: VERSIONS }

export default defineIntegration({
  name: 'knex',
  module: 'knex',
  kind: 'db',
  records: {
    spans: ['users.select', 'users.createTable', 'knex.raw'],
    attributes: [
      'db.system.name',
      'db.namespace',
      'server.address',
      'server.port',
      'db.collection.name',
      'db.response.returned_rows',
      'perf.db.affected_rows',
      'db.response.status_code',
      ...MAPPER_ATTRIBUTES,
      'perf.stream.end',
      'perf.stream.chunks',
      'perf.stream.time_to_first_chunk_ms',
      'perf.stream.max_gap_ms',
      'perf.stream.mean_gap_ms',
    ],
    against: 'PostgreSQL',
  },
  targets: [
    target<RunCall>({ ...RUNNER, path: 'prototype.run', settles: 'promise', start: startRun, end: endRun }),
    target<RunCall>({ ...RUNNER, path: 'prototype.stream', settles: 'stream', start: startRun, end: endRun }),
  ],
})

function startRun({ self: { client, builder } }: Call<RunCall>): SpanStart {
  const change = builder._sequence?.[0]
  const table = tableOf(change === undefined ? builder._single?.table : change.args?.[0])
  const method = change?.method ?? builder._method ?? 'raw'
  return mapperCall(endpoint(client), table ?? 'knex', method, table)
}

/** `things`, `things as t` and `{ t: 'things' }`; a subquery has no name. */
function tableOf(table: unknown): string | undefined {
  const given: unknown = typeof table === 'object' && table !== null && !('toSQL' in table) ? Object.values(table)[0] : table
  return typeof given === 'string' && given !== '' ? given.split(/\s+as\s+/i, 1)[0] : undefined
}

function endRun({ self: { builder } }: Call<RunCall>, outcome: Outcome): SpanEnd | undefined {
  if (!outcome.ok) return failure(outcome.error)
  const { result } = outcome
  const method = builder._method
  if (method === undefined) return undefined
  if (method === 'first') return { attributes: { 'db.response.returned_rows': result === undefined ? 0 : 1 } }
  if (Array.isArray(result) && method !== 'insert') return { attributes: { 'db.response.returned_rows': result.length } }
  return typeof result === 'number' && method !== 'insert' ? { attributes: { 'perf.db.affected_rows': result } } : undefined
}

/** knex puts the statement with its values before the message of the database. */
function failure(error: unknown): SpanEnd {
  const { code, message } = error as { code?: unknown; message?: unknown }
  const end = failed(error, typeof code === 'string' ? code : undefined)
  if (typeof message !== 'string' || !message.includes(' - ')) return end
  return { ...end, exceptionMessage: failed(new Error(message.slice(message.lastIndexOf(' - ') + 3)), undefined).exceptionMessage }
}

const SYSTEMS: Readonly<Record<string, string>> = { sqlite3: 'sqlite', mssql: 'microsoft.sql_server', oracle: 'oracle.db' }

function endpoint(client: Client): Endpoint {
  return endpointOf(client, ({ dialect = 'other_sql', connectionSettings: { host, port, database, filename } = {} }) => ({
    system: SYSTEMS[dialect] ?? dialect,
    host,
    port: port === undefined ? undefined : Number(port),
    namespace: database ?? filename,
  }))
}
