// Spans of a large session as an app under load leaves them, one block after the other: for the benchmark of large sessions and the test that
// no query's work grows faster than the session. The shape of a trace depends on its number alone, so twice the spans are twice the same mix.
import { SpanFlag, SpanKindCode, StatusCode } from '../../src/core/layout.ts'
import type { Block } from '../../src/store/codec/block.ts'
import { seeded, STARTED_AT } from './generate-session.ts'
import { RecordWriter, type TestSpan, type TestValue } from './record-writer.ts'

const MS = 1_000_000
const PER_BLOCK = 1000
/** One trace in so many is a page that asks the database for each of its rows. */
const LARGE_EVERY = 2000
const LARGE_QUERIES = 300

/** Blocks with at least `spans` spans, about eight to a trace: requests over a database, a cache, tools, models and other services. */
export function* scaleBlocks(spans: number, options: { weight?: (trace: number) => number } = {}): Generator<Block> {
  const app = new App(options.weight ?? (() => 1))
  let made = 0
  let seq = 0
  for (let i = 0; made < spans; i++) {
    app.request(i)
    if (app.writer.spans < PER_BLOCK && made + app.writer.spans < spans) continue
    made += app.writer.spans
    yield app.writer.block({ seq: seq++, anchor: { monoNs: 0, wallMs: STARTED_AT }, counters: { spans_written: made } })
    app.writer = new RecordWriter()
  }
}

const interned = (text: string): TestValue => ({ interned: text })
const ROUTES = ['/users/:id', '/orders', '/orders/:id', '/ask', '/search', '/cart', '/cart/:id', '/login'] as const
const MODELS = ['gpt-4o', 'gpt-4o-mini', 'claude-sonnet-4-5'] as const
const TABLES = ['users', 'orders', 'products', 'carts', 'stock'] as const
const PG = {
  'db.system.name': interned('postgresql'), 'db.namespace': interned('shop'), 'server.address': interned('127.0.0.1'), 'server.port': 5432,
  'db.operation.name': interned('SELECT'),
} // prettier-ignore
const REDIS = { 'db.system.name': interned('redis'), 'server.address': interned('127.0.0.1'), 'server.port': 6379 }

class App {
  writer = new RecordWriter()
  readonly #random = seeded(5)
  readonly #weightOf: (trace: number) => number
  #nextId = 1
  #trace = { traceHigh: 1n, traceLow: 1n }
  #weight = 1

  constructor(weightOf: (trace: number) => number) {
    this.#weightOf = weightOf
  }

  /** The spans of one request, in the order in which they end. */
  request(i: number): void {
    this.#trace = { traceHigh: this.#half(), traceLow: this.#half() }
    this.#weight = this.#weightOf(i)
    const at = 1000 * MS + i * MS
    const root = this.#id(at)
    const route = ROUTES[i % ROUTES.length] ?? '/'
    const slow = this.#random() ** 4 * 80
    const isLarge = i % LARGE_EVERY === LARGE_EVERY - 1
    const failed = i % 50 === 49
    let now = this.#cached(i, at, root)
    now = this.#query(i, root, now, 2 + slow / 4, false)
    now = this.#query(i + 1, root, now, 1 + slow / 8, failed)
    now = this.#query(i + 3, root, now, 1, false)
    for (let k = 0; isLarge && k < LARGE_QUERIES; k++) now = this.#query(k * 5, root, now, 0.4, false)
    now = i % 2 === 0 ? this.#ask(i, root, now, 15 + slow, failed) : this.#fetch(i, root, now, 4 + slow / 2)
    this.#span(root, { name: `GET ${route}`, layer: 'http', integration: 'node:http', kind: SpanKindCode.server, flags: SpanFlag.root,
      status: failed ? StatusCode.error : StatusCode.unset, startNs: at, endNs: now + MS / 2,
      attributes: { 'http.request.method': interned('GET'), 'http.route': interned(route), 'url.path': route.replace(':id', String(i % 5000)),
        'http.response.status_code': failed ? 500 : 200, ...(failed ? { 'error.type': interned('500') } : {}) } }) // prettier-ignore
  }

  /** A read of the cache; where it misses, the value is computed and set. Gives the time it is over. */
  #cached(i: number, at: number, root: bigint): number {
    const hit = i % 3 > 0
    const key = this.#hash(i % 20_000)
    const operation = (name: string, from: number, attributes: Record<string, TestValue>): number => {
      const id = this.#id(at)
      this.writer.payload({ spanId: id, role: 'cache.key', size: 12, hash: key })
      this.#span(id, { parentId: root, name: name.toUpperCase(), layer: 'db', integration: 'ioredis', kind: SpanKindCode.client, startNs: from, endNs: from + 0.3 * MS,
        attributes: { ...REDIS, 'db.operation.name': interned(name.toUpperCase()), 'perf.cache.operation': interned(name), ...attributes } }) // prettier-ignore
      return from + 0.4 * MS
    }
    const read = operation('get', at + 0.1 * MS, { 'perf.cache.hit': hit })
    return hit ? read : operation('set', this.#query(i + 2, root, read, 3, false), { 'perf.cache.ttl_ms': 60_000 })
  }

  #query(i: number, parentId: bigint, from: number, ms: number, failed: boolean): number {
    const table = TABLES[i % TABLES.length] ?? 'users'
    const id = this.#id(from)
    if (failed)
      this.writer.event({ spanId: id, timeNs: from + MS, name: 'exception', attributes: { 'exception.type': interned('DatabaseError'), 'exception.message': `canceling statement ${i} due to statement timeout`,
        'exception.stacktrace': interned('DatabaseError: canceling statement\n    at load (/app/src/load.ts:10:5)') } }) // prettier-ignore
    this.writer.payload({ spanId: id, role: 'db.query.parameters', size: 4, hash: this.#hash(i % 5000) })
    this.#span(id, { parentId, name: `SELECT ${table}`, layer: 'db', integration: 'pg', kind: SpanKindCode.client, startNs: from, endNs: from + ms * MS,
      status: failed ? StatusCode.error : StatusCode.unset,
      attributes: { ...PG, 'db.collection.name': interned(table), 'db.query.text': interned(`SELECT * FROM ${table} WHERE id = $1 ORDER BY created_at DESC LIMIT 20`),
        'db.response.returned_rows': i % 20, 'perf.pool.wait_ms': Math.round(this.#random() * 1000) / 1000, ...(failed ? { 'error.type': interned('57014') } : {}) } }) // prettier-ignore
    return from + (ms + 0.1) * MS
  }

  /** A tool that asks a model, over HTTP. */
  #ask(i: number, parentId: bigint, from: number, ms: number, failed: boolean): number {
    const model = MODELS[i % 6 === 0 ? 0 : i % 4 === 0 ? 2 : 1] ?? 'gpt-4o'
    const [tool, ai, http] = [this.#id(from), this.#id(from), this.#id(from)]
    const status = failed ? StatusCode.error : StatusCode.unset
    this.#span(http, { parentId: ai, name: 'POST', layer: 'http', integration: 'undici', kind: SpanKindCode.client, startNs: from + 0.2 * MS, endNs: from + (ms - 0.2) * MS, status,
      attributes: { 'http.request.method': interned('POST'), 'server.address': interned('api.openai.com'), 'server.port': 443, 'url.full': interned('https://api.openai.com/v1/chat/completions'),
        'http.response.status_code': failed ? 429 : 200, ...(failed ? { 'error.type': interned('429') } : {}) } }) // prettier-ignore
    this.writer.payload({ spanId: ai, role: 'gen_ai.input.messages', size: 900, hash: this.#hash(i % 30_000), parts: [{ hash: 'aa'.repeat(8), size: 600 }, { hash: this.#hash(i % 30_000).slice(0, 16), size: 300 }] }) // prettier-ignore
    this.writer.payload({ spanId: ai, role: 'gen_ai.tool.definitions', size: 2400, hash: 'bb'.repeat(16) })
    this.#span(ai, { parentId: tool, name: `chat ${model}`, layer: 'ai', integration: 'openai', kind: SpanKindCode.client, startNs: from + 0.1 * MS, endNs: from + (ms - 0.1) * MS, status,
      attributes: { 'gen_ai.operation.name': interned('chat'), 'gen_ai.provider.name': interned('openai'), 'gen_ai.request.model': interned(model), 'gen_ai.response.model': interned(model),
        'gen_ai.usage.input_tokens': 1000 + (i % 900), 'gen_ai.usage.output_tokens': 120 + (i % 50), 'gen_ai.usage.cache_read.input_tokens': 0, 'perf.ai.tool_definitions': 6, 'perf.ai.messages': 2,
        'gen_ai.response.time_to_first_chunk': 0.004 + this.#random() / 100, 'perf.ai.cost_usd': 0.0001 * (1 + (i % 7)), ...(failed ? { 'error.type': interned('429') } : {}) } }) // prettier-ignore
    this.writer.payload({ spanId: tool, role: 'tool.arguments', size: 20, hash: this.#hash(i % 10_000) })
    this.#span(tool, { parentId, name: 'search', layer: 'tool', integration: 'tools', variant: 'a1b2c3d4', startNs: from, endNs: from + ms * MS, status,
      attributes: { 'gen_ai.tool.name': interned('search'), ...(failed ? { 'error.type': interned('429') } : {}) } }) // prettier-ignore
    return from + (ms + 0.2) * MS
  }

  #fetch(i: number, parentId: bigint, from: number, ms: number): number {
    const id = this.#id(from)
    this.writer.payload({ spanId: id, role: 'url.query', size: 8, hash: this.#hash(i % 2000) })
    this.#span(id, { parentId, name: 'GET', layer: 'http', integration: 'undici', kind: SpanKindCode.client, startNs: from, endNs: from + ms * MS,
      attributes: { 'http.request.method': interned('GET'), 'server.address': interned('stock.internal'), 'server.port': 8080, 'url.full': `http://stock.internal:8080/items/${i % 1000}`, 'http.response.status_code': 200 } }) // prettier-ignore
    return from + (ms + 0.1) * MS
  }

  #span(spanId: bigint, span: Omit<TestSpan, 'spanId'>): void {
    this.writer.span({ ...this.#trace, weight: this.#weight, ...span, spanId })
  }

  #id(ns: number): bigint {
    return (BigInt(Math.floor(ns / 67_108_864) || 1) << 32n) | BigInt(this.#nextId++)
  }

  #half(): bigint {
    return BigInt(Math.floor(this.#random() * 2 ** 52)) * 4096n + 1n
  }

  #hash(of: number): string {
    return (of * 2_654_435_761).toString(16).padStart(32, '0')
  }
}
