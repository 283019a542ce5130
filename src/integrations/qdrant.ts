import { defineIntegration, target, type Call, type Outcome, type SpanEnd, type SpanStart } from '../core/integration.ts'
import { endpointOf, failed } from '../semantics/db.ts'
import { dimensionOf, lengthOf, vectorFound, vectorStart } from '../semantics/vector.ts'

// @qdrant/js-client-rest 1: one span per method of the client, the HTTP request below it. Snapshots, aliases, shards and the cluster are
// left to the request's span.

interface Client {
  _host?: string
  _port?: number | null
}

type Args = Record<string, unknown>
type MethodCall = { self: Client; args: [collection?: unknown, args?: Args]; result: unknown }

const ALL = '>=1.8 <2'
/** Since 1.19 `query` does what they did. */
const UNTIL_QUERY = '>=1.8 <1.19'

const METHODS: Readonly<Record<string, string>> = {
  query: '>=1.10 <2',
  queryBatch: '>=1.10 <2',
  queryGroups: '>=1.11 <2',
  search: UNTIL_QUERY,
  searchBatch: UNTIL_QUERY,
  searchPointGroups: UNTIL_QUERY,
  recommend: UNTIL_QUERY,
  recommendBatch: UNTIL_QUERY,
  recommendPointGroups: UNTIL_QUERY,
  discoverPoints: UNTIL_QUERY,
  discoverBatchPoints: UNTIL_QUERY,
  scroll: ALL,
  retrieve: ALL,
  count: ALL,
  facet: '>=1.12 <2',
  upsert: ALL,
  delete: ALL,
  batchUpdate: ALL,
  updateVectors: ALL,
  deleteVectors: ALL,
  setPayload: ALL,
  overwritePayload: ALL,
  deletePayload: ALL,
  clearPayload: ALL,
  createPayloadIndex: ALL,
  deletePayloadIndex: ALL,
  createCollection: ALL,
  updateCollection: ALL,
  recreateCollection: ALL,
  deleteCollection: ALL,
  getCollection: ALL,
  getCollections: ALL,
}

/** Those that look for the nearest, and what they give when they are not told how many. */
const SEARCHES = /^(?:query|search|recommend|discover)/
const DEFAULT_LIMIT = 10

export default defineIntegration({
  name: 'qdrant',
  module: '@qdrant/js-client-rest',
  kind: 'db',
  records: {
    spans: ['search docs', 'query docs', 'upsert docs', 'scroll docs'],
    attributes: [
      'db.system.name',
      'server.address',
      'server.port',
      'db.operation.name',
      'db.collection.name',
      'db.operation.batch.size',
      'db.response.returned_rows',
      'db.response.status_code',
      'perf.vector.top_k',
      'perf.vector.dimension',
    ],
    against: 'a scripted server with the paths of its REST interface',
  },
  inBundle: ['params can be set. Url is'],
  targets: Object.entries(METHODS).map(([name, versions]) =>
    target<MethodCall>({
      path: `QdrantClient.prototype.${name}`,
      versions,
      settles: 'promise',
      start: (call) => startMethod(name, call),
      end: (_call, outcome) => endMethod(outcome),
    }),
  ),
})

function startMethod(operation: string, { self, args: [name, args = {}] }: Call<MethodCall>): SpanStart {
  const endpoint = endpointOf(self, ({ _host: host, _port: port }) => ({
    system: 'qdrant',
    host,
    port: port ?? undefined,
    namespace: undefined,
  }))
  const collection = typeof name === 'string' ? name : undefined
  const searches = lengthOf(args['searches'])
  if (searches !== undefined) return vectorStart(endpoint, { operation, collection, size: searches })
  if (SEARCHES.test(operation)) {
    const topK = typeof args['limit'] === 'number' ? args['limit'] : DEFAULT_LIMIT
    return vectorStart(endpoint, { operation, collection, topK, dimension: dimensionOf(args['query'] ?? args['vector']) })
  }
  const { filter, ids, offset } = args
  const asked = operation === 'scroll' || operation === 'retrieve' || operation === 'count'
  const parameters = asked ? { filter, ids, offset } : undefined
  return vectorStart(endpoint, { operation, collection, size: sizeOf(operation, args), parameters })
}

/** How many points are written or deleted: a list, or the ids of a batch. */
function sizeOf(operation: string, { points, batch }: Args): number | undefined {
  return operation === 'upsert' || operation === 'delete' ? (lengthOf(points) ?? lengthOf((batch as Args | undefined)?.['ids'])) : undefined
}

function endMethod(outcome: Outcome): SpanEnd | undefined {
  return outcome.ok ? vectorFound(countOf(outcome.result)) : failed(outcome.error, statusOf(outcome.error))
}

/** Points of a list, of a page, of each search of a batch. */
function countOf(result: unknown): number | undefined {
  if (Array.isArray(result)) {
    const nested = result.map(listOf)
    return nested.some((list) => list !== undefined) ? nested.reduce<number>((sum, list) => sum + (list ?? 0), 0) : result.length
  }
  return listOf(result)
}

function listOf(value: unknown): number | undefined {
  const { points, groups } = typeof value === 'object' && value !== null ? (value as Args) : {}
  return lengthOf(value) ?? lengthOf(points) ?? lengthOf(groups)
}

/** The status of the response, where the client keeps it. */
function statusOf(error: unknown): string | undefined {
  const { status } = (error ?? {}) as { status?: unknown }
  return typeof status === 'number' ? String(status) : undefined
}
