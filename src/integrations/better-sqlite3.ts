import { defineIntegration, target, type Call, type Outcome, type StreamReading } from '../core/integration.ts'
import { STATEMENT_ATTRIBUTES, type Endpoint } from '../semantics/db.ts'
import { countRows, endGet, endSqlite, sqliteEndpoint, startIterating, startPrepared } from '../semantics/sqlite.ts'

// better-sqlite3 11 to 13. One span per run of a statement; what `transaction` sends by itself (BEGIN, COMMIT, savepoints) are statements,
// too. Every call but those of `iterate` holds the event loop until it returns.

interface Database {
  name: string
}

interface Statement {
  source: string
  database: Database
}

type StatementCall = { self: Statement; args: unknown[]; result: unknown }
type DatabaseCall = { self: Database; args: [sql: string]; result: unknown }

const VERSIONS = '>=11.0.0 <14'
/** The class is native and not exported. */
const STATEMENT = 'prototype.prepare()'

export default defineIntegration({
  name: 'better-sqlite3',
  module: 'better-sqlite3',
  kind: 'db',
  records: {
    spans: ['SELECT users', 'BEGIN', 'PRAGMA'],
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
  inBundle: ['In-memory/temporary databases cannot be readonly'],
  targets: [
    ...['run', 'all'].map((method) =>
      target<StatementCall>({
        path: `${STATEMENT}.${method}`,
        versions: VERSIONS,
        settles: 'return',
        // `pragma` uses statements of its own.
        outermost: true,
        start: ({ self, args }) => startPrepared(endpoint(self.database), self.source, args),
        end: (_call, outcome) => endSqlite(outcome, codeOf),
      }),
    ),
    target<StatementCall>({
      path: `${STATEMENT}.get`,
      versions: VERSIONS,
      settles: 'return',
      outermost: true,
      start: ({ self, args }) => startPrepared(endpoint(self.database), self.source, args),
      end: (_call, outcome) => endGet(outcome, codeOf),
    }),
    target<StatementCall>({
      path: `${STATEMENT}.iterate`,
      versions: VERSIONS,
      settles: 'stream',
      start: ({ self, args }) => startIterating(endpoint(self.database), self.source, args),
      end: (_call, outcome) => (outcome.ok ? undefined : endSqlite(outcome, codeOf)),
      stream: countRows as StreamReading<never>,
    }),
    target<DatabaseCall>({
      path: 'prototype.exec',
      versions: VERSIONS,
      settles: 'return',
      start: ({ self, args: [sql] }) => endpoint(self).statement(String(sql), false),
      end: (_call, outcome) => (outcome.ok ? undefined : endSqlite(outcome, codeOf)),
    }),
    target<DatabaseCall>({
      path: 'prototype.pragma',
      versions: VERSIONS,
      settles: 'return',
      start: startPragma,
      end: endPragma,
    }),
  ],
})

function startPragma({ self, args: [pragma] }: Call<DatabaseCall>) {
  return endpoint(self).statement(`PRAGMA ${pragma}`, false)
}

/** With `simple` it gives one value, else rows. */
function endPragma(_call: unknown, outcome: Outcome) {
  return outcome.ok && !Array.isArray(outcome.result) ? undefined : endSqlite(outcome, codeOf)
}

function endpoint(database: Database): Endpoint {
  return sqliteEndpoint(database, ({ name }) => name)
}

/** `SQLITE_CONSTRAINT_UNIQUE` and the like; of the library's own errors undefined. */
function codeOf(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined
  return typeof code === 'string' ? code : undefined
}
