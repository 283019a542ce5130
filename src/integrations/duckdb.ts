import { defineIntegration, target, type Call, type Outcome, type SpanEnd, type SpanStart } from '../core/integration.ts'
import { originOf } from '../core/origin.ts'
import { STATEMENT_ATTRIBUTES, endpointAt, failed, withParameters, type Endpoint } from '../semantics/db.ts'

// @duckdb/node-api 1. One span per statement that a connection or a prepared statement of it runs. DuckDB works in threads of its own: its
// calls do not hold the event loop. The span of a call that reads in portions (`stream`, `start`) ends with the first.

interface Connection {
  connection: unknown
}

/** A result that is in memory, or a reader of one. */
interface Result {
  returnType?: number
  rowCount?: number
  currentRowCount?: number
  rowsChanged?: number
}

type RunCall = { self: Connection; args: [sql: string, ...values: unknown[]]; result: unknown }
type PreparedCall = { self: object; args: []; result: unknown }

const VERSIONS = '>=1.4.0-r.1 <2'
/** `ResultReturnType` of DuckDB. */
const CHANGED_ROWS = 1
const QUERY_RESULT = 3

/** Methods with the place of their values. */
const METHODS: Readonly<Record<string, number>> = {
  run: 1,
  runAndRead: 1,
  runAndReadAll: 1,
  runAndReadUntil: 2,
  stream: 1,
  streamAndRead: 1,
  streamAndReadAll: 1,
  streamAndReadUntil: 2,
  start: 1,
  startThenRead: 1,
  startThenReadAll: 1,
  startThenReadUntil: 2,
  startStream: 1,
  startStreamThenRead: 1,
  startStreamThenReadAll: 1,
  startStreamThenReadUntil: 2,
}
const PREPARED = [
  'run',
  'runAndRead',
  'runAndReadAll',
  'runAndReadUntil',
  'stream',
  'streamAndRead',
  'streamAndReadAll',
  'streamAndReadUntil',
]

export default defineIntegration({
  name: 'duckdb',
  module: '@duckdb/node-api',
  kind: 'db',
  records: { spans: ['SELECT users'], attributes: [...STATEMENT_ATTRIBUTES], against: 'DuckDB itself, in the process' },
  targets: [
    ...Object.entries(METHODS).map(([method, valuesAt]) =>
      target<RunCall>({
        path: `DuckDBConnection.prototype.${method}`,
        versions: VERSIONS,
        settles: 'promise',
        // They call each other.
        outermost: true,
        start: (call) => startRun(call, valuesAt),
        end: endRun,
      }),
    ),
    ...PREPARED.map((method) =>
      target<PreparedCall>({
        path: `DuckDBConnection.prototype.prepare().${method}`,
        versions: VERSIONS,
        settles: 'promise',
        outermost: true,
        start: startPrepared,
        end: endRun,
      }),
    ),
  ],
})

function startRun({ args }: Call<RunCall>, valuesAt: number): SpanStart {
  const [sql] = args
  const values = args[valuesAt]
  const start = endpoint().statement(String(sql), values !== undefined)
  return values === undefined ? start : withParameters(start, Array.isArray(values) ? (values as unknown[]) : [values])
}

function startPrepared({ self }: Call<PreparedCall>): SpanStart | undefined {
  const sql = originOf(self)?.args[0]
  return typeof sql === 'string' ? endpoint().statement(sql, true) : undefined
}

function endRun(_call: unknown, outcome: Outcome): SpanEnd | undefined {
  if (!outcome.ok) return failure(outcome.error)
  const { returnType, rowCount, currentRowCount, rowsChanged } = (outcome.result ?? {}) as Result
  if (returnType === CHANGED_ROWS) return { attributes: { 'perf.db.affected_rows': rowsChanged } }
  return returnType === QUERY_RESULT ? { attributes: { 'db.response.returned_rows': rowCount ?? currentRowCount } } : undefined
}

/** `Catalog Error: …`, with the line of the statement below. */
function failure(error: unknown): SpanEnd {
  const message = error instanceof Error ? error.message : ''
  const type = /^([A-Z]\w*(?: \w+)? Error):/.exec(message)?.[1]
  const { exceptionMessage } = failed(new Error(message.split('\n', 1)[0]), undefined)
  return { ...(type !== undefined && { errorType: type }), exceptionMessage }
}

function endpoint(): Endpoint {
  return endpointAt({ system: 'duckdb', host: undefined, port: undefined, namespace: undefined })
}
