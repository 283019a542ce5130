import { defineIntegration, target, type Call, type Outcome, type SpanEnd, type SpanStart } from '../core/integration.ts'
import { originOf } from '../core/origin.ts'
import {
  STATEMENT_ATTRIBUTES,
  POOL_ATTRIBUTES,
  endpointAt,
  endpointOf,
  failed,
  withParameters,
  type Address,
  type Endpoint,
} from '../semantics/db.ts'

// mariadb 2.5 and 3, its promises and its callbacks. One span per statement of a connection or pool. The classes are not exported and since
// 3.5 `require` gives one bundled file, so they are reached through `createPool` and `createConnection`. A pool that makes its caller wait
// adds `pool.connect`.

/** What `createPool` and `createConnection` take: a connection string, or options. */
interface Options {
  host?: string
  port?: number
  socketPath?: string
  database?: string
  connectionLimit?: number
}

interface Counts {
  idleConnections(): number
  totalConnections(): number
  taskQueueSize(): number
}

/** A connection inside the library. */
interface BaseConnection {
  opts?: Options
}

interface Statement {
  sql?: string
  values?: unknown
}

/** Of a statement that returns no rows. */
interface OkPacket {
  affectedRows?: number
}

type StatementCall = { self: object | undefined; args: [sql?: string | Statement, values?: unknown]; result: unknown }
type PlainCall = { self: object | undefined; args: []; result: unknown }
type WaitCall = { self: Counts; args: []; result: unknown }

const VERSIONS = '>=2.5.6 <4'
/** The callback API, and the two bundles that `require` gives since 3.5. */
const FILES = [undefined, /^(?:callback|dist\/(?:promise|callback))$/] as const
const CONNECTIONS = ['createConnection()', 'createPool().getConnection()', 'createPool().getConnection(=>)']
const TRANSACTIONS = { beginTransaction: 'START TRANSACTION', commit: 'COMMIT', rollback: 'ROLLBACK' }

export default defineIntegration({
  name: 'mariadb',
  module: 'mariadb',
  kind: 'db',
  records: {
    spans: ['SELECT users', 'pool.connect'],
    attributes: [
      ...STATEMENT_ATTRIBUTES,
      ...POOL_ATTRIBUTES,
      'db.operation.batch.size',
      'perf.stream.end',
      'perf.stream.chunks',
      'perf.stream.time_to_first_chunk_ms',
      'perf.stream.max_gap_ms',
      'perf.stream.mean_gap_ms',
    ],
    against: 'MariaDB',
  },
  esmFiles: ['mariadb/callback.js', 'mariadb/lib/pool.js'],
  inBundle: ['Cannot execute new commands: connection closed'],
  targets: FILES.flatMap((file) => [
    ...[...CONNECTIONS, 'createPool()'].flatMap((owner) => [
      target<StatementCall>({ ...at(file, `${owner}.query`), start: startStatement, end: endStatement }),
      target<StatementCall>({ ...at(file, `${owner}.execute`), start: startStatement, end: endStatement }),
      target<StatementCall>({ ...at(file, `${owner}.batch`), start: startBatch, end: endStatement }),
    ]),
    ...CONNECTIONS.flatMap((owner) => [
      target<StatementCall>({ ...at(file, `${owner}.queryStream`), settles: 'stream', start: startStatement, end: endStatement }),
      ...Object.entries(TRANSACTIONS).map(([method, sql]) =>
        target<PlainCall>({
          ...at(file, `${owner}.${method}`),
          start: ({ self }) => endpoint(self)?.statement(sql, false),
          end: endStatement,
        }),
      ),
    ]),
  ]).concat(
    // The pool itself, also inside `pool.query`: in version 2, and where 3.5 is required, its class is out of reach, only `getConnection` is not.
    wait({ file: 'lib/pool', path: 'default.prototype.getConnection', versions: '>=3.0.0 <4' }),
    wait({ path: 'createPool().getConnection', versions: '>=2.5.6 <3 || >=3.5.1 <4' }),
    wait({ file: FILES[1], path: 'createPool().getConnection', versions: '>=2.5.6 <3 || >=3.5.1 <4' }),
  ),
})

function at(file: RegExp | undefined, path: string) {
  return { ...(file && { file }), path, versions: VERSIONS, settles: 'callback', outermost: true } as const
}

function wait(place: { file?: string | RegExp; path: string; versions: string }) {
  return target<WaitCall>({
    ...place,
    settles: 'callback',
    bindsCallback: true,
    measures: 'perf.pool.wait_ms',
    start: startWait,
    end: endWait,
  })
}

function startStatement(call: Call<StatementCall>): SpanStart | undefined {
  const { self, args } = call
  const where = endpoint(self)
  const [statement, given] = args
  // Without a callback, the callback API answers by events, which are not watched.
  if (where === undefined || statement === undefined || (isCallbackApi(self) && typeof args.at(-1) !== 'function')) return undefined
  const { sql, values = given }: Statement = typeof statement === 'string' ? { sql: statement } : statement
  const parameters = typeof values === 'function' || values === null ? undefined : values
  const start = where.statement(sql ?? '', parameters !== undefined)
  return parameters === undefined ? start : withParameters(start, Array.isArray(parameters) ? (parameters as unknown[]) : [parameters])
}

function startBatch(call: Call<StatementCall>): SpanStart | undefined {
  const start = startStatement(call)
  const [statement, given] = call.args
  const rows = given ?? (statement as Statement).values
  if (start === undefined || !Array.isArray(rows)) return start
  return { ...start, attributes: { ...start.attributes, 'db.operation.batch.size': rows.length === 1 ? undefined : rows.length } }
}

function endStatement(_call: unknown, outcome: Outcome): SpanEnd | undefined {
  if (!outcome.ok) return failure(outcome.error)
  const { result } = outcome
  const rows = Array.isArray(result) ? (result as unknown[]) : undefined
  // The rows, a list of them for several statements, or what a statement without rows says.
  const last = isOk(rows?.[0]) || Array.isArray(rows?.[0]) ? rows?.at(-1) : result
  if (isOk(last)) return { attributes: { 'perf.db.affected_rows': last.affectedRows } }
  return Array.isArray(last) ? { attributes: { 'db.response.returned_rows': last.length } } : undefined
}

function isOk(value: unknown): value is OkPacket {
  return typeof value === 'object' && value !== null && 'affectedRows' in value && 'warningStatus' in value
}

/** A span only when the caller has to wait for a connection: all are in use, or a new one has to be made. */
function startWait({ self, module }: Call<WaitCall>): SpanStart | undefined {
  const isPublic = originOf(self) !== undefined
  if (self.idleConnections() > 0 || (isPublic && module.format === 'esm' && !module.version.startsWith('2.'))) return undefined
  const attributes = { 'perf.pool.connections': self.totalConnections(), 'perf.pool.waiting': self.taskQueueSize() }
  return { name: 'pool.connect', attributes: { ...(endpoint(self)?.attributes ?? { 'db.system.name': 'mariadb' }), ...attributes } }
}

function endWait(_call: unknown, outcome: Outcome): SpanEnd | undefined {
  if (!outcome.ok) return failure(outcome.error)
  const { opts } = outcome.result as BaseConnection
  return opts === undefined ? undefined : { attributes: endpointAt(addressOf(opts)).attributes }
}

/** The message goes on with the statement and its parameters. */
function failure(error: unknown): SpanEnd {
  const { code, message } = error as { code?: unknown; message?: unknown }
  const end = failed(error, typeof code === 'string' ? code : undefined)
  if (typeof message !== 'string' || !message.includes('\nsql: ')) return end
  return { ...end, exceptionMessage: failed(new Error(message.slice(0, message.indexOf('\nsql: '))), undefined).exceptionMessage }
}

/** Undefined inside version 2, whose pool calls its connections without `this`: the call on the pool has the span. */
function endpoint(owner: object | undefined): Endpoint | undefined {
  if (owner === undefined) return undefined
  const options = optionsOf(owner)
  return options === undefined ? undefined : endpointOf(owner, () => addressOf(options))
}

/** Of the call that made the connection, or the pool that the connection is from. */
function optionsOf(owner: object): Options | string | undefined {
  const origin = originOf(owner)
  if (origin === undefined) return undefined
  const [options] = origin.args
  if (typeof options === 'string' || (typeof options === 'object' && options !== null)) return options
  return typeof origin.self === 'object' && origin.self !== null ? optionsOf(origin.self) : undefined
}

function addressOf(options: Options | string): Address {
  const { host, port, socketPath, database } = typeof options === 'string' ? parse(options) : options
  return {
    system: 'mariadb',
    host: socketPath ?? host ?? 'localhost',
    port: socketPath === undefined ? (port ?? 3306) : undefined,
    namespace: database,
  }
}

/** `mariadb://user:password@host:port/database?options` without user and password. */
function parse(text: string): Options {
  const [, host, port, database] = /^(?:jdbc:)?(?:mariadb|mysql):\/\/(?:[^/?]*@)?([^:/?]+)(?::(\d+))?(?:\/([^?]*))?/.exec(text) ?? []
  return { ...(host && { host }), ...(port && { port: Number(port) }), ...(database && { database }) }
}

function isCallbackApi(owner: object | undefined): boolean {
  return ((owner as { query?: { length: number } } | undefined)?.query?.length ?? 0) > 2
}
