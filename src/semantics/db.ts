// Attributes of calls to databases, by OpenTelemetry's conventions. Values never become attributes: what was sent beside
// the statement goes into a payload, of which only size and keyed hash are kept unless capture is on.
import type { Attributes, Payload, SpanEnd, SpanStart } from '../core/integration.ts'
import { sharedAttributes } from '../core/shared-attributes.ts'
import { maskQuotedValues } from './quoted-values.ts'
import { describeStatement, type Dialect } from './sql.ts'

/** Where calls go. No user, no password. */
export interface Address {
  system: string
  host: string | undefined
  port: number | undefined
  namespace: string | undefined
  /** A database inside the process, whose calls hold the event loop until they return. */
  blocking?: boolean
}

/** Attribute of a span during which the event loop stood still from its start to its end. */
const BLOCKING = 'perf.loop.blocking'

/** For the page of an integration: what a statement's span can have. */
export const STATEMENT_ATTRIBUTES = [
  'db.system.name',
  'db.namespace',
  'server.address',
  'server.port',
  'db.operation.name',
  'db.collection.name',
  'db.query.summary',
  'db.query.text',
  'db.response.returned_rows',
  'perf.db.affected_rows',
  'db.response.status_code',
] as const

/** Likewise of the span of a wait for a pool's connection. */
export const POOL_ATTRIBUTES = ['perf.pool.connections', 'perf.pool.waiting', 'perf.pool.wait_ms'] as const

/** Likewise of a call of an object mapper. */
export const MAPPER_ATTRIBUTES = ['perf.orm.model', 'perf.orm.method'] as const

/** Statements kept per endpoint; beyond it the cache starts anew. */
const MAX_CACHED = 500
/** Longer statements are not kept: they are mostly generated and never repeated. */
const MAX_CACHED_CHARS = 4096

/** One database of one server: its attributes, and the ready-made starts of what is sent to it. */
export class Endpoint {
  readonly attributes: Attributes
  readonly #parameterised = new Map<string, SpanStart>()
  readonly #plain = new Map<string, SpanStart>()
  readonly #operations = new Map<string, SpanStart>()
  readonly #commands = new Map<string, SpanStart>()

  constructor({ system, host, port, namespace, blocking }: Address) {
    const where: Attributes = { 'db.system.name': system, 'db.namespace': namespace, 'server.address': host, 'server.port': port }
    this.attributes = sharedAttributes(blocking === true ? { ...where, [BLOCKING]: true } : where)
  }

  /** The start of a SQL statement: shared and frozen, the same object for the same text. */
  statement(sql: string, parameterised: boolean): SpanStart {
    const cache = parameterised ? this.#parameterised : this.#plain
    return cache.get(sql) ?? keep(cache, sql, this.#describe(sql, parameterised))
  }

  /** The start of a command that is named by its operation alone (Redis). */
  operation(name: string, more?: Attributes): SpanStart {
    return (
      this.#operations.get(name) ?? keep(this.#operations, name, client(name, { ...this.attributes, 'db.operation.name': name, ...more }))
    )
  }

  /** The start of a command on a collection, named by both; `text` says what it does, without values. */
  command(operation: string, collection: string | undefined, text?: string): SpanStart {
    const key = text ?? `${operation} ${collection}`
    return this.#commands.get(key) ?? keep(this.#commands, key, this.#describeCommand(operation, collection, text))
  }

  #describeCommand(operation: string, collection: string | undefined, text: string | undefined): SpanStart {
    const target = collection ?? this.attributes['db.namespace']
    return client(typeof target === 'string' ? `${operation} ${target}` : operation, {
      ...this.attributes,
      'db.operation.name': operation,
      'db.collection.name': collection,
      'db.query.text': text,
    })
  }

  #describe(sql: string, parameterised: boolean): SpanStart {
    const { text, summary, operation, collection } = describeStatement(
      sql,
      parameterised,
      DIALECTS[String(this.attributes['db.system.name'])],
    )
    const namespace = this.attributes['db.namespace']
    return client(summary || (typeof namespace === 'string' ? namespace : String(this.attributes['db.system.name'])), {
      ...this.attributes,
      'db.operation.name': operation,
      'db.collection.name': collection,
      'db.query.summary': summary || undefined,
      'db.query.text': text,
    })
  }
}

const DIALECTS: Readonly<Record<string, Dialect>> = { mysql: 'mysql', mariadb: 'mysql', sqlite: 'sqlite' }

function client(name: string, attributes: Attributes): SpanStart {
  const kind = attributes[BLOCKING] === true ? 'internal' : 'client'
  return Object.freeze({ name, kind, attributes: sharedAttributes(attributes) })
}

function keep(cache: Map<string, SpanStart>, key: string, start: SpanStart): SpanStart {
  if (key.length > MAX_CACHED_CHARS) return start
  if (cache.size >= MAX_CACHED) cache.clear()
  cache.set(key, start)
  return start
}

const byOwner = new WeakMap<object, Endpoint>()
const byAddress = new Map<string, Endpoint>()

/** The endpoint of a connection object; `read` is called once per connection. Connections to one database share it. */
export function endpointOf<Owner extends object>(owner: Owner, read: (owner: Owner) => Address): Endpoint {
  const known = byOwner.get(owner)
  if (known !== undefined) return known
  const endpoint = endpointAt(read(owner))
  byOwner.set(owner, endpoint)
  return endpoint
}

/** From now on what `owner` sends goes to another database of its server (Redis' `SELECT`). */
export function moveTo<Owner extends object>(owner: Owner, namespace: string, read: (owner: Owner) => Address): void {
  byOwner.set(owner, endpointAt({ ...read(owner), namespace }))
}

/** The endpoint of an address. */
export function endpointAt(address: Address): Endpoint {
  const key = `${address.system} ${address.host} ${address.port} ${address.namespace}`
  let endpoint = byAddress.get(key)
  if (endpoint === undefined) {
    if (byAddress.size >= MAX_CACHED) byAddress.clear()
    byAddress.set(key, (endpoint = new Endpoint(address)))
  }
  return endpoint
}

/** A start of a call that does `size` things at once. */
export function withBatchSize(start: SpanStart, size: number): SpanStart {
  return size === 1 ? start : { ...start, attributes: { ...start.attributes, 'db.operation.batch.size': size } }
}

/** The start of a call of an object mapper, above the driver's spans: `User.findOne`. */
export function mapperCall(endpoint: Endpoint, model: string | undefined, method: string, collection?: string): SpanStart {
  const named = { 'db.collection.name': collection, 'perf.orm.model': model, 'perf.orm.method': method }
  return { name: model === undefined ? method : `${model}.${method}`, attributes: { ...endpoint.attributes, ...named } }
}

/** A start of a call that gives rows one by one: the app runs in between, so it does not hold the event loop. */
export function notBlocking(start: SpanStart): SpanStart {
  const { [BLOCKING]: _blocking, ...attributes } = start.attributes ?? {}
  return { ...start, attributes }
}

/** A start with what was sent beside the statement. */
export function withParameters(start: SpanStart, values: readonly unknown[] | undefined): SpanStart {
  if (values === undefined || values.length === 0) return start
  const payloads: Payload[] = [{ role: 'db.query.parameters', value: values }]
  return { name: start.name, kind: start.kind, attributes: start.attributes, payloads }
}

/** The end of a failed call: the database's code as `error.type`, and a message without values. */
export function failed(error: unknown, code: string | undefined): SpanEnd {
  const end: SpanEnd = code === undefined ? {} : { errorType: code, attributes: { 'db.response.status_code': code } }
  if (typeof error === 'object' && error !== null) {
    const message: unknown = Object.getOwnPropertyDescriptor(error, 'message')?.value
    if (typeof message === 'string') return Object.assign(end, { exceptionMessage: maskQuotedValues(message) })
  }
  return end
}
