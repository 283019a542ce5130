// A scripted Chroma: the paths of its REST interface (v2), records in memory, distances made up.
import { startRestServer, type RestServer, type Route } from './rest.ts'

interface Record {
  id: string
  document: string | null
  metadata: object | null
}

interface Collection {
  id: string
  name: string
  records: Map<string, Record>
}

const BASE = '/api/v2/tenants/[^/]+/databases/[^/]+'

/** Starts it on a free port. */
export function startChromaServer(): Promise<RestServer> {
  const collections = new Map<string, Collection>()
  const byId = (id: string) => [...collections.values()].find((collection) => collection.id === id)
  const described = ({ id, name }: Collection) => ({
    id,
    name,
    tenant: 'default_tenant',
    database: 'default_database',
    metadata: null,
    dimension: 3,
    version: 0,
    log_position: 0,
    configuration_json: { hnsw: {} },
  })
  const missing = { status: 404, body: { error: 'NotFoundError', message: 'Collection does not exist' } }
  const on = (operation: string, handle: (records: Map<string, Record>, body: { [name: string]: unknown }) => unknown): Route => [
    operation === 'count' ? 'GET' : 'POST',
    new RegExp(`^${BASE}/collections/([^/]+)/${operation}$`),
    ({ parts: [id = ''], body }) => {
      const collection = byId(id)
      return collection === undefined ? missing : { status: operation === 'add' ? 201 : 200, body: handle(collection.records, body) }
    },
  ]
  const write = (records: Map<string, Record>, { ids, documents, metadatas }: { [name: string]: unknown }) => {
    for (const [i, id] of (ids as string[]).entries()) {
      const document = (documents as string[] | null | undefined)?.[i] ?? null
      records.set(id, { id, document, metadata: (metadatas as object[] | null | undefined)?.[i] ?? null })
    }
    return true
  }
  return startRestServer([
    ['GET', /^\/api\/v2\/heartbeat$/, () => ({ body: { 'nanosecond heartbeat': 1 } })],
    ['GET', /^\/api\/v2\/version$/, () => ({ body: '1.0.0' })],
    ['GET', /^\/api\/v2\/pre-flight-checks$/, () => ({ body: { max_batch_size: 1000, supports_base64_encoding: false } })],
    ['GET', /^\/api\/v2\/tenants\/([^/]+)$/, ({ parts: [name] }) => ({ body: { name } })],
    ['GET', new RegExp(`^${BASE}$`), () => ({ body: { id: '1', name: 'default_database', tenant: 'default_tenant' } })],
    [
      'POST',
      new RegExp(`^${BASE}/collections$`),
      ({ body: { name } }) => {
        const known = collections.get(String(name))
        const collection = known ?? { id: `00000000-0000-4000-8000-00000000000${collections.size}`, name: String(name), records: new Map() }
        collections.set(collection.name, collection)
        return { body: described(collection) }
      },
    ],
    ['GET', new RegExp(`^${BASE}/collections$`), () => ({ body: [...collections.values()].map(described) })],
    [
      'GET',
      new RegExp(`^${BASE}/collections/([^/]+)$`),
      ({ parts: [name = ''] }) => {
        const collection = collections.get(name)
        return collection === undefined ? missing : { body: described(collection) }
      },
    ],
    [
      'DELETE',
      new RegExp(`^${BASE}/collections/([^/]+)$`),
      ({ parts: [name = ''] }) => (collections.delete(name) ? { body: {} } : missing),
    ],
    on('add', write),
    on('upsert', write),
    on('update', write),
    on('count', (records) => records.size),
    on('delete', (records, { ids }) => {
      for (const id of ids as string[]) records.delete(id)
      return ids
    }),
    on('get', (records, { ids, limit }) => {
      const found = ids ? (ids as string[]).flatMap((id) => records.get(id) ?? []) : [...records.values()].slice(0, Number(limit ?? 100))
      return { ...columns(found), include: ['documents', 'metadatas'] }
    }),
    on('query', (records, { query_embeddings: vectors, n_results: limit }) => {
      const found = columns([...records.values()].slice(0, Number(limit)))
      const repeat = <T>(value: T): T[] => (vectors as unknown[]).map(() => value)
      return {
        ids: repeat(found.ids),
        documents: repeat(found.documents),
        metadatas: repeat(found.metadatas),
        distances: repeat(found.ids.map(() => 0.5)),
        include: ['documents', 'metadatas', 'distances'],
      }
    }),
  ])
}

function columns(records: Record[]): { ids: string[]; documents: (string | null)[]; metadatas: (object | null)[] } {
  return {
    ids: records.map(({ id }) => id),
    documents: records.map(({ document }) => document),
    metadatas: records.map(({ metadata }) => metadata),
  }
}
