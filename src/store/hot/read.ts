import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import * as lmdb from 'lmdb'
import type { Key, RootDatabase } from 'lmdb'
import type { Beat, Block, EndMark, ProcessMeta } from '../codec/block.ts'
import { checkDataFile } from './check.ts'

// msgpackr's, left out of lmdb-js' types.
const MAPS_AS_OBJECTS = { mapsAsObjects: true }

// Exported by lmdb-js 3.5, left out of its types.
const { keyValueToBuffer } = lmdb as unknown as { keyValueToBuffer(key: Key): Buffer }

/** What opening an instance gives: something to read, or the reason why not. */
export type HotResult = { state: 'open'; hot: HotInstance } | { state: 'damaged'; reason: string }

/**
 * Opens an instance's environment for reading, beside its owner. The file is checked first, page by page unless `live`:
 * LMDB aborts the process on some damage.
 */
export function openHot(directory: string, options: { live?: boolean } = {}): HotResult {
  const file = path.join(directory, 'data.mdb')
  if (!existsSync(file)) return { state: 'damaged', reason: 'data.mdb is missing' }
  const { problem, damagedKeys } = checkDataFile(file, options.live !== true)
  if (problem !== undefined) return { state: 'damaged', reason: problem }
  try {
    const open = (): RootDatabase<unknown, Key> =>
      lmdb.open<unknown, Key>({
        path: directory,
        noSubdir: false,
        readOnly: true,
        compression: true,
        ...MAPS_AS_OBJECTS,
        mapSize: mapSizeFor(file),
      })
    return { state: 'open', hot: new HotInstance(open, damagedKeys) }
  } catch (error) {
    return { state: 'damaged', reason: error instanceof Error ? error.message : String(error) }
  }
}

// A reader's map must cover the file; the owner may grow it meanwhile.
function mapSizeFor(file: string): number {
  const block = 1 << 20
  return Math.ceil((statSync(file).size * 2 + 64 * block) / block) * block
}

/**
 * Bytes of records after which the file is opened anew: what was read stays in the memory of the process as long as the file is mapped
 * (234 MB of a session of 5 million spans).
 */
const REOPEN_BYTES = 64 * 1024 * 1024

/** One process instance's environment, read-only. */
export class HotInstance {
  /** Blocks that are there and cannot be decoded. */
  damagedBlocks = 0
  #database: RootDatabase<unknown, Key>
  readonly #open: () => RootDatabase<unknown, Key>
  readonly #damagedKeys: ReadonlySet<string>

  constructor(open: () => RootDatabase<unknown, Key>, damagedKeys: ReadonlySet<string>) {
    this.#database = open()
    this.#open = open
    this.#damagedKeys = damagedKeys
  }

  process(): ProcessMeta | undefined {
    return this.#get(['m', 'process']) as ProcessMeta | undefined
  }

  beat(): Beat | undefined {
    return this.#get(['m', 'beat']) as Beat | undefined
  }

  end(): EndMark | undefined {
    return this.#get(['m', 'end']) as EndMark | undefined
  }

  /** What the writer rotated away to stay under `PERF_MAX_BYTES`. */
  rotated(): unknown {
    return this.#get(['m', 'rotated'])
  }

  /** Spans that the disk refused, or that were in an environment that had to be set aside. */
  lost(): unknown {
    return this.#get(['m', 'lost'])
  }

  /** Ids of the threads that have blocks. */
  threads(): number[] {
    const threads: number[] = []
    for (let from = 0; ;) {
      const [key] = [...this.#database.getKeys({ start: ['b', from, 0], end: ['b', Infinity], limit: 1 })]
      if (!Array.isArray(key) || key[0] !== 'b' || typeof key[1] !== 'number') return threads
      threads.push(key[1])
      from = key[1] + 1
    }
  }

  /** Sequence numbers of a thread's blocks after `seq`, in order. */
  sequences(thread: number, seq: number): number[] {
    const keys = this.#database.getKeys({ start: ['b', thread, seq + 1], end: ['b', thread, Infinity] })
    return [...keys].flatMap((key) => (Array.isArray(key) && typeof key[2] === 'number' ? [key[2]] : []))
  }

  /** A block; `undefined` when it was rotated away meanwhile or cannot be decoded (counted). */
  block(thread: number, seq: number): Block | undefined {
    const before = this.damagedBlocks
    const value = this.#get(['b', thread, seq])
    if (isBlock(value)) return value
    if (value !== undefined && this.damagedBlocks === before) this.damagedBlocks++
    return undefined
  }

  /** All blocks of a thread after `seq`, in order; the data of one holds until the next is asked for. */
  *blocks(thread: number, seq = -1, reopenBytes = REOPEN_BYTES): Generator<Block> {
    let bytes = 0
    for (const next of this.sequences(thread, seq)) {
      if (bytes > reopenBytes) {
        // The mapping goes at once; what the promise waits for are writes, of which a reader has none.
        void this.#database.close()
        this.#database = this.#open()
        bytes = 0
      }
      const block = this.block(thread, next)
      if (block === undefined) continue
      bytes += block.data.byteLength
      yield block
    }
  }

  /** Contents of payloads kept with capture on: hash and text. */
  *contents(): Generator<{ hash: string; text: string }> {
    const parts = new Map<string, string[]>()
    for (const key of this.#database.getKeys({ start: ['c'], end: ['d'] })) {
      if (!Array.isArray(key) || typeof key[1] !== 'string') continue
      const value = this.#get(key)
      if (typeof value === 'string') yield { hash: key[1], text: value }
      else if (isChunk(value)) {
        const chunks = parts.get(key[1]) ?? []
        chunks[value.i] = value.text
        parts.set(key[1], chunks)
        if (chunks.filter((chunk) => chunk !== undefined).length === value.n) yield { hash: key[1], text: chunks.join('') }
      }
    }
  }

  close(): Promise<void> {
    return this.#database.close()
  }

  #get(key: Key): unknown {
    try {
      if (this.#damagedKeys.size > 0 && this.#damagedKeys.has(keyValueToBuffer(key).toString('hex'))) {
        this.damagedBlocks++
        return undefined
      }
      return this.#database.get(key)
    } catch {
      this.damagedBlocks++
      return undefined
    }
  }
}

function isBlock(value: unknown): value is Block {
  if (!isObject(value)) return false
  const block = value as Partial<Block>
  if (typeof block.thread !== 'number' || typeof block.seq !== 'number' || !(block.data instanceof Uint8Array)) return false
  return isObject(block.strings) && isObject(block.anchor) && Number.isFinite(block.anchor.monoNs) && Number.isFinite(block.anchor.wallMs)
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

function isChunk(value: unknown): value is { n: number; i: number; text: string } {
  const chunk = value as { n?: unknown; i?: unknown; text?: unknown } | null | undefined
  return typeof chunk?.n === 'number' && typeof chunk.i === 'number' && chunk.i >= 0 && chunk.i < chunk.n && typeof chunk.text === 'string'
}
