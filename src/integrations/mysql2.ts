import { binding, defineIntegration, target, type Call, type Outcome, type SpanEnd, type SpanStart } from '../core/integration.ts'
import { STATEMENT_ATTRIBUTES, POOL_ATTRIBUTES, endpointOf, failed, withParameters, type Endpoint } from '../semantics/db.ts'

// mysql2 3, its callbacks and its promises. One span per statement, whether it is sent by a connection or a pool, as text (`query`) or
// prepared (`execute`), read at once or as a stream. A pool that makes its caller wait adds `pool.connect`. The channels that mysql2
// publishes since 3.20 are not used: they do not say how many rows came back, and begin after the wait for a connection.

interface Config {
  host?: string
  port?: number
  socketPath?: string
  database?: string
}

interface Connection {
  config: Config
}

interface Queue {
  length: number
}

interface Pool {
  config: { connectionLimit?: number; connectionConfig: Config }
  _freeConnections: Queue
  _allConnections: Queue
  _connectionQueue: Queue
}

interface Options {
  sql?: string
  values?: unknown
}

/** What `query` and `execute` return; the pool makes its own and gives it to the connection. */
interface Command extends Options {
  onResult?: (error: unknown, rows?: unknown) => void
  emit(event: string, value?: unknown): boolean
}

/** What `prepare` hands to its callback. */
interface Prepared {
  query: string
  _connection: Connection
}

/** Of a statement that returns no rows. */
interface Header {
  affectedRows?: number
}

type QueryCall = { self: Connection; args: [query: string | Options | Command | null | undefined, values?: unknown]; result: unknown }
type PreparedCall = { self: Prepared; args: [values?: unknown]; result: unknown }
type PoolCall = { self: Pool; args: []; result: Connection }

/** Since 3.11.5 the classes have a base without promises. */
const PLACES = [
  { folder: 'lib', versions: '>=3.0.0 <3.11.5' },
  { folder: 'lib/base', versions: '>=3.11.5 <4' },
]

export default defineIntegration({
  name: 'mysql2',
  module: 'mysql2',
  kind: 'db',
  records: {
    spans: ['SELECT users', 'pool.connect'],
    attributes: [...STATEMENT_ATTRIBUTES, ...POOL_ATTRIBUTES, 'perf.pool.max'],
    against: 'MariaDB',
  },
  inBundle: ['Bind parameters must be array if namedPlaceholders parameter is not enabled'],
  targets: PLACES.flatMap(({ folder, versions }) => [
    ...['query', 'execute'].map((method) =>
      target<QueryCall>({
        file: `${folder}/connection`,
        path: `prototype.${method}`,
        versions,
        settles: 'callback',
        start: startQuery,
        end: endQuery,
        observe: observeCommand,
      }),
    ),
    target<PreparedCall>({
      file: `${folder}/connection`,
      path: 'prototype.prepare(=>).execute',
      versions,
      settles: 'callback',
      start: ({ self, args }) => startStatement(self._connection, self.query, typeof args[0] === 'function' ? undefined : args[0], args),
      end: endQuery,
      observe: observeCommand,
    }),
    target<PoolCall>({
      file: `${folder}/pool`,
      path: 'prototype.getConnection',
      versions,
      settles: 'callback',
      start: startWait,
      end: (_call, outcome) => (outcome.ok ? undefined : failed(outcome.error, codeOf(outcome.error))),
      bindsCallback: true,
      measures: 'perf.pool.wait_ms',
    }),
    // The pool sends what it was given when a connection is free, and answers from there.
    binding({ file: `${folder}/pool`, path: 'prototype.query', versions }),
  ]),
})

function startQuery({ self, args }: Call<QueryCall>): SpanStart | undefined {
  const [query, second] = args
  if (query === null || query === undefined) return undefined
  const options: Options = typeof query === 'string' ? { sql: query } : query
  const values = typeof second === 'function' || second === undefined ? options.values : second
  return startStatement(self, options.sql, values, args)
}

function startStatement(connection: Connection, sql: string | undefined, values: unknown, args: readonly unknown[]): SpanStart {
  const start = endpoint(connection).statement(sql ?? '', values !== undefined)
  const described = values === undefined ? start : withParameters(start, Array.isArray(values) ? (values as unknown[]) : [values])
  return typeof args.at(-1) === 'function' ? described : { ...described, settles: 'observed' }
}

function endQuery(_call: unknown, outcome: Outcome): SpanEnd | undefined {
  if (!outcome.ok) return failed(outcome.error, codeOf(outcome.error))
  const { result } = outcome
  const rows = Array.isArray(result) ? (result as unknown[]) : undefined
  // Several statements give a list of lists of rows.
  const last = Array.isArray(rows?.[0]) || isHeader(rows?.[0]) ? rows?.at(-1) : result
  if (isHeader(last)) return { attributes: { 'perf.db.affected_rows': last.affectedRows } }
  return Array.isArray(last) ? { attributes: { 'db.response.returned_rows': last.length } } : undefined
}

/** Without a callback of its own: the pool's command, which has one, or a command that the app reads by its events or as a stream. */
function observeCommand(_call: unknown, result: unknown, end: (outcome: Outcome, more?: SpanEnd) => void): void {
  const command = result as Command
  const { onResult, emit } = command
  if (typeof onResult === 'function') {
    command.onResult = function (this: unknown, ...args) {
      const [error, rows] = args
      end(error === null || error === undefined ? { ok: true, result: rows } : { ok: false, error })
      return onResult.apply(this, args)
    }
    return
  }
  let rows = 0
  let header: Header | undefined
  const watching = function (this: Command, ...args: [event: string, value?: unknown]): boolean {
    const [event, value] = args
    if (event === 'result' && isHeader(value)) header = value
    else if (event === 'result') rows++
    else if (event === 'error') end({ ok: false, error: value })
    else if (event === 'end') end({ ok: true, result: header }, header === undefined ? { attributes: { 'db.response.returned_rows': rows } } : undefined) // prettier-ignore
    return emit.apply(this, args)
  }
  Object.defineProperty(command, 'emit', { value: watching, configurable: true, writable: true, enumerable: false })
}

function isHeader(value: unknown): value is Header {
  return typeof value === 'object' && value !== null && value.constructor.name === 'ResultSetHeader'
}

/** A span only when the caller has to wait for a connection: all are in use, or a new one has to be made. */
function startWait({ self }: Call<PoolCall>): SpanStart | undefined {
  const { _freeConnections: free, _allConnections: all, _connectionQueue: queue, config } = self
  if (free.length > 0) return undefined
  const attributes = {
    ...endpointOf(self, () => addressOf(config.connectionConfig)).attributes,
    'perf.pool.max': config.connectionLimit,
    'perf.pool.connections': all.length,
    'perf.pool.waiting': queue.length,
  }
  return { name: 'pool.connect', attributes }
}

function endpoint(connection: Connection): Endpoint {
  return endpointOf(connection, ({ config }) => addressOf(config))
}

function addressOf({ host, port, socketPath, database }: Config) {
  return { system: 'mysql', host: socketPath ?? host, port: socketPath === undefined ? port : undefined, namespace: database }
}

/** `ER_…` of the server, or the code of a socket error. */
function codeOf(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined
  return typeof code === 'string' ? code : undefined
}
