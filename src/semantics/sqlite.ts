// What the two synchronous drivers of SQLite have in common: the app's thread waits inside every call.
import type { Outcome, SpanEnd, SpanStart, StreamReading } from '../core/integration.ts'
import { endpointOf, failed, notBlocking, withParameters, type Endpoint } from './db.ts'

/** The database of a connection object; `pathOf` is asked once per connection. */
export function sqliteEndpoint<Owner extends object>(owner: Owner, pathOf: (owner: Owner) => string | undefined): Endpoint {
  return endpointOf(owner, () => ({ system: 'sqlite', host: undefined, port: undefined, namespace: pathOf(owner), blocking: true }))
}

/** The start of a prepared statement that is run with `values`. */
export function startPrepared(endpoint: Endpoint, sql: string, values: readonly unknown[]): SpanStart {
  return withParameters(endpoint.statement(sql, values.length > 0), values)
}

/** The start of a prepared statement that gives its rows one by one. */
export function startIterating(endpoint: Endpoint, sql: string, values: readonly unknown[]): SpanStart {
  return notBlocking(startPrepared(endpoint, sql, values))
}

/** The end of `run`, `get`, `all`, `exec` and the like. */
export function endSqlite(outcome: Outcome, codeOf: (error: unknown) => string | undefined): SpanEnd | undefined {
  if (!outcome.ok) return failed(outcome.error, codeOf(outcome.error))
  const { result } = outcome
  if (Array.isArray(result)) return { attributes: { 'db.response.returned_rows': result.length } }
  const { changes } = (typeof result === 'object' && result !== null ? result : {}) as { changes?: unknown }
  return typeof changes === 'number' ? { attributes: { 'perf.db.affected_rows': changes } } : undefined
}

/** The end of `get`, whose result is one row, or one value. */
export function endGet(outcome: Outcome, codeOf: (error: unknown) => string | undefined): SpanEnd | undefined {
  if (!outcome.ok) return failed(outcome.error, codeOf(outcome.error))
  return { attributes: { 'db.response.returned_rows': outcome.result === undefined ? 0 : 1 } }
}

/** Counts the rows of an iterator. */
export const countRows: StreamReading<{ rows: number }> = {
  state: () => ({ rows: 0 }),
  chunk: (state) => {
    state.rows++
  },
  finish: ({ rows }) => ({ attributes: { 'db.response.returned_rows': rows } }),
}
