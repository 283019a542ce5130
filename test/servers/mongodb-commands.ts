// What the scripted MongoDB does with a command: as much of its semantics as the scenarios use.

export type Document = Record<string, unknown>

export interface Store {
  /** By namespace (`db.collection`). */
  collections: Map<string, Document[]>
  /** What a cursor has still to give. */
  cursors: Map<number, { namespace: string; left: Document[] }>
  nextCursor: number
  /** A 64-bit integer of BSON. */
  long(value: number): unknown
}

interface Context {
  command: Document
  namespace: string
  documents: Document[]
  address: string
  store: Store
}

/** The reply to `command`, errors included. */
export function answerTo(command: Document, address: string, store: Store): Document {
  const name = Object.keys(command)[0] ?? ''
  const namespace = `${String(command['$db'])}.${String(name === 'getMore' ? command['collection'] : command[name])}`
  let documents = store.collections.get(namespace)
  if (documents === undefined) store.collections.set(namespace, (documents = []))
  const handler = HANDLERS[name]
  if (handler === undefined) return failure(59, 'CommandNotFound', `no such command: '${name}'`)
  return handler({ command, namespace, documents, address, store })
}

const failure = (code: number, codeName: string, errmsg: string): Document => ({ ok: 0, code, codeName, errmsg })
const done = (): Document => ({ ok: 1 })

function hello({ address, store }: Context): Document {
  return {
    helloOk: true,
    ismaster: true,
    isWritablePrimary: true,
    setName: 'scripted',
    hosts: [address],
    primary: address,
    me: address,
    maxBsonObjectSize: 16_777_216,
    maxMessageSizeBytes: 48_000_000,
    maxWriteBatchSize: 100_000,
    localTime: new Date(),
    logicalSessionTimeoutMinutes: 30,
    connectionId: store.nextCursor,
    minWireVersion: 0,
    maxWireVersion: 21,
    readOnly: false,
    ok: 1,
  }
}

const HANDLERS: Record<string, ((context: Context) => Document) | undefined> = {
  hello,
  ismaster: hello,
  isMaster: hello,
  ping: done,
  endSessions: done,
  commitTransaction: done,
  abortTransaction: done,
  killCursors: ({ command, store }) => {
    for (const id of command['cursors'] as number[]) store.cursors.delete(Number(id))
    return { cursorsKilled: command['cursors'], ok: 1 }
  },
  createIndexes: () => ({ numIndexesBefore: 1, numIndexesAfter: 2, ok: 1 }),
  drop: ({ namespace, store }) => {
    store.collections.delete(namespace)
    return done()
  },
  insert: ({ command, documents, namespace }) => {
    const writeErrors: Document[] = []
    let n = 0
    for (const [index, document] of (command['documents'] as Document[]).entries()) {
      if (documents.some((known) => same(known['_id'], document['_id']))) {
        const errmsg = `E11000 duplicate key error collection: ${namespace} index: _id_ dup key: { _id: ${JSON.stringify(document['_id'])} }`
        writeErrors.push({ index, code: 11000, keyPattern: { _id: 1 }, keyValue: { _id: document['_id'] }, errmsg })
        if (command['ordered'] !== false) break
      } else {
        documents.push(document)
        n++
      }
    }
    return { n, ...(writeErrors.length > 0 && { writeErrors }), ok: 1 }
  },
  find: (context) => {
    const { command, documents } = context
    const filter = (command['filter'] ?? {}) as Document
    const unknown = unknownOperator(filter)
    if (unknown !== undefined) return failure(2, 'BadValue', `unknown operator: ${unknown} in ${JSON.stringify(filter)}`)
    const limit = Math.abs(Number(command['limit'] ?? 0))
    const found = documents.filter((document) => matches(document, filter)).slice(Number(command['skip'] ?? 0))
    return cursor(context, limit > 0 ? found.slice(0, limit) : found)
  },
  getMore: ({ command, namespace, store }) => {
    const id = Number(command['getMore'])
    const known = store.cursors.get(id)
    if (known === undefined) return failure(43, 'CursorNotFound', `cursor id ${id} not found`)
    const batch = known.left.splice(0, Number(command['batchSize'] ?? 101))
    if (known.left.length === 0 && !namespace.endsWith('.stream')) store.cursors.delete(id)
    const open = store.cursors.has(id)
    return { cursor: { id: store.long(open ? id : 0), ns: namespace, nextBatch: batch }, ok: 1 }
  },
  aggregate: (context) => cursor(context, aggregate(context.documents, context.command['pipeline'] as Document[])),
  count: ({ command, documents }) => ({ n: documents.filter((one) => matches(one, (command['query'] ?? {}) as Document)).length, ok: 1 }),
  distinct: ({ command, documents }) => ({ values: [...new Set(documents.map((one) => one[String(command['key'])]))], ok: 1 }),
  update: ({ command, documents }) => {
    let n = 0
    const upserted: Document[] = []
    for (const [index, { q, u, multi, upsert }] of (
      command['updates'] as { q: Document; u: Document; multi?: boolean; upsert?: boolean }[]
    ).entries()) {
      const found = documents.filter((document) => matches(document, q)).slice(0, multi === true ? undefined : 1)
      for (const document of found) change(document, u)
      if (found.length === 0 && upsert === true) {
        const created = change({ ...q }, u)
        created['_id'] ??= `upserted-${index}`
        documents.push(created)
        upserted.push({ index, _id: created['_id'] })
      }
      n += found.length
    }
    return { n: n + upserted.length, nModified: n, ...(upserted.length > 0 && { upserted }), ok: 1 }
  },
  delete: ({ command, documents }) => {
    let n = 0
    for (const { q, limit } of command['deletes'] as { q: Document; limit: number }[]) {
      const found = documents.filter((document) => matches(document, q)).slice(0, Number(limit) === 1 ? 1 : undefined)
      for (const document of found) documents.splice(documents.indexOf(document), 1)
      n += found.length
    }
    return { n, ok: 1 }
  },
  findAndModify: ({ command, documents }) => {
    const found = documents.find((document) => matches(document, (command['query'] ?? {}) as Document))
    if (found === undefined) return { lastErrorObject: { n: 0, updatedExisting: false }, value: null, ok: 1 }
    const before = { ...found }
    if (command['remove'] === true) documents.splice(documents.indexOf(found), 1)
    else change(found, command['update'] as Document)
    const value = command['new'] === true ? found : before
    return { lastErrorObject: { n: 1, updatedExisting: command['remove'] !== true }, value, ok: 1 }
  },
}

function cursor({ command, namespace, store }: Context, found: Document[]): Document {
  const size = Number(command['batchSize'] ?? (command['cursor'] as Document | undefined)?.['batchSize'] ?? 101)
  const isStream = namespace.endsWith('.stream')
  const left = found.slice(size)
  const id = left.length > 0 || isStream ? store.nextCursor++ : 0
  if (id > 0) store.cursors.set(id, { namespace, left })
  return { cursor: { id: store.long(id), ns: namespace, firstBatch: found.slice(0, size) }, ok: 1 }
}

function aggregate(documents: Document[], pipeline: Document[]): Document[] {
  let result = documents
  for (const stage of pipeline) {
    const [name, value] = Object.entries(stage)[0] ?? []
    if (name === '$match') result = result.filter((document) => matches(document, value as Document))
    else if (name === '$limit') result = result.slice(0, Number(value))
    else if (name === '$group') result = result.length === 0 ? [] : [{ _id: (value as Document)['_id'], n: result.length }]
    else if (name === '$changeStream')
      result = [{ _id: { _data: '1' }, operationType: 'insert', fullDocument: { _id: 1 }, ns: {}, documentKey: {} }]
  }
  return result
}

function change(document: Document, update: Document): Document {
  const plain = Object.keys(update).every((key) => !key.startsWith('$'))
  Object.assign(document, plain ? update : update['$set'])
  if (Object.hasOwn(update, '$setOnInsert') && document['_id'] === undefined) Object.assign(document, update['$setOnInsert'])
  for (const [key, by] of Object.entries((update['$inc'] ?? {}) as Record<string, number>)) document[key] = Number(document[key] ?? 0) + by
  return document
}

function matches(document: Document, filter: Document): boolean {
  return Object.entries(filter).every(([key, wanted]) => {
    if (key === '$or') return (wanted as Document[]).some((one) => matches(document, one))
    if (key === '$and') return (wanted as Document[]).every((one) => matches(document, one))
    const operators = isOperators(wanted) ? Object.entries(wanted) : [['$eq', wanted] as const]
    return operators.every(([operator, value]) => OPERATORS[operator]?.(document[key], value) ?? false)
  })
}

const OPERATORS: Record<string, ((value: unknown, wanted: unknown) => boolean) | undefined> = {
  $eq: same,
  $ne: (value, wanted) => !same(value, wanted),
  $gt: (value, wanted) => Number(value) > Number(wanted),
  $gte: (value, wanted) => Number(value) >= Number(wanted),
  $lt: (value, wanted) => Number(value) < Number(wanted),
  $in: (value, wanted) => (wanted as unknown[]).some((one) => same(value, one)),
  $exists: (value, wanted) => (value !== undefined) === wanted,
}

function unknownOperator(filter: Document): string | undefined {
  for (const wanted of Object.values(filter))
    if (isOperators(wanted)) for (const operator of Object.keys(wanted)) if (OPERATORS[operator] === undefined) return operator
  return undefined
}

function isOperators(value: unknown): value is Document {
  return typeof value === 'object' && value !== null && (Object.keys(value)[0] ?? '').startsWith('$')
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
