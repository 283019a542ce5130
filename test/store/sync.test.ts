import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { open } from 'lmdb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { syncSession } from '../../src/store/analytics/sync.ts'
import type { Block } from '../../src/store/codec/block.ts'
import { SPILL_MAGIC } from '../../src/store/codec/spill.ts'
import { openSession } from '../../src/store/query.ts'
import { readSession } from '../../src/store/session.ts'
import { cliFile } from '../support/cli.ts'
import { generateSession, serviceBlocks, STARTED_AT } from '../support/generate-session.ts'
import { RecordWriter } from '../support/record-writer.ts'

let dir: string
beforeEach(() => (dir = mkdtempSync(path.join(os.tmpdir(), 'perf-sync-'))))
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const sync = (folder: string): ReturnType<typeof syncSession> => syncSession(readSession(folder))

async function rows<T = Record<string, unknown>>(folder: string, sql: string): Promise<T[]> {
  const reader = await openSession(readSession(folder), { sync: false })
  try {
    return await reader.rows<T>(sql)
  } finally {
    reader.close()
  }
}

const countSpans = async (folder: string): Promise<unknown> =>
  (await rows(folder, 'SELECT count(*) AS n, count(DISTINCT span_key) AS ids FROM spans'))[0]

/** Adds blocks to an instance's environment as its owner would. */
async function addBlocks(folder: string, instance: string, blocks: Block[]): Promise<void> {
  const database = open({ path: path.join(folder, 'hot', `${instance}.lmdb`), noSubdir: false, compression: true })
  database.transactionSync(() => {
    for (const block of blocks) database.putSync(['b', block.thread, block.seq], block)
  })
  await database.close()
}

describe('sync', () => {
  it('stores every span of every process and thread', async () => {
    const blocks = [...serviceBlocks(500), ...serviceBlocks(100, { thread: 3, startNs: 9e9 })]
    const folder = await generateSession({ dir, instances: [{ blocks }, { blocks: serviceBlocks(50, { startNs: 20e9 }) }] })
    expect(await sync(folder)).toMatchObject({ spans: 5200, instances: 2, problems: [] })
    expect(await rows(folder, 'SELECT process, thread, count(*) AS n FROM spans GROUP BY ALL ORDER BY ALL')).toEqual([
      { process: 1, thread: 0, n: 4000 },
      { process: 1, thread: 3, n: 800 },
      { process: 2, thread: 0, n: 400 },
    ])
  })

  it('keeps every field of a span', async () => {
    const writer = new RecordWriter().span({
      spanId: 0xfedcba9876543210n, parentId: 0x0000000100000002n, traceHigh: 0xf000000000000001n, traceLow: 2n, startNs: 1_500_000, endNs: 4_000_000,
      name: 'chat gpt-4o', layer: 'ai', integration: 'openai', variant: 'abcd', flags: 16, kind: 2, status: 2, weight: 4,
      attributes: { 'error.type': 'RateLimitError', 'gen_ai.conversation.id': 'c1', 'a.b': [1, 'x'] },
    }) // prettier-ignore
    const folder = await generateSession({ dir, instances: [{ blocks: [writer.block({ anchor: { monoNs: 0, wallMs: STARTED_AT } })] }] })
    await sync(folder)
    expect(await rows(folder, 'SELECT * EXCLUDE (self_cpu_ms, start_ns, span_key, parent_key, trace_key) FROM spans')).toEqual([
      {
        span_id: 'fedcba9876543210', parent_id: '0000000100000002', trace_id: 'f0000000000000010000000000000002', session: path.basename(folder),
        name: 'chat gpt-4o', layer: 'ai', integration: 'openai', kind: 'client', start_time: '2026-11-21T10:15:00.0015Z', duration_ms: 2.5,
        status: 'error', error_type: 'RateLimitError', process: 1, thread: 0, variant: 'abcd', conversation: 'c1', weight: 4, capture: 'preview',
        attributes: { 'error.type': 'RateLimitError', 'gen_ai.conversation.id': 'c1', 'a.b': [1, 'x'] },
      },
    ]) // prettier-ignore
  })

  it('stores events, links, payloads and facts', async () => {
    const hash = '00112233445566778899aabbccddeeff'
    const writer = new RecordWriter()
      .span({ spanId: 9n, startNs: 1, endNs: 2, name: 'search', layer: 'tool', status: 2 })
      .event({
        spanId: 9n,
        timeNs: 1_000_000,
        name: 'exception',
        attributes: { 'exception.message': 'broken', 'exception.stacktrace': 'at x' },
      })
      .link({ spanId: 9n, traceHigh: 1n, traceLow: 2n, linkedSpanId: 3n })
      .payload({ spanId: 9n, role: 'tool.arguments', size: 12, flags: 2 | 8, hash, parts: [{ hash: '0102030405060708', size: 12 }] })
      .fact(1, { hash: 'abcd', name: 'search', file: 'src/tools/search.ts', line: 3, source: 'export …' })
      .fact(2, {
        name: 'pg',
        version: '8.0.0',
        integration: 'pg',
        status: 'unsupported',
        reason: 'too old',
        format: 'cjs',
        missing: ['Client'],
      })
      .fact(3, { where: 'openai', message: 'TypeError: x' })
    const folder = await generateSession({ dir, instances: [{ blocks: [writer.block()], contents: { [hash]: '{"q":"a"}' } }] })
    await sync(folder)
    expect(await rows(folder, 'SELECT name, message, stack FROM errors')).toEqual([{ name: 'search', message: 'broken', stack: 'at x' }])
    expect(await rows(folder, 'SELECT * EXCLUDE process FROM links')).toEqual([
      { span_id: '0000000000000009', linked_trace_id: '00000000000000010000000000000002', linked_span_id: '0000000000000003' },
    ])
    expect(await rows(folder, 'SELECT role, size, hash, parts, truncated, captured, format, text FROM payloads')).toEqual([
      { role: 'tool.arguments', size: 12, hash, parts: [{ hash: '0102030405060708', size: 12 }], truncated: false, captured: true, format: 'json', text: '{"q":"a"}' },
    ]) // prettier-ignore
    expect(await rows(folder, 'SELECT arguments_bytes, arguments_hash FROM tool_calls')).toEqual([
      { arguments_bytes: 12, arguments_hash: hash },
    ])
    expect(await rows(folder, 'SELECT variant, name, file, line FROM variants')).toEqual([
      { variant: 'abcd', name: 'search', file: 'src/tools/search.ts', line: 3 },
    ])
    expect(await rows(folder, 'SELECT name, version, status, reason, missing FROM packages')).toEqual([
      { name: 'pg', version: '8.0.0', status: 'unsupported', reason: 'too old', missing: ['Client'] },
    ])
    expect(await rows(folder, 'SELECT place, message, count FROM faults')).toEqual([{ place: 'openai', message: 'TypeError: x', count: 1 }])
  })

  it('adds only what is new, and nothing the second time', async () => {
    const folder = await generateSession({ dir, instances: [{ instance: 'a'.repeat(16), blocks: serviceBlocks(200) }] })
    expect((await sync(folder)).spans).toBe(1600)
    expect((await sync(folder)).spans).toBe(0)
    const last = serviceBlocks(200).length
    await addBlocks(folder, 'a'.repeat(16), serviceBlocks(100, { startNs: 30e9, seq: last }))
    expect((await sync(folder)).spans).toBe(800)
    expect(await rows(folder, 'SELECT count(*) AS n FROM spans')).toEqual([{ n: 2400 }])
    expect(JSON.parse(readFileSync(path.join(folder, 'hot', `${'a'.repeat(16)}.read.json`), 'utf8'))).toEqual({
      0: last + serviceBlocks(100).length - 1,
    })
  })

  it('goes on where blocks that were read have been deleted', async () => {
    const blocks = serviceBlocks(600)
    const folder = await generateSession({ dir, instances: [{ instance: 'a'.repeat(16), blocks: blocks.slice(0, 2) }] })
    await sync(folder)
    const database = open({ path: path.join(folder, 'hot', `${'a'.repeat(16)}.lmdb`), noSubdir: false, compression: true })
    database.transactionSync(() => {
      for (const block of blocks.slice(0, 2)) database.removeSync(['b', block.thread, block.seq])
      for (const block of blocks.slice(2)) database.putSync(['b', block.thread, block.seq], block)
    })
    await database.close()
    await sync(folder)
    expect(await countSpans(folder)).toEqual({ n: 4800, ids: 4800 })
    expect(await rows(folder, `SELECT * FROM counters WHERE name = 'missing_blocks'`)).toEqual([])
  })

  it('replaces an open span by its end, whenever that comes', async () => {
    const span = { spanId: 7n, startNs: 5, name: 'job', layer: 'workflow' }
    const folder = await generateSession({
      dir,
      instances: [{ instance: 'a'.repeat(16), blocks: [new RecordWriter().open(span).block({ seq: 0 })] }],
    })
    await sync(folder)
    expect(await rows(folder, 'SELECT name, status, duration_ms FROM spans')).toEqual([{ name: 'job', status: 'open', duration_ms: null }])
    await addBlocks(folder, 'a'.repeat(16), [
      new RecordWriter()
        .open(span)
        .span({ ...span, endNs: 1_000_005 })
        .block({ seq: 1 }),
    ])
    await sync(folder)
    expect(await rows(folder, 'SELECT name, status, duration_ms FROM spans')).toEqual([{ name: 'job', status: 'unset', duration_ms: 1 }])
    await addBlocks(folder, 'a'.repeat(16), [new RecordWriter().open(span).block({ seq: 2 })])
    await sync(folder)
    expect(await rows(folder, 'SELECT name, status FROM spans')).toEqual([{ name: 'job', status: 'unset' }])
  })

  it('keeps open spans of a killed process, and says it crashed', async () => {
    const writer = new RecordWriter().open({ spanId: 7n, startNs: 5, name: 'job' })
    const folder = await generateSession({ dir, instances: [{ blocks: [writer.block()], end: null }] })
    await sync(folder)
    expect(await rows(folder, 'SELECT status FROM spans')).toEqual([{ status: 'open' }])
    expect(await rows(folder, 'SELECT state, end_reason FROM processes')).toEqual([{ state: 'crashed', end_reason: null }])
  })

  it('reads spill files, alone or beside an environment that holds some of the same spans', async () => {
    const shared = new RecordWriter()
      .span({ spanId: 1n, startNs: 1, endNs: 2, name: 'both' })
      .event({ spanId: 1n, timeNs: 2, name: 'exception' })
    const folder = await generateSession({ dir, instances: [{ instance: 'a'.repeat(16), blocks: [shared.block({ seq: 0 })], end: null }] })
    const more = new RecordWriter()
      .span({ spanId: 1n, startNs: 1, endNs: 2, name: 'both' })
      .event({ spanId: 1n, timeNs: 2, name: 'exception' })
      .event({ spanId: 2n, timeNs: 3, name: 'exception' })
      .span({ spanId: 2n, startNs: 3, endNs: 4, name: 'last' })
    const process = { v: 1, instance: 'a'.repeat(16), session: 'x', pid: 1_000_000, host: os.hostname() }
    // Writer and app read the two clocks at times of their own.
    const anchor = { monoNs: 0, wallMs: shared.block().anchor.wallMs + 0.003 }
    writeSpill(path.join(folder, 'hot', `${'a'.repeat(16)}.0.1.spill`), process, [more.block({ seq: 0, anchor })])
    writeSpill(path.join(folder, 'hot', `${'b'.repeat(16)}.0.1.spill`), { ...process, instance: 'b'.repeat(16) }, [
      new RecordWriter().span({ spanId: 3n, startNs: 5, endNs: 6, name: 'only' }).block({ seq: 0 }),
    ])
    await sync(folder)
    await sync(folder)
    expect(await rows(folder, 'SELECT name FROM spans ORDER BY name')).toEqual([{ name: 'both' }, { name: 'last' }, { name: 'only' }])
    expect(await rows(folder, 'SELECT count(*)::INT AS n FROM events')).toEqual([{ n: 2 }])
    expect(await rows(folder, 'SELECT state, end_reason FROM processes ORDER BY instance')).toEqual([
      { state: 'done', end_reason: 'exit' },
      { state: 'done', end_reason: 'exit' },
    ])
  })

  it('counts what a newer version wrote and reads the rest', async () => {
    const writer = new RecordWriter().raw(99, Buffer.from('new')).span({ spanId: 1n, startNs: 1, endNs: 2, name: 'known' })
    const folder = await generateSession({ dir, instances: [{ blocks: [writer.block({ v: 2 })] }], json: { format: 2, agent: '9.0.0' } })
    await sync(folder)
    expect(await rows(folder, 'SELECT name FROM spans')).toEqual([{ name: 'known' }])
    expect(await rows(folder, `SELECT value FROM counters WHERE name = 'unknown_records'`)).toEqual([{ value: 1 }])
    expect(readSession(folder).problem).toMatch(/format 2 by agent 9\.0\.0/)
  })

  it.each([
    ['truncated', (file: string) => truncateSync(file, 5000), /truncated/],
    ['empty', (file: string) => truncateSync(file, 0), /empty/],
    ['not an LMDB file', (file: string) => writeFileSync(file, Buffer.alloc(50_000, 7)), /meta page/],
  ])('reports an environment that is %s and stores the others', async (_, damage, reason) => {
    const folder = await generateSession({
      dir,
      instances: [{ blocks: serviceBlocks(100) }, { blocks: serviceBlocks(50, { startNs: 20e9 }) }],
    })
    const file = path.join(folder, 'hot', `${'1'.padStart(16, '0')}.lmdb`, 'data.mdb')
    damage(file)
    const past = new Date(Date.now() - 60_000)
    utimesSync(file, past, past)
    const result = await sync(folder)
    expect(result.problems).toEqual([{ source: `${'1'.padStart(16, '0')}.lmdb`, reason: expect.stringMatching(reason) as string }])
    expect(await countSpans(folder)).toEqual({ n: 400, ids: 400 })
  })

  it('survives being killed at any moment', { timeout: 240_000 }, async () => {
    const folder = await generateSession({
      dir,
      instances: [{ blocks: serviceBlocks(1500) }, { blocks: serviceBlocks(500, { startNs: 60e9 }) }],
    })
    const start = (session: string): { child: ChildProcess; ended: Promise<unknown> } => {
      const child = spawn(process.execPath, [cliFile(), 'sync', '--session', session], { stdio: 'ignore' })
      return { child, ended: once(child, 'exit') }
    }
    // The moments are shares of what a whole sync takes on this machine now.
    const copy = path.join(dir, 'whole', 'sessions', path.basename(folder))
    cpSync(folder, copy, { recursive: true })
    const startedAt = performance.now()
    await start(copy).ended
    const wholeMs = performance.now() - startedAt
    for (const share of [0.4, 0.55, 0.7, 0.85, 0.95]) {
      const { child, ended } = start(folder)
      await sleep(wholeMs * share)
      child.kill('SIGKILL')
      await ended
    }
    await sync(folder)
    expect(await countSpans(folder)).toEqual({ n: 16_000, ids: 16_000 })
    expect(existsSync(path.join(folder, 'sync.lock'))).toBe(false)
  })

  it('may run several times at once', async () => {
    const folder = await generateSession({ dir, instances: [{ blocks: serviceBlocks(1000) }] })
    const run = promisify(execFile)
    await Promise.all([sync(folder), sync(folder), ...[1, 2, 3].map(() => run(process.execPath, [cliFile(), 'sync', '--session', folder]))])
    expect(await countSpans(folder)).toEqual({ n: 8000, ids: 8000 })
  })

  it.each([
    ['a dead process', { pid: 2 ** 22 - 7, startTime: '1', token: 'x' }],
    ['an earlier process with a pid in use again', { pid: process.pid, startTime: '1', token: 'x' }],
  ])('takes over the lock of %s', async (_, holder) => {
    const folder = await generateSession({ dir, instances: [{ blocks: serviceBlocks(10) }] })
    writeFileSync(path.join(folder, 'sync.lock'), JSON.stringify(holder))
    expect((await sync(folder)).spans).toBe(80)
  })

  it('waits for a living holder and says so when that takes too long', async () => {
    const folder = await generateSession({ dir, instances: [{ blocks: serviceBlocks(10) }] })
    writeFileSync(path.join(folder, 'sync.lock'), JSON.stringify({ pid: process.pid, startTime: null, token: 'x' }))
    await expect(syncSession(readSession(folder), { timeoutMs: 200 })).rejects.toMatchObject({ code: 'SESSION_BUSY' })
  })

  it('reads a copy of the folder made on another machine', async () => {
    const folder = await generateSession({ dir, instances: [{ blocks: serviceBlocks(10), process: { host: 'elsewhere' }, end: null }] })
    const copy = path.join(dir, 'copied', 'sessions', path.basename(folder))
    cpSync(folder, copy, { recursive: true })
    await sync(copy)
    expect(await rows(copy, 'SELECT state FROM processes')).toEqual([{ state: 'crashed' }])
  })
})

function writeSpill(file: string, process: object, blocks: Block[]): void {
  const end = { wallMs: STARTED_AT + 1000, monoNs: 1e9, code: 0, reason: 'exit' }
  const header = Buffer.from(
    JSON.stringify({ process, end, blocks: blocks.map(({ data, ...block }) => ({ ...block, bytes: data.length })) }),
  )
  const size = Buffer.alloc(4)
  size.writeUInt32LE(header.length)
  writeFileSync(file, Buffer.concat([Buffer.from(SPILL_MAGIC), size, header]))
  for (const block of blocks) appendFileSync(file, block.data)
}
