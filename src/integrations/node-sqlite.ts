import { defineIntegration, target, type Call, type SpanStart, type StreamReading } from '../core/integration.ts'
import { originOf } from '../core/origin.ts'
import { STATEMENT_ATTRIBUTES, type Endpoint } from '../semantics/db.ts'
import { countRows, endGet, endSqlite, sqliteEndpoint, startIterating, startPrepared } from '../semantics/sqlite.ts'

// `node:sqlite`, from Node 22.13 on. One span per run of a statement. Every call but those of `iterate` holds the event loop until it returns.

interface Database {
  /** Since 22.16 and 24.0. */
  location?(): string | null
}

interface Statement {
  sourceSQL: string
}

type StatementCall = { self: Statement; args: unknown[]; result: unknown }
/** A tag store is called with the parts of a template. */
type TagCall = { self: object; args: [parts: readonly string[], ...values: unknown[]]; result: unknown }
type DatabaseCall = { self: Database; args: [sql: string]; result: unknown }

const VERSIONS = '>=22.13.0'
/** Statements do not know their database; the call that made them does. */
const STATEMENT = 'DatabaseSync.prototype.prepare()'
const TAGS = 'DatabaseSync.prototype.createTagStore()'

export default defineIntegration({
  name: 'node-sqlite',
  module: 'node:sqlite',
  kind: 'db',
  records: {
    spans: ['SELECT users'],
    attributes: [
      ...STATEMENT_ATTRIBUTES,
      'perf.loop.blocking',
      'perf.stream.end',
      'perf.stream.chunks',
      'perf.stream.time_to_first_chunk_ms',
      'perf.stream.max_gap_ms',
      'perf.stream.mean_gap_ms',
    ],
    against: 'SQLite itself, in the process',
  },
  targets: [
    ...(['run', 'all', 'get'] as const).flatMap((method) => [
      target<StatementCall>({
        path: `${STATEMENT}.${method}`,
        versions: VERSIONS,
        settles: 'return',
        start: (call) => prepared(call, startPrepared),
        end: (_call, outcome) => (method === 'get' ? endGet(outcome, codeOf) : endSqlite(outcome, codeOf)),
      }),
      target<TagCall>({
        path: `${TAGS}.${method}`,
        versions: '>=24.9.0',
        settles: 'return',
        start: (call) => tagged(call, startPrepared),
        end: (_call, outcome) => (method === 'get' ? endGet(outcome, codeOf) : endSqlite(outcome, codeOf)),
      }),
    ]),
    target<StatementCall>({
      path: `${STATEMENT}.iterate`,
      versions: VERSIONS,
      settles: 'stream',
      start: (call) => prepared(call, startIterating),
      end: (_call, outcome) => (outcome.ok ? undefined : endSqlite(outcome, codeOf)),
      stream: countRows as StreamReading<never>,
    }),
    target<TagCall>({
      path: `${TAGS}.iterate`,
      versions: '>=24.9.0',
      settles: 'stream',
      start: (call) => tagged(call, startIterating),
      end: (_call, outcome) => (outcome.ok ? undefined : endSqlite(outcome, codeOf)),
      stream: countRows as StreamReading<never>,
    }),
    target<DatabaseCall>({
      path: 'DatabaseSync.prototype.exec',
      versions: VERSIONS,
      settles: 'return',
      start: ({ self, args: [sql] }) => endpoint(self).statement(String(sql), false),
      end: (_call, outcome) => (outcome.ok ? undefined : endSqlite(outcome, codeOf)),
    }),
  ],
})

type Start = typeof startPrepared

function prepared({ self, args }: Call<StatementCall>, start: Start): SpanStart | undefined {
  const database = originOf(self)?.self as Database | undefined
  return database === undefined ? undefined : start(endpoint(database), self.sourceSQL, args)
}

function tagged({ self, args: [parts, ...values] }: Call<TagCall>, start: Start): SpanStart | undefined {
  const database = originOf(self)?.self as Database | undefined
  return database === undefined || !Array.isArray(parts) ? undefined : start(endpoint(database), parts.join('?'), values)
}

function endpoint(database: Database): Endpoint {
  return sqliteEndpoint(database, (owner) => (owner.location === undefined ? undefined : (owner.location() ?? ':memory:')))
}

/** SQLite's own number (`1555`), or the code of a wrong use. */
function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { code, errcode } = error as { code?: unknown; errcode?: unknown }
  if (typeof errcode === 'number') return String(errcode)
  return typeof code === 'string' ? code : undefined
}
