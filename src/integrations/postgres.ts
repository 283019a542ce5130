import { defineIntegration, target, type Call, type Outcome, type SpanEnd, type SpanStart } from '../core/integration.ts'
import { hiddenState } from '../core/hidden-state.ts'
import { originOf } from '../core/origin.ts'
import { STATEMENT_ATTRIBUTES, endpointAt, failed } from '../semantics/db.ts'

// postgres.js 3. A query is a promise that sends itself when somebody waits for it; it is never touched here. Its span begins where it is sent
// (`handle`) and ends where the library settles it. What a tagged template says with its fragments and helpers is known when a connection
// has built it, so names and texts come at the end. Which connection that is, and how long the query waited for one, is noted on the query.

/** Of the connection. Several hosts are tried in turn. */
interface Options {
  host: readonly string[]
  port: readonly number[]
  path?: string | undefined | false
  database: string
}

interface Query {
  strings: readonly string[]
  executed: boolean
  handler: { name: string }
  resolve(value: unknown): unknown
  reject(error: unknown): unknown
  cursorFn?: unknown
  /** Set by the connection. */
  statement?: { string?: string } | null
  parameters?: readonly unknown[]
}

/** Rows with what the server said about them. */
interface Result extends Array<unknown> {
  command?: string
  count?: number | null
}

type HandleCall = { self: Query; args: []; result: unknown }
type ConnectionCall = { self: object; args: [query: object]; result: unknown }

/** Since when a query is on its connection. */
const placed = hiddenState<{ options: Options; atMs: number }>('postgres')
const begun = hiddenState<{ atMs: number }>('postgres.begun')

const VERSIONS = '>=3.0.0 <4'
const QUERY = /^(?:cjs\/)?src\/query$/
const CONNECTION = /^(?:cjs\/)?src\/connection$/

export default defineIntegration({
  name: 'postgres',
  module: 'postgres',
  kind: 'db',
  records: { spans: ['SELECT users'], attributes: [...STATEMENT_ATTRIBUTES, 'perf.pool.wait_ms'], against: 'PostgreSQL' },
  esmFiles: ['postgres/src/query.js', 'postgres/src/connection.js'],
  inBundle: ['.stream has been renamed to .forEach'],
  targets: [
    target<HandleCall>({
      file: QUERY,
      path: 'Query.prototype.handle',
      versions: VERSIONS,
      settles: 'observed',
      start: startQuery,
      observe: observeQuery,
    }),
    ...['execute', 'connect'].map((method) =>
      target<ConnectionCall>({
        file: CONNECTION,
        path: `default().${method}`,
        versions: VERSIONS,
        settles: 'return',
        start: notePlace,
      }),
    ),
  ],
})

function startQuery({ self }: Call<HandleCall>): SpanStart | undefined {
  // It is asked to send itself by every `then`; what a connection asks for its own use goes to it directly.
  if (self.executed || self.handler.name === 'execute') return undefined
  begun.set(self, { atMs: performance.now() })
  const { name } = endpointAt({ system: 'postgresql', host: undefined, port: undefined, namespace: undefined }).statement(
    self.strings[0] ?? '',
    true,
  )
  return { name, kind: 'client', attributes: { 'db.system.name': 'postgresql' } }
}

/** No span: the connection of a query, for the end of its span. The first query of a new connection comes by `connect`. */
function notePlace({ self, args: [query] }: Call<ConnectionCall>): undefined {
  const options = originOf(self)?.args[0] as Options | undefined
  if (options !== undefined) placed.set(query, { options, atMs: performance.now() })
}

/** Own accessors: the library puts another `resolve` there for every step of a cursor. */
function observeQuery({ self }: Call<HandleCall>, _result: unknown, end: (outcome: Outcome, more?: SpanEnd) => void): void {
  watch(self, 'resolve', (value) =>
    end({ ok: true, result: undefined }, describe(self, resultOf(self, value as Result | Result[] | undefined))),
  )
  watch(self, 'reject', (error) => end({ ok: false, error }, describe(self, failed(error, codeOf(error)))))
}

function watch(query: Query, key: 'resolve' | 'reject', settled: (value: unknown) => void): void {
  let original = query[key]
  const watching = (value: unknown): unknown => {
    settled(value)
    return Reflect.apply(original, query, [value])
  }
  Object.defineProperty(query, key, {
    get: () => watching,
    set: (next: Query['resolve']) => {
      original = next
    },
    enumerable: true,
    configurable: true,
  })
}

/** What is known once the query was built: name, text, server, and the wait for a connection. */
function describe(query: Query, end: SpanEnd): SpanEnd {
  const { options, atMs } = placed.get(query) ?? {}
  const sql = query.statement?.string
  const endpoint = endpointAt({
    system: 'postgresql',
    host: options?.path || options?.host[0],
    port: options?.path ? undefined : options?.port[0],
    namespace: options?.database,
  })
  const parameters = query.parameters ?? []
  const statement = endpoint.statement(sql ?? query.strings[0] ?? '', parameters.length > 0)
  const waitedMs = atMs === undefined ? undefined : Math.round((atMs - (begun.get(query)?.atMs ?? atMs)) * 1000) / 1000
  return {
    ...end,
    name: statement.name,
    attributes: { ...statement.attributes, 'perf.pool.wait_ms': waitedMs, ...end.attributes },
    ...(parameters.length > 0 && { payloads: [{ role: 'db.query.parameters', value: parameters }] }),
  }
}

/** A cursor knows its last portion only. */
function resultOf(query: Query, value: Result | Result[] | undefined): SpanEnd {
  const last = Array.isArray(value?.[0]) && 'command' in value[0] ? (value.at(-1) as Result) : (value as Result | undefined)
  const { command, count } = last ?? {}
  if (typeof count !== 'number' || query.cursorFn !== undefined) return {}
  if (command === 'SELECT') return { attributes: { 'db.response.returned_rows': count } }
  const returned = last !== undefined && last.length > 0 ? last.length : undefined
  return { attributes: { 'perf.db.affected_rows': count, 'db.response.returned_rows': returned } }
}

/** SQLSTATE, or the code of the library or a socket. */
function codeOf(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined
  return typeof code === 'string' ? code : undefined
}
