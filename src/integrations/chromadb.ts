import { defineIntegration, target, type Call, type Outcome, type SpanEnd, type SpanStart } from '../core/integration.ts'
import { endpointOf, failed, type Address, type Endpoint } from '../semantics/db.ts'
import { dimensionOf, lengthOf, vectorFound, vectorStart, type VectorCall } from '../semantics/vector.ts'

// chromadb 1, 2 and 3.4 on: one span per call of a collection or the client. Texts that are embedded on the way are embedded, and sent, below it.

interface Client {
  tenant?: string
  database?: string
  /** 1 and 2. */
  api?: { basePath?: string }
  /** 3. */
  apiClient?: { getConfig(): { baseUrl?: string } }
}

interface Collection extends Client {
  name?: string
  /** 1 and 2. */
  client?: Client
}

type Args = Record<string, unknown>
type CollectionCall = { self: Collection; args: [args?: Args | unknown[]]; result: unknown }
type ClientCall = { self: Client; args: [args?: { name?: unknown }]; result: unknown }

const OLD = '>=1.10 <3'
/** The class of collections is not exported; the one derived from it is, since 3.4. */
const NEW = '>=3.4 <4'
const METHODS = ['query', 'get', 'count', 'add', 'upsert', 'update', 'delete', 'modify']
const ON_CLIENT = ['createCollection', 'getCollection', 'getOrCreateCollection', 'deleteCollection', 'listCollections']
const DEFAULT_RESULTS = 10

export default defineIntegration({
  name: 'chromadb',
  module: 'chromadb',
  kind: 'db',
  records: {
    spans: ['query docs', 'get docs', 'add docs'],
    attributes: [
      'db.system.name',
      'db.namespace',
      'server.address',
      'server.port',
      'db.operation.name',
      'db.collection.name',
      'db.operation.batch.size',
      'db.response.returned_rows',
      'perf.vector.top_k',
      'perf.vector.dimension',
    ],
    against: 'a scripted server with the paths of its REST interface',
  },
  inBundle: ['ChromaConnectionError'],
  targets: [
    ...METHODS.map((name) => onCollection(name, `Collection.prototype.${name}`, OLD)),
    onCollection('peek', 'Collection.prototype.peek', OLD),
    ...[...METHODS, 'search', 'fork'].map((name) => onCollection(name, `CollectionHandle.__proto__.prototype.${name}`, NEW)),
    ...ON_CLIENT.map((name) =>
      target<ClientCall>({
        path: `ChromaClient.prototype.${name}`,
        versions: `${OLD} || ${NEW}`,
        settles: 'promise',
        start: ({ self, args: [args] }) => {
          const collection = typeof args?.name === 'string' ? args.name : undefined
          return vectorStart(endpointOf(self, addressOf), { operation: name, collection })
        },
        end: (_call, outcome) => (outcome.ok ? vectorFound(lengthOf(outcome.result)) : failed(outcome.error, undefined)),
      }),
    ),
  ],
})

function onCollection(name: string, path: string, versions: string): ReturnType<typeof target> {
  return target<CollectionCall>({
    path,
    versions,
    settles: 'promise',
    start: ({ self, args: [args] }: Call<CollectionCall>): SpanStart =>
      vectorStart(endpointFor(self), { operation: name, collection: self.name || undefined, ...describe(name, args ?? {}) }),
    end: (_call, outcome) => endCall(outcome),
  })
}

function describe(operation: string, given: Args | unknown[]): Partial<VectorCall> {
  if (Array.isArray(given)) return { size: given.length }
  const { ids, where, whereDocument, limit, offset } = given
  switch (operation) {
    case 'query': {
      const { queryEmbeddings: vectors, queryTexts: texts, nResults } = given
      const first: unknown = Array.isArray(vectors) ? vectors[0] : undefined
      const topK = typeof nResults === 'number' ? nResults : DEFAULT_RESULTS
      const size = typeof first === 'number' ? 1 : (lengthOf(vectors) ?? lengthOf(texts))
      const parameters = vectors === undefined ? { queryTexts: texts, ids, where, whereDocument } : undefined
      return { topK, dimension: dimensionOf(vectors) ?? dimensionOf(first), size, parameters }
    }
    case 'get':
      return { parameters: { ids, where, whereDocument, limit, offset } }
    default:
      return { size: lengthOf(ids) }
  }
}

/** A page has a list of ids, a search one per query. */
function endCall(outcome: Outcome): SpanEnd | undefined {
  if (!outcome.ok) return failed(outcome.error, undefined)
  const { ids } = (typeof outcome.result === 'object' && outcome.result !== null ? outcome.result : {}) as { ids?: unknown }
  if (!Array.isArray(ids)) return undefined
  return vectorFound(Array.isArray(ids[0]) ? ids.reduce<number>((sum, list) => sum + (lengthOf(list) ?? 0), 0) : ids.length)
}

function endpointFor(collection: Collection): Endpoint {
  return endpointOf(collection.client ?? collection, addressOf)
}

function addressOf({ api, apiClient, database }: Client): Address {
  const base = apiClient?.getConfig().baseUrl ?? api?.basePath
  const url = base !== undefined && URL.canParse(base) ? new URL(base) : undefined
  const port = url === undefined ? undefined : Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  return { system: 'chroma', host: url?.hostname, port, namespace: database }
}
