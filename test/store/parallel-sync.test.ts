import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { open } from 'lmdb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase } from '../../src/store/analytics/database.ts'
import { decoderCount, stagingFolder } from '../../src/store/analytics/decoders.ts'
import { syncSession, type SyncResult } from '../../src/store/analytics/sync.ts'
import { SPILL_MAGIC } from '../../src/store/codec/spill.ts'
import { openHot } from '../../src/store/hot/read.ts'
import { readSession } from '../../src/store/session.ts'
import { generateSession } from '../support/generate-session.ts'
import { RecordWriter } from '../support/record-writer.ts'
import { scaleBlocks } from '../support/scale-session.ts'

let dir: string
beforeEach(() => (dir = mkdtempSync(path.join(os.tmpdir(), 'perf-parallel-'))))
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const NAME = 'shop_20261121-101500_9f3c'
const FIRST = 'a'.repeat(16)

/** A session with records of every kind, several processes and threads, spill files, an open span, and every sort of damage. */
async function everything(root: string): Promise<string> {
  const rest = new RecordWriter()
    .span({ spanId: 11n, traceHigh: 5n, startNs: 1e6, endNs: 9e6, name: 'search', layer: 'tool', weight: 4, attributes: { text: 'ümläut "quoted" \\ \u0000', cut: { cut: 'begin' }, list: [1, { a: null }] } })
    .span({ spanId: 12n, parentId: 11n, traceHigh: 5n, startNs: 2e6, endNs: 3e6, name: 'chat m', layer: 'ai', attributes: { 'gen_ai.request.model': 'gpt-4o', 'gen_ai.provider.name': 'openai', 'gen_ai.usage.input_tokens': 1000, 'gen_ai.usage.output_tokens': 10 } })
    .open({ spanId: 13n, traceHigh: 5n, startNs: 4e6, name: 'never ends' })
    .open({ spanId: 14n, traceHigh: 5n, startNs: 4e6, name: 'ends later' })
    .event({ spanId: 11n, timeNs: 5e6, name: 'exception', attributes: { 'exception.message': 'no' } })
    .link({ spanId: 11n, traceHigh: 7n, traceLow: 8n, linkedSpanId: 9n })
    .payload({ spanId: 11n, role: 'tool.arguments', size: -1, flags: 1 | 2 | 8, hash: '00112233445566778899aabbccddeeff', parts: [{ hash: '0102030405060708', size: 12 }] })
    .fact(1, { hash: 'v1', name: 'search', file: 'src/search.ts', line: 3, source: 'export …' })
    .fact(2, { name: 'pg', version: '8.0.0', status: 'wrapped' })
    .fact(3, { where: 'openai', message: 'TypeError: x' })
    .fact(5, { t: 6e6, level: 'warn', message: 'careful', spanId: '000000000000000b', traceId: '00000000000000050000000000000001' })
    .fact(6, { t: 6e6, m: { 'process.memory.usage': 73_400_320, 'process.cpu.time|cpu.mode=user': 1.25 } })
    .fact(7, { gc: [[6e6, 1_500_000, 'minor', 25_895_408]] })
    .fact(8, { t: 6e6, s: 5e6, d: 2e6, over: true, stack: '    at burn (file:///app/burn.js:5:3)', steady: true, span: '000000000000000b' })
    .fact(9, { t: 6e6, pending: 1, groups: [{ state: 'pending', type: 'Timeout', count: 1, ageMs: 20, stack: '    at wait (file:///app/wait.js:5:3)' }] })
    .fact(10, { t: 6e6, cause: 'lag', action: 'cpu', outcome: 'done', detail: 'x' })
    .fact(11, { name: 'cart', reason: 'asked', value: { a: 1 }, at: 6 })
    .raw(99, Buffer.from('of a newer version'))
    .raw(2, Buffer.alloc(16))
    .raw(2, unknownAttribute()) // prettier-ignore
  const later = new RecordWriter().span({ spanId: 14n, traceHigh: 5n, startNs: 4e6, endNs: 8e6, name: 'ends later' })
  const busy = [...scaleBlocks(3000)]
  const folder = await generateSession({
    dir: root,
    name: NAME,
    instances: [
      {
        instance: FIRST,
        end: null,
        contents: { '00112233445566778899aabbccddeeff': '{"q":"a"}' },
        blocks: [...busy, rest.block({ seq: busy.length, thread: 0 }), later.block({ seq: busy.length + 3, thread: 0 }), ...shifted(1000)],
      },
      { blocks: shifted(1500, 0.5) },
      { instance: 'd'.repeat(16), blocks: [new RecordWriter().span({ spanId: 90n, startNs: 1, endNs: 2, name: 'cut off' }).block()] },
    ],
  })
  const hot = path.join(folder, 'hot')
  const damaged = open({ path: path.join(hot, `${FIRST}.lmdb`), noSubdir: false, compression: true })
  damaged.putSync(['b', 0, busy.length + 1], { no: 'block' })
  await damaged.close()
  const cut = path.join(hot, `${'d'.repeat(16)}.lmdb`, 'data.mdb')
  truncateSync(cut, 5000)
  const process = { v: 1, instance: FIRST, session: NAME, pid: 1_000_000, host: os.hostname() }
  const again = new RecordWriter().span({ spanId: 11n, traceHigh: 5n, startNs: 1e6, endNs: 9e6, name: 'search', layer: 'tool' })
  again.span({ spanId: 77n, startNs: 9e6, endNs: 9.5e6, name: 'last' }).event({ spanId: 11n, timeNs: 5e6, name: 'exception' })
  writeSpill(path.join(hot, `${FIRST}.0.1.spill`), process, [again.block({ seq: 0 })])
  // Nobody writes them any more, and both copies have the same age.
  for (const name of readdirSync(hot, { recursive: true }) as string[]) {
    const file = path.join(hot, name)
    if (statSync(file).isFile()) utimesSync(file, new Date(Date.now() - 60_000), new Date(Date.now() - 60_000))
  }
  return folder
}

function* shifted(spans: number, weight = 1): Generator<ReturnType<RecordWriter['block']>> {
  for (const block of scaleBlocks(spans, { weight: () => weight })) yield { ...block, thread: 3, anchor: { ...block.anchor, wallMs: block.anchor.wallMs + block.seq * 60 } } // prettier-ignore
}

/** A span's record behind its first 8 bytes, with one attribute of a type nobody knows. */
function unknownAttribute(): Buffer {
  const body = Buffer.alloc(80)
  body.writeBigUInt64LE(15n, 0)
  body.writeUInt16LE(1, 68)
  body[74] = 99
  return body
}

function writeSpill(file: string, process: object, blocks: ReturnType<RecordWriter['block']>[]): void {
  const header = Buffer.from(JSON.stringify({ process, end: null, blocks: blocks.map(({ data, ...block }) => ({ ...block, bytes: data.byteLength })) })) // prettier-ignore
  const length = Buffer.alloc(4)
  length.writeUInt32LE(header.length)
  writeFileSync(file, Buffer.concat([Buffer.from(SPILL_MAGIC), length, header, ...blocks.map(({ data }) => data)]))
}

/** Every row of every table as text, sorted: the order of rows is nobody's business. */
async function contentsOf(folder: string): Promise<Record<string, string[]>> {
  const { connection, close } = await openDatabase(folder, 'read')
  try {
    const tables = await connection.runAndReadAll(`SELECT table_name FROM duckdb_tables() WHERE schema_name = 'store' AND database_name = current_database() ORDER BY 1`) // prettier-ignore
    const contents: Record<string, string[]> = {}
    for (const [table] of tables.getRows()) {
      const rows = await connection.runAndReadAll(`SELECT t::VARCHAR FROM store.${String(table)} t ORDER BY 1`)
      contents[String(table)] = rows.getRows().map(([row]) => String(row))
    }
    return contents
  } finally {
    close()
  }
}

async function syncWith(folder: string, decoders: number): Promise<SyncResult> {
  return await syncSession(readSession(folder), { decoders })
}

describe('the environment of a process', () => {
  it('gives the same blocks when it is opened anew between them', async () => {
    const folder = await generateSession({ dir, instances: [{ instance: FIRST, blocks: scaleBlocks(8000) }] })
    const read = async (reopenBytes?: number): Promise<string[]> => {
      const opened = openHot(path.join(folder, 'hot', `${FIRST}.lmdb`))
      if (opened.state !== 'open') throw new Error(opened.reason)
      try {
        const texts: string[] = []
        for (const block of opened.hot.blocks(0, -1, reopenBytes)) texts.push(JSON.stringify({ ...block, data: Buffer.from(block.data).toString('hex') })) // prettier-ignore
        return texts
      } finally {
        await opened.hot.close()
      }
    }
    const blocks = await read(1)
    expect(blocks.length).toBeGreaterThan(5)
    expect(blocks).toEqual(await read())
  })
})

describe('sync with decoding threads', () => {
  it('stores the same as without, in every table', { timeout: 240_000 }, async () => {
    const folder = await everything(path.join(dir, 'one'))
    const other = path.join(dir, "it's [2] *", 'sessions', NAME)
    mkdirSync(path.dirname(other), { recursive: true })
    cpSync(folder, other, { recursive: true, preserveTimestamps: true })
    const alone = await syncWith(folder, 0)
    const together = await syncWith(other, 2)
    expect({ ...together, durationMs: 0 }).toEqual({ ...alone, durationMs: 0 })
    const expected = await contentsOf(folder)
    expect(await contentsOf(other)).toEqual(expected)
    // What the recording is there for has to be in it, else equal tables say little.
    for (const table of ['spans', 'open_spans', 'events', 'links', 'payloads', 'payload_contents', 'variants', 'packages', 'faults', 'logs', 'metrics', 'gc', 'stalls', 'tasks', 'actions', 'states', 'traces', 'covered', 'counters', 'sources'])
      expect(expected[table]?.length, table).toBeGreaterThan(0) // prettier-ignore
    for (const counter of ['unknown_records', 'unknown_attributes', 'damaged_records', 'damaged_blocks', 'missing_blocks'])
      expect(expected['counters']?.join('\n')).toContain(counter)
    expect(alone.problems).toHaveLength(1)
    expect(existsSync(stagingFolder(other))).toBe(false)
    // Nothing is stored twice by another sync.
    expect(await syncWith(folder, 2)).toMatchObject({ spans: 0 })
    expect(await contentsOf(folder)).toEqual(expected)
  })

  it('removes what a sync that was killed has left', async () => {
    const folder = await generateSession({ dir, instances: [{ blocks: scaleBlocks(1000) }] })
    mkdirSync(stagingFolder(folder))
    writeFileSync(path.join(stagingFolder(folder), '1-0.parquet'), 'half a file')
    expect(await syncWith(folder, 0)).toMatchObject({ problems: [] })
    expect(existsSync(stagingFolder(folder))).toBe(false)
  })

  it('starts no threads for a small session', () => {
    expect(decoderCount(100_000)).toBe(0)
    expect(decoderCount(1024 ** 3)).toBe(Math.min(2, Math.max(0, os.availableParallelism() - 1)))
  })
})
