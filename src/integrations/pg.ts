import { binding, defineIntegration, target, type Call, type Outcome, type SpanEnd, type SpanStart } from '../core/integration.ts'
import { endpointOf, failed, withParameters, type Endpoint } from '../semantics/db.ts'

// pg 8 with pg-pool 3 and pg-cursor 2, and its client over libpq (`pg.native`). One span per statement, whether it is sent by a
// client or a pool, with a callback, a promise, a cursor or a stream. A pool that makes its caller wait adds `pool.connect`.

interface Client {
  host?: string
  port?: number
  database?: string
}

interface Pool {
  options: { max?: number }
  _clients: Client[]
  _idle: unknown[]
  _pendingQueue: unknown[]
}

/** What `client.query` takes: text, a configuration, or an object that submits itself (Query, Cursor, QueryStream). */
interface QueryConfig {
  text?: string
  values?: unknown[] | null
  callback?: unknown
  submit?: unknown
  cursor?: QueryConfig
}

/** A query object that pg drives; `handleReadyForQuery` comes last, however it ended. */
interface Submittable extends QueryConfig {
  _result?: Result
  handleDataRow(message: unknown): unknown
  handleError(error: unknown, connection: unknown): unknown
  handleReadyForQuery(connection: unknown): unknown
}

interface Result {
  command?: string | null
  rowCount?: number | null
  rows?: unknown[]
}

type QueryCall = {
  self: Client
  args: [query: string | QueryConfig | null | undefined, values?: unknown]
  result: Result | Result[] | Submittable
}
type ConnectCall = { self: Client; args: []; result: unknown }
type PoolCall = { self: Pool; args: []; result: Client }

/** A query object of `pg.native`. */
interface NativeQuery extends QueryConfig {
  handleError(error: unknown): unknown
  emit(event: string, ...values: unknown[]): unknown
}

const PG = '>=8.0.3 <9'

const query = { versions: PG, settles: 'callback' as const, start: startQuery, end: endQuery, observe: observeSubmittable }
const connect = {
  versions: PG,
  settles: 'callback' as const,
  start: ({ self }: Call<ConnectCall>) => ({
    name: `connect ${self.database ?? ''}`.trim(),
    kind: 'client' as const,
    attributes: endpoint(self).attributes,
  }),
  end: (_call: Call<ConnectCall>, outcome: Outcome) => (outcome.ok ? undefined : failed(outcome.error, codeOf(outcome.error))),
}
/** Loaded when an app first asks for `pg.native`. */
const NATIVE = 'lib/native/client'

/** An idle connection is handed out without a span; the callback must run in its caller's context all the same. */
const poolConnect = {
  path: 'prototype.connect',
  versions: '>=3 <4',
  settles: 'callback' as const,
  start: startWait,
  end: endWait,
  bindsCallback: true,
  measures: 'perf.pool.wait_ms',
}

export default defineIntegration({
  name: 'pg',
  module: ['pg', 'pg-pool', 'pg-cursor'],
  kind: 'db',
  records: {
    spans: ['select', 'pool.connect', 'connect test', 'select things', 'insert things'],
    attributes: [
      'db.collection.name',
      'db.namespace',
      'db.operation.name',
      'db.query.summary',
      'db.query.text',
      'db.response.returned_rows',
      'db.response.status_code',
      'db.system.name',
      'perf.db.affected_rows',
      'perf.pool.connections',
      'perf.pool.max',
      'perf.pool.wait_ms',
      'perf.pool.waiting',
      'server.address',
      'server.port',
    ],
    against: 'PostgreSQL, also over libpq (`pg.native`)',
  },
  inBundle: ['Client has already been connected. You cannot reuse a client'],
  targets: [
    target<QueryCall>({
      ...query,
      path: 'Client.prototype.query',
      // Text is queued or written to a socket that is there. An object of the app's is asked to write itself.
      callersContext: ({ args: [statement] }) => typeof statement === 'string',
    }),
    target<ConnectCall>({ ...connect, path: 'Client.prototype.connect' }),
    target<QueryCall>({ ...query, file: NATIVE, path: 'prototype.query' }),
    target<ConnectCall>({ ...connect, file: NATIVE, path: 'prototype.connect' }),
    target<PoolCall>(poolConnect),
    binding({ path: 'prototype.read', versions: '>=2 <3', callback: 1 }),
    binding({ path: 'prototype.close', versions: '>=2 <3', callback: 0 }),
  ],
})

function startQuery({ self, args: [query, second] }: Call<QueryCall>): SpanStart | undefined {
  if (query === null || query === undefined) return undefined
  if (typeof query === 'string') return startStatement(self, query, second)
  if (typeof query.submit === 'function') {
    const { text, values } = query.cursor ?? query
    return { ...startStatement(self, text, values), settles: 'observed' }
  }
  // A callback inside the configuration is not seen; a span that ends at once would lie.
  return typeof query.callback === 'function' ? undefined : startStatement(self, query.text, Array.isArray(second) ? second : query.values)
}

function startStatement(client: Client, text: unknown, values: unknown): SpanStart {
  const parameters = Array.isArray(values) && values.length > 0 ? (values as unknown[]) : undefined
  return withParameters(endpoint(client).statement(typeof text === 'string' ? text : '', parameters !== undefined), parameters)
}

function endQuery(_call: Call<QueryCall>, outcome: Outcome<Result | Result[] | Submittable>): SpanEnd | undefined {
  if (!outcome.ok) return failed(outcome.error, codeOf(outcome.error))
  const last = Array.isArray(outcome.result) ? outcome.result.at(-1) : (outcome.result as Result | undefined)
  const { command, rowCount, rows } = last ?? {}
  if (typeof rowCount !== 'number') return undefined
  if (command === 'SELECT') return { attributes: { 'db.response.returned_rows': rowCount } }
  const returned = rows !== undefined && rows.length > 0 ? rows.length : undefined
  return { attributes: { 'perf.db.affected_rows': rowCount, 'db.response.returned_rows': returned } }
}

/**
 * Ends when the server is ready again; `handleError` comes before that. Own methods, not events: an `error` listener of ours
 * would hide errors. Rows are counted because a cursor's result knows its last portion only.
 */
function observeSubmittable(_call: Call<QueryCall>, result: unknown, end: (outcome: Outcome, more?: SpanEnd) => void): void {
  const query = result as Submittable
  if (typeof query.handleReadyForQuery !== 'function') return observeNative(result as NativeQuery, end)
  const { handleDataRow, handleError, handleReadyForQuery } = query
  let rows = 0
  replace(query, 'handleDataRow', function (this: Submittable, message: unknown) {
    rows++
    return handleDataRow.call(this, message)
  })
  replace(query, 'handleError', function (this: Submittable, error: unknown, connection: unknown) {
    end({ ok: false, error })
    return handleError.call(this, error, connection)
  })
  replace(query, 'handleReadyForQuery', function (this: Submittable, connection: unknown) {
    if (rows > 0) end({ ok: true, result: undefined }, { attributes: { 'db.response.returned_rows': rows } })
    else end({ ok: true, result: this._result })
    return handleReadyForQuery.call(this, connection)
  })
}

/** The code of an error is put onto it in `handleError`, which tells the app of it then. */
function observeNative(query: NativeQuery, end: (outcome: Outcome) => void): void {
  const { emit, handleError } = query
  replace(query, 'emit', function (this: NativeQuery, event: string, ...values: unknown[]) {
    if (event === 'end') end({ ok: true, result: values[0] })
    if (event === 'error') end({ ok: false, error: values[0] })
    return emit.call(this, event, ...values)
  })
  replace(query, 'handleError', function (this: NativeQuery, error: unknown) {
    try {
      return handleError.call(this, error)
    } finally {
      end({ ok: false, error })
    }
  })
}

function replace(query: QueryConfig, key: 'handleDataRow' | 'handleError' | 'handleReadyForQuery' | 'emit', value: unknown): void {
  const enumerable = Object.prototype.propertyIsEnumerable.call(query, key)
  Object.defineProperty(query, key, { value, enumerable, configurable: true, writable: true })
}

/** A span only when the caller has to wait for a connection: all are in use, or a new one has to be made. */
function startWait({ self }: Call<PoolCall>): SpanStart | undefined {
  const { _idle: idle, _pendingQueue: pending, _clients: clients, options } = self
  if (idle.length > pending.length) return undefined
  const attributes = { 'perf.pool.max': options.max, 'perf.pool.connections': clients.length, 'perf.pool.waiting': pending.length }
  return { name: 'pool.connect', attributes: { 'db.system.name': 'postgresql', ...attributes } }
}

function endWait(_call: Call<PoolCall>, outcome: Outcome<Client>): SpanEnd | undefined {
  if (!outcome.ok) return failed(outcome.error, codeOf(outcome.error))
  const { 'db.system.name': _known, ...where } = endpoint(outcome.result).attributes
  return { attributes: where }
}

function endpoint(client: Client): Endpoint {
  return endpointOf(client, ({ host, port, database }) => ({ system: 'postgresql', host, port, namespace: database }))
}

/** SQLSTATE, or the code of a socket error. */
function codeOf(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined
  return typeof code === 'string' ? code : undefined
}
