import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import zlib from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readClassTable } from '../../src/store/heap/class-table.ts'
import { SnapshotScanner, decodeSnapshotString, type SnapshotVisitor } from '../../src/store/heap/snapshot-scanner.ts'
import { classesByJson, runProgram } from './snapshots.ts'

let dir: string
let file: string
let counted: number
beforeAll(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-heap-'))
  counted = runProgram(
    dir,
    `import v8 from 'node:v8'
     class Counted { text = 'umlaut äöü "quoted" back\\\\slash \\u{1F600}' }
     class Weird { ['ключ "x"\\\\'] = 1; other = [Symbol('s'), 10n, /re/, new Error('e')] }
     globalThis.kept = [Array.from({ length: 777 }, () => new Counted()), new Weird()]
     v8.writeHeapSnapshot(process.argv[2] + '/a.heapsnapshot')
     process.stdout.write(String(v8.queryObjects(Counted, { format: 'count' })))`,
  ) as number
  file = path.join(dir, 'a.heapsnapshot')
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const rowsOf = (table: Awaited<ReturnType<typeof readClassTable>>): Record<string, unknown> =>
  Object.fromEntries(table.classes.map(({ name, count, selfBytes }) => [name, { count, selfBytes }]))

describe('the heap snapshot reader', () => {
  it('counts what JSON.parse counts, class by class', async () => {
    expect(rowsOf(await readClassTable(file))).toEqual(classesByJson(file))
  })

  it('counts as many objects of a class as V8 says there are', async () => {
    expect(counted).toBe(777)
    expect((await readClassTable(file)).classes.find(({ name }) => name === 'Counted')?.count).toBe(counted)
  })

  it('gives the same whatever the chunks', () => {
    const bytes = readFileSync(file)
    const whole = scan(bytes, bytes.length)
    expect(scan(bytes, 7)).toEqual(whole)
    expect(scan(bytes, 4099)).toEqual(whole)
    const parsed = JSON.parse(bytes.toString()) as { strings: string[] }
    expect(whole.strings).toEqual(parsed.strings.map((text) => (text.length > 200 ? text.slice(0, 200) : text)))
  })

  const compressions: Record<string, ((bytes: Buffer) => Buffer) | undefined> = {
    gz: zlib.gzipSync,
    br: (bytes) => zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } }),
    zst: (zlib as unknown as { zstdCompressSync?: (bytes: Buffer) => Buffer }).zstdCompressSync,
  }
  it.for(['gz', 'br', 'zst'])('reads .%s, and says when it is cut short', async (ending, { skip }) => {
    const compress = compressions[ending]
    const packed = `${file}.${ending}`
    if (compress === undefined) return skip(`Node ${process.versions.node} has no zstd to make one with`)
    writeFileSync(packed, compress(readFileSync(file)))
    expect(await readClassTable(packed)).toEqual(await readClassTable(file))
    truncateSync(packed, Math.floor(statSync(packed).size * 0.6))
    await expect(readClassTable(packed)).rejects.toThrow(/cut short/)
    const descriptor = openSync(packed, 'r+')
    writeSync(descriptor, Buffer.alloc(64, 0xff), 0, 64, 0)
    closeSync(descriptor)
    await expect(readClassTable(packed)).rejects.toThrow(/damaged|cut short/)
  })

  it.each([0.01, 0.3, 0.7, 0.999])('says that a file is cut short at %d of its length', async (share) => {
    const cut = path.join(dir, 'cut.heapsnapshot')
    copyFileSync(file, cut)
    truncateSync(cut, Math.floor(statSync(file).size * share))
    await expect(readClassTable(cut)).rejects.toThrow(/cut\.heapsnapshot: cut short in its (nodes|edges|tables|strings)\.$/)
  })

  it.each([
    ['nothing', ''],
    ['something else', '{"nodes": 1}'],
    ['a log', 'hello\n'.repeat(400_000)],
    ['a header that describes nothing', '{"snapshot":{},\n"nodes":[1,2'],
    [
      'broken numbers',
      '{"snapshot":{"meta":{"node_fields":["type"],"edge_fields":["type"]},"node_count":3,"edge_count":0},"nodes":[1],"edges":[]',
    ],
  ])('refuses %s with a reason', async (_what, text) => {
    const other = path.join(dir, 'other.heapsnapshot')
    writeFileSync(other, text)
    await expect(readClassTable(other)).rejects.toThrow(/other\.heapsnapshot: (not a heap snapshot|damaged)/)
  })

  it('says that a file is not there', async () => {
    await expect(readClassTable(path.join(dir, 'no.heapsnapshot'))).rejects.toThrow(/there is no such file/)
  })
})

describe('a text that was cut', () => {
  it.each([
    ['a\\u00', 'a'],
    ['a\\', 'a'],
    ['a\\\\', 'a\\'],
    ['a\\\\\\', 'a\\'],
    ['\\u00e4\\n', 'ä\n'],
  ])('%j reads %j', (raw, text) => expect(decodeSnapshotString(Buffer.from(raw))).toBe(text))
})

function scan(bytes: Buffer, chunk: number): { nodes: number; edges: number; sum: number; strings: string[] } {
  const result = { nodes: 0, edges: 0, sum: 0, strings: [] as string[] }
  const add = (row: Float64Array): void => row.forEach((value, i) => (result.sum = (result.sum + value * (i + 1)) % 1e12))
  const visitor: SnapshotVisitor = {
    header: () => {},
    node(row) {
      result.nodes++
      add(row)
    },
    edge(row) {
      result.edges++
      add(row)
    },
    wantsString: () => true,
    string: (index, text) => (result.strings[index] = decodeSnapshotString(text).slice(0, 200)),
  }
  const scanner = new SnapshotScanner(visitor)
  for (let at = 0; at < bytes.length; at += chunk) scanner.feed(bytes.subarray(at, at + chunk))
  expect(scanner.finish()).toBeUndefined()
  return result
}
