import { hiddenState } from '../core/hidden-state.ts'
import { defineIntegration, target, type Call, type Outcome, type SpanEnd, type SpanStart } from '../core/integration.ts'
import { endpointAt, failed } from '../semantics/db.ts'
import { dimensionOf, lengthOf, vectorFound, vectorStart } from '../semantics/vector.ts'

// @lancedb/lancedb from 0.22 on, embedded: its work is done by threads of its own, not by the event loop. A query is put together step by step
// and runs when its rows are asked for: what was told on the way is kept on it. Rows that are taken batch by batch are not counted: the span
// ends when they are ready.

/** What was told to a query (or a merge) before it runs. */
interface Told {
  table: string | undefined
  operation: 'query' | 'search' | 'fullTextSearch' | 'mergeInsert'
  topK?: number
  dimension?: number | undefined
  filter?: unknown
  text?: unknown
}

type TableCall = { self: object; args: unknown[]; result: unknown }
type QueryCall = { self: object; args: unknown[]; result: unknown }
type ConnectionCall = { self: object; args: [name?: unknown, data?: unknown]; result: unknown }

const VERSIONS = '>=0.22 <1'
const DEFAULT_LIMIT = 10
const queries = hiddenState<Told>('lancedb.query')
/** Names of tables. The getter of a table cannot be asked while one of its other calls runs: it throws. */
const tables = hiddenState<string>('lancedb.table')
const embedded = endpointAt({ system: 'lancedb', host: undefined, port: undefined, namespace: undefined })

const onTable = { file: 'dist/table', versions: VERSIONS, settles: 'promise' as const }
const onQuery = { file: 'dist/query', versions: VERSIONS, settles: 'promise' as const }
const onMerge = { file: 'dist/merge', versions: VERSIONS, settles: 'promise' as const }
const TABLE_METHODS = ['add', 'update', 'delete', 'countRows', 'createIndex', 'dropIndex', 'optimize', 'addColumns', 'dropColumns']
const CONNECTION_METHODS = ['createTable', 'createEmptyTable', 'openTable', 'dropTable', 'tableNames']
const MERGE_STEPS = ['whenMatchedUpdateAll', 'whenNotMatchedInsertAll', 'whenNotMatchedBySourceDelete', 'useIndex']

export default defineIntegration({
  name: 'lancedb',
  module: '@lancedb/lancedb',
  kind: 'db',
  records: {
    spans: ['search docs', 'query docs', 'add docs', 'createTable docs'],
    attributes: [
      'db.system.name',
      'db.operation.name',
      'db.collection.name',
      'db.operation.batch.size',
      'db.response.returned_rows',
      'perf.vector.top_k',
      'perf.vector.dimension',
    ],
    against: 'the database itself, in a folder',
  },
  targets: [
    step('dist/table', 'LocalTable.prototype.query', ({ self }) => ({ table: tables.get(self), operation: 'query' })),
    step('dist/table', 'LocalTable.prototype.mergeInsert', ({ self }) => ({ table: tables.get(self), operation: 'mergeInsert' })),
    // A text that is searched for in a way the table decides on; everything else goes through `query`.
    step(
      'dist/table',
      'LocalTable.prototype.search',
      ({ self, args: [text] }, known) => known ?? { table: tables.get(self), operation: 'search', text },
    ),
    step('dist/query', 'Query.prototype.nearestTo', ({ self, args: [vector] }) => ({
      ...told(self),
      operation: 'search',
      dimension: dimensionOf(vector),
    })),
    step('dist/query', 'Query.prototype.nearestToText', ({ self, args: [text] }) => ({ ...told(self), operation: 'fullTextSearch', text })),
    step('dist/query', 'StandardQueryBase.prototype.fullTextSearch', ({ self, args: [text] }) => ({
      ...told(self),
      operation: 'fullTextSearch',
      text,
    })),
    step('dist/query', 'StandardQueryBase.prototype.limit', ({ self, args: [limit] }) => ({
      ...told(self),
      ...(typeof limit === 'number' && { topK: limit }),
    })),
    step('dist/query', 'StandardQueryBase.prototype.where', ({ self, args: [filter] }) => ({ ...told(self), filter })),
    ...MERGE_STEPS.map((name) => step('dist/merge', `MergeInsertBuilder.prototype.${name}`, ({ self }) => told(self))),
    ...['toArray', 'toArrow', 'nativeExecute'].map((name) =>
      target<QueryCall>({
        ...onQuery,
        path: `QueryBase.prototype.${name}`,
        outermost: true,
        start: ({ self }) => startQuery(told(self)),
        end: (_call, outcome) => endRows(outcome),
      }),
    ),
    target<QueryCall>({
      ...onMerge,
      path: 'MergeInsertBuilder.prototype.execute',
      start: ({ self, args: [rows] }) =>
        vectorStart(embedded, { operation: 'mergeInsert', collection: told(self).table, size: lengthOf(rows) }),
      end: (_call, outcome) => (outcome.ok ? undefined : failed(outcome.error, undefined)),
    }),
    ...TABLE_METHODS.map((name) =>
      target<TableCall>({
        ...onTable,
        path: `LocalTable.prototype.${name}`,
        start: ({ self, args: [first] }) =>
          vectorStart(embedded, { operation: name, collection: tables.get(self), size: name === 'add' ? lengthOf(first) : undefined }),
        end: (_call, outcome) => (outcome.ok ? undefined : failed(outcome.error, undefined)),
      }),
    ),
    ...CONNECTION_METHODS.map((name) =>
      target<ConnectionCall>({
        file: 'dist/connection',
        path: `LocalConnection.prototype.${name}`,
        versions: VERSIONS,
        settles: 'promise',
        outermost: true,
        start: (call) => startOnConnection(name, call),
        end: (call, outcome) => {
          const table = tableOf(call)
          if (outcome.ok && table !== undefined && isObject(outcome.result)) tables.set(outcome.result, table)
          return endRows(outcome)
        },
      }),
    ),
  ],
})

/** A step on the way to a query: no span; what is known of it is kept on what it gives. */
function step(file: string, path: string, tell: (call: Call<QueryCall>, known: Told | undefined) => Told): ReturnType<typeof target> {
  return target<QueryCall>({
    file,
    path,
    versions: VERSIONS,
    settles: 'return',
    start: () => undefined,
    returned: (call, result) => {
      if (isObject(result)) queries.set(result, tell(call, queries.get(result)))
    },
  })
}

function told(query: object): Told {
  return queries.get(query) ?? { table: undefined, operation: 'query' }
}

function startQuery({ table, operation, topK, dimension, filter, text }: Told): SpanStart {
  const isSearch = operation === 'search'
  // By a vector alone one search cannot be told from another.
  const parameters = isSearch && text === undefined ? undefined : { filter, text: typeof text === 'string' ? text : undefined }
  return vectorStart(embedded, {
    operation,
    collection: table,
    topK: topK ?? (isSearch ? DEFAULT_LIMIT : undefined),
    dimension,
    parameters,
  })
}

function startOnConnection(operation: string, call: Call<ConnectionCall>): SpanStart {
  const [first, data] = call.args
  const rows = isObject(first) ? (first as { data?: unknown }).data : data
  return vectorStart(embedded, { operation, collection: tableOf(call), size: operation === 'createTable' ? lengthOf(rows) : undefined })
}

/** A table's name comes first, or in an object with what else there is to say. */
function tableOf({ args: [first] }: Call<ConnectionCall>): string | undefined {
  const name = isObject(first) ? (first as { name?: unknown }).name : first
  return typeof name === 'string' ? name : undefined
}

/** Rows in an array or an Arrow table. */
function endRows(outcome: Outcome): SpanEnd | undefined {
  if (!outcome.ok) return failed(outcome.error, undefined)
  const { numRows } = (isObject(outcome.result) ? outcome.result : {}) as { numRows?: unknown }
  return vectorFound(lengthOf(outcome.result) ?? (typeof numRows === 'number' ? numRows : undefined))
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
