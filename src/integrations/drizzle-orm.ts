import { defineIntegration, target, type Call, type Outcome, type SpanEnd, type SpanStart } from '../core/integration.ts'
import { originOf } from '../core/origin.ts'
import { MAPPER_ATTRIBUTES, endpointAt, failed, mapperCall } from '../semantics/db.ts'

// drizzle-orm: one span per query that is run, named by table and operation, with the driver's spans below it. Queries are thenables that run
// when somebody waits for them; what runs then is the prepared query of the session that `drizzle()` made, and that is hooked.

/** Of a session, made anew for each run of a builder. */
interface Prepared {
  /** Since 0.44, and not of relational and raw queries. Its `type` is wrong for updates. */
  queryMetadata?: { tables?: string[] }
}

interface Session {
  dialect?: { constructor: Record<symbol, unknown> }
}

type RunCall = { self: Prepared; args: []; result: unknown }

const VERSIONS = '>=0.30.0 <1'
const DRIVERS = [
  'node-postgres',
  'postgres-js',
  'pglite',
  'mysql2',
  'better-sqlite3',
  'libsql',
  'neon-http',
  'neon-serverless',
  'vercel-postgres',
]
const METHODS = ['execute', 'all', 'get', 'run', 'values']

export default defineIntegration({
  name: 'drizzle-orm',
  module: 'drizzle-orm',
  kind: 'db',
  records: {
    spans: ['users.select', 'drizzle.begin'],
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
    ],
    against: 'PostgreSQL, SQLite',
  },
  esmFiles: DRIVERS.map((driver) => `drizzle-orm/${driver}/driver.js`),
  errors: [{ path: 'DrizzleQueryError', versions: '>=0.44.0 <1', message: () => 'Failed query' }],
  targets: METHODS.map((method) =>
    target<RunCall>({
      file: new RegExp(`^(?:${DRIVERS.join('|')})/driver$`),
      path: `drizzle().session.__proto__.prepareQuery().${method}`,
      versions: VERSIONS,
      settles: 'promise',
      // `all` of SQLite runs `values`.
      outermost: true,
      start: startRun,
      end: endRun,
    }),
  ),
})

function startRun({ self }: Call<RunCall>): SpanStart | undefined {
  const origin = originOf(self)
  const sql = sqlOf(self)
  if (origin === undefined || sql === undefined) return undefined
  const endpoint = endpointAt({ system: systemOf(origin.self as Session), host: undefined, port: undefined, namespace: undefined })
  const { attributes } = endpoint.statement(sql, true)
  const [operation = 'execute', target] = String(attributes?.['db.query.summary'] ?? '').split(' ')
  const table = self.queryMetadata?.tables?.[0] ?? nameOf(attributes?.['db.collection.name'] ?? target)
  return mapperCall(endpoint, table ?? 'drizzle', operation.toLowerCase(), table)
}

function sqlOf(prepared: Prepared): string | undefined {
  return (originOf(prepared)?.args[0] as { sql?: string } | undefined)?.sql
}

/** `"things"` and `` `things` `` without their quotes; of a path the last part. A subquery has none. */
function nameOf(collection: unknown): string | undefined {
  if (collection === 'select') return undefined
  const [, name] = typeof collection === 'string' ? (/([^".`]+)["`]?$/.exec(collection) ?? []) : []
  return name
}

function systemOf({ dialect }: Session): string {
  const kind = String(dialect?.constructor[Symbol.for('drizzle:entityKind')])
  return kind.startsWith('Pg') ? 'postgresql' : kind.startsWith('MySql') ? 'mysql' : kind.startsWith('SQLite') ? 'sqlite' : 'other_sql'
}

function endRun({ self }: Call<RunCall>, outcome: Outcome): SpanEnd | undefined {
  if (!outcome.ok) return failure(outcome.error)
  // What else gives a list says what was written.
  const isRead = /^[\s(]*(?:select|with)\b/i.test(sqlOf(self) ?? '')
  return isRead && Array.isArray(outcome.result) ? { attributes: { 'db.response.returned_rows': outcome.result.length } } : undefined
}

/** Since 0.44 the driver's error is the cause of one that quotes statement and parameters. */
function failure(error: unknown): SpanEnd {
  const { cause, params } = error as { cause?: unknown; params?: unknown }
  const { code } = (params === undefined ? error : cause) as { code?: unknown }
  const end = failed(error, typeof code === 'string' ? code : undefined)
  return params === undefined ? end : { ...end, exceptionMessage: 'Failed query' }
}
