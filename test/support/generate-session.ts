// Makes session folders as docs/session-folder.md describes them, without the recorder: for tests of everything that reads.
import { mkdirSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { open } from 'lmdb'
import { SpanFlag, SpanKindCode, StatusCode } from '../../src/core/layout.ts'
import type { Block, EndMark, ProcessMeta } from '../../src/store/codec/block.ts'
import { RecordWriter, type TestSpan } from './record-writer.ts'

export const STARTED_AT = Date.parse('2026-11-21T10:15:00.000Z')
const SECOND = 1_000_000_000

export interface InstanceOptions {
  instance?: string
  pid?: number
  /** `null`: no end mark (killed, or alive). */
  end?: EndMark | null
  beat?: { wallMs: number; monoNs: number }
  /** May be made one by one, for sessions larger than memory. */
  blocks: Iterable<Block>
  process?: Partial<ProcessMeta>
  contents?: Record<string, string>
}

export interface SessionOptions {
  dir: string
  name?: string
  service?: string
  instances: InstanceOptions[]
  /** Overrides of session.json; `null`: no session.json. */
  json?: Record<string, unknown> | null
}

/** Writes a session folder; gives its path. */
export async function generateSession(options: SessionOptions): Promise<string> {
  const service = options.service ?? 'shop'
  const name = options.name ?? `${service}_20261121-101500_9f3c`
  const folder = path.join(options.dir, 'sessions', name)
  mkdirSync(path.join(folder, 'hot'), { recursive: true })
  if (options.json !== null) {
    const json = {
      format: 1, session: name, service, startedAt: new Date(STARTED_AT).toISOString(), command: ['node', 'app.js'], cwd: '/app',
      gitCommit: null, gitDirty: null, node: 'v20.20.2', agent: '0.1.0', host: os.hostname(), platform: 'linux', arch: 'x64', tags: [],
      config: {}, ...options.json,
    } // prettier-ignore
    writeFileSync(path.join(folder, 'session.json'), JSON.stringify(json))
  }
  for (const [i, instance] of options.instances.entries()) await writeInstance(folder, name, service, i, instance)
  return folder
}

async function writeInstance(folder: string, session: string, service: string, index: number, options: InstanceOptions): Promise<void> {
  const instance = options.instance ?? String(index + 1).padStart(16, '0')
  const database = open({ path: path.join(folder, 'hot', `${instance}.lmdb`), noSubdir: false, compression: true })
  const process: ProcessMeta = {
    v: 1, instance, session, pid: options.pid ?? 1_000_000 + index, ppid: 1, parentInstance: null, argv: ['node', 'app.js'], execArgv: [],
    cwd: '/app', node: 'v20.20.2', platform: 'linux', arch: 'x64', host: os.hostname(), agent: '0.1.0', service, gitCommit: null,
    startedAt: new Date(STARTED_AT).toISOString(), startNs: 0, config: {}, ...options.process,
  } // prettier-ignore
  const end = options.end === undefined ? { wallMs: STARTED_AT + 60_000, monoNs: 60 * SECOND, code: 0, reason: 'exit' } : options.end
  database.transactionSync(() => {
    database.putSync(['m', 'process'], process)
    database.putSync(['m', 'beat'], options.beat ?? { wallMs: STARTED_AT + 59_000, monoNs: 59 * SECOND })
    if (end !== null) database.putSync(['m', 'end'], end)
    for (const [hash, text] of Object.entries(options.contents ?? {})) database.putSync(['c', hash], text)
  })
  let waiting: Block[] = []
  const commit = (): void => {
    database.transactionSync(() => {
      for (const block of waiting) database.putSync(['b', block.thread, block.seq], block)
    })
    waiting = []
  }
  for (const block of options.blocks) if (waiting.push(block) === 50) commit()
  commit()
  await database.close()
}

/** Blocks of a web service under load: `traces` requests of eight spans each (http, two db, two cache, tool, ai, http client). */
export function serviceBlocks(
  traces: number,
  options: { spansPerBlock?: number; thread?: number; startNs?: number; seq?: number; seed?: number } = {},
): Block[] {
  const blocks: Block[] = []
  const perBlock = options.spansPerBlock ?? 1000
  let writer = new RecordWriter()
  const seed = options.seed ?? 7
  const random = seeded(seed)
  const ids = { low: 123_456_789 + seed * 10_000_000 }
  const flush = (): void => {
    const anchor = { monoNs: 0, wallMs: STARTED_AT }
    if (writer.records > 0) blocks.push(writer.block({ thread: options.thread ?? 0, seq: (options.seq ?? 0) + blocks.length, anchor }))
    writer = new RecordWriter()
  }
  for (let i = 0; i < traces; i++) {
    for (const span of requestTrace(i, (options.startNs ?? SECOND) + i * 1_000_000, random, ids)) writer.span(span)
    if (writer.spans >= perBlock) flush()
  }
  flush()
  return blocks
}

const ROUTES = ['/users/:id', '/orders', '/orders/:id', '/ask', '/search'] as const

/** The spans of one request in the order in which they end. */
export function requestTrace(i: number, startNs: number, random: () => number, ids: { low: number }): TestSpan[] {
  const trace = {
    traceHigh: BigInt(Math.floor(random() * 2 ** 52)) * 4096n + 1n,
    traceLow: BigInt(Math.floor(random() * 2 ** 52)) * 4096n + 1n,
  }
  const next = (): bigint => (BigInt(Math.floor(startNs / 67_108_864) || 1) << 32n) | BigInt(ids.low++ >>> 0)
  const route = ROUTES[i % ROUTES.length] ?? '/'
  const failed = i % 50 === 49
  const root = next()
  const tool = next()
  const ms = 1_000_000
  const child = (name: string, layer: string, integration: string, from: number, to: number, rest: Partial<TestSpan> = {}): TestSpan => ({
    ...trace, spanId: next(), parentId: root, name, layer, integration, startNs: startNs + from * ms, endNs: startNs + to * ms,
    kind: SpanKindCode.client, ...rest,
  }) // prettier-ignore
  const sql =
    i % 2 === 0 ? 'SELECT * FROM users WHERE id = $1' : 'SELECT * FROM orders WHERE user_id = $1 ORDER BY created_at DESC LIMIT 20'
  const database = {
    'db.system.name': { interned: 'postgresql' },
    'db.query.text': { interned: sql },
    'server.address': { interned: 'localhost' },
  }
  const model = i % 3 === 0 ? 'gpt-4o' : 'gpt-4o-mini'
  const slow = random() ** 4 * 80
  return [
    child('GET', 'cache', 'ioredis', 0.2, 0.5, { attributes: { 'db.system.name': { interned: 'redis' }, 'db.operation.name': { interned: 'GET' } } }),
    child(sql.split(' WHERE')[0] ?? sql, 'db', 'pg', 0.6, 2 + slow / 4, { attributes: { ...database, 'perf.pool.wait_ms': random() } }),
    child('SELECT products', 'db', 'pg', 2.1, 3 + slow / 8, { attributes: { ...database, 'db.response.returned_rows': i % 20 } }),
    child(`chat ${model}`, 'ai', 'openai', 3.5, 20 + slow, {
      parentId: tool, status: failed ? StatusCode.error : StatusCode.unset,
      attributes: {
        'gen_ai.operation.name': { interned: 'chat' }, 'gen_ai.provider.name': { interned: 'openai' }, 'gen_ai.request.model': { interned: model },
        'gen_ai.usage.input_tokens': 100 + (i % 900), 'gen_ai.usage.output_tokens': 20 + (i % 50),
        'gen_ai.response.time_to_first_chunk': 0.004 + random() / 100, 'perf.ai.cost_usd': 0.0001 * (1 + (i % 7)),
        ...(failed ? { 'error.type': { interned: '429' } } : {}),
      },
    }),
    { ...trace, spanId: tool, parentId: root, name: 'search', layer: 'tool', integration: 'tools', variant: 'a1b2c3d4',
      startNs: startNs + 3.2 * ms, endNs: startNs + (21 + slow) * ms, attributes: { 'gen_ai.tool.name': { interned: 'search' } } },
    child('GET', 'http', 'undici', 21, 24 + slow, { attributes: { 'http.request.method': { interned: 'GET' }, 'url.full': `http://stock.local/items/${i % 1000}`, 'http.response.status_code': 200 } }),
    child('SET', 'cache', 'ioredis', 24, 24.4, { attributes: { 'db.system.name': { interned: 'redis' }, 'db.operation.name': { interned: 'SET' } } }),
    { ...trace, spanId: root, name: `GET ${route}`, layer: 'http', integration: 'node:http', kind: SpanKindCode.server, flags: SpanFlag.root,
      status: failed ? StatusCode.error : StatusCode.unset, startNs, endNs: startNs + (26 + slow) * ms,
      attributes: {
        'http.request.method': { interned: 'GET' }, 'http.route': { interned: route }, 'url.path': route.replace(':id', String(i % 5000)),
        'http.response.status_code': failed ? 500 : 200, ...(failed ? { 'error.type': { interned: '500' } } : {}),
      } },
  ] // prettier-ignore
}

/** Repeatable numbers between 0 and 1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
