import fs from 'node:fs'
import path from 'node:path'
import { open } from 'lmdb'
import type { RootDatabase } from 'lmdb'
import type { Block } from '../codec/block.ts'
import { checkDataFile } from './check.ts'
import { DamagedEnvironmentError, DataFile, takeRoomToOpen } from './room.ts'

/** A payload's text under its hash. */
export interface Content {
  hash: string
  text: string
}

const CHUNK_CHARS = 64 * 1024

// msgpackr's, left out of lmdb-js' types. The strings of a block differ from block to block: as records every block would define a new one.
const PLAIN_MAPS = { useRecords: false }

interface Stats {
  pageSize: number
  treeBranchPageCount: number
  treeLeafPageCount: number
  overflowPages: number
}

/** The LMDB environment of one process instance, written by its one writer thread. */
export class HotStore {
  private readonly db: RootDatabase<unknown, (string | number)[]>
  /** Blocks in the store, oldest first: what rotation and deletion go by. */
  private readonly blocks: { thread: number; seq: number; spans: number }[] = []
  private rotatedSpans = 0
  private readonly dataFile: DataFile
  private lastBlocks: readonly Block[] = []
  private lastContents: readonly Content[] = []
  readonly folder: string

  /** Opens the environment, or makes it; a damaged one that is in its place is set aside. Throws what the disk says. */
  constructor(sessionDir: string, instance: string) {
    this.folder = path.join(sessionDir, 'hot', `${instance}.lmdb`)
    const file = path.join(this.folder, 'data.mdb')
    if (fs.existsSync(file) && checkDataFile(file, true).problem !== undefined) setAside(this.folder)
    takeRoomToOpen(this.folder)
    this.db = open<unknown, (string | number)[]>({
      ...PLAIN_MAPS,
      path: this.folder,
      noSubdir: false,
      compression: true,
      // A committed page survives the death of the process; only a power failure needs the flush, every 2 s.
      noSync: true,
      cache: false,
      maxReaders: 64,
    })
    for (const name of ['data.mdb', 'lock.mdb']) fs.chmodSync(path.join(this.folder, name), 0o600)
    this.dataFile = new DataFile(file, this.stats().pageSize)
    this.dataFile.takeRoom(0)
  }

  /**
   * Stores what came in, in one transaction. Throws when the disk says no (nothing of it is stored then), and
   * `DamagedEnvironmentError` when the file is no longer what it was: set it aside then.
   */
  commit(blocks: readonly Block[], contents: readonly Content[], beat: { wallMs: number; monoNs: number }, process?: object): void {
    this.dataFile.takeRoom(commitBytes(blocks, contents))
    const before = this.dataFile.txn
    this.put(blocks, contents, beat, process)
    this.dataFile.check()
    if (this.dataFile.txn === before) {
      // A reader that opened in between made LMDB start from the transaction before the last: that one is gone, and is put again.
      this.put(this.lastBlocks, this.lastContents, beat)
    } else if (this.dataFile.txn !== before + 1n) throw new DamagedEnvironmentError('another process opened it at the wrong moment')
    this.lastBlocks = blocks
    this.lastContents = contents
    for (const { thread, seq, spans } of blocks) this.blocks.push({ thread, seq, spans })
  }

  private put(blocks: readonly Block[], contents: readonly Content[], beat: object, process?: object): void {
    const { db } = this
    // A block body: returning the thenable of `put` would leave the transaction open.
    db.transactionSync(() => {
      for (const block of blocks) {
        db.putSync(['b', block.thread, block.seq], block)
      }
      for (const content of contents) putContent(db, content)
      if (process !== undefined) db.putSync(['m', 'process'], process)
      db.putSync(['m', 'beat'], beat)
    })
  }

  /** Writes one of the `["m", …]` entries. */
  putMeta(name: string, value: object): void {
    this.dataFile.check()
    this.db.putSync(['m', name], value)
  }

  /** Spans in the store that sync has not read. */
  storedSpans(): number {
    return this.blocks.reduce((sum, block) => sum + block.spans, 0)
  }

  /** Gives the environment up and moves it out of the way, where it still exists. The store must not be used any more. */
  setAside(): void {
    // Not closed: LMDB would look into its map, which the file may no longer back.
    setAside(this.folder)
  }

  private stats(): Stats {
    return this.db.getStats() as unknown as Stats
  }

  /** Bytes in use inside the environment (freed pages are used again, the file does not shrink). */
  usedBytes(): number {
    const { treeBranchPageCount, treeLeafPageCount, overflowPages, pageSize } = this.stats()
    return (treeBranchPageCount + treeLeafPageCount + overflowPages) * pageSize
  }

  /** Deletes blocks up to the sequence that sync has marked read, by thread. */
  deleteRead(marks: Readonly<Record<string, number>>): void {
    const done = this.blocks.filter(({ thread, seq }) => seq <= (marks[thread] ?? -1))
    if (done.length === 0) return
    this.remove(done)
  }

  /** Rotates the oldest tenth away; the spans lost are counted in `["m", "rotated"]`. */
  rotate(): number {
    const oldest = this.blocks.slice(0, Math.max(1, Math.ceil(this.blocks.length / 10)))
    const spans = oldest.reduce((sum, block) => sum + block.spans, 0)
    this.rotatedSpans += spans
    this.remove(oldest)
    this.putMeta('rotated', { spans: this.rotatedSpans })
    return spans
  }

  private remove(blocks: readonly { thread: number; seq: number }[]): void {
    const { db } = this
    this.dataFile.check()
    db.transactionSync(() => {
      for (const { thread, seq } of blocks) db.removeSync(['b', thread, seq])
    })
    const gone = new Set(blocks)
    const kept = this.blocks.filter((block) => !gone.has(block))
    this.blocks.splice(0, this.blocks.length, ...kept)
  }

  /** Starts writing committed pages to the device. */
  flush(): void {
    this.dataFile.check()
    const { env } = this.db as unknown as { env?: { sync?(callback: () => void): void } }
    env?.sync?.(() => {})
  }
}

function putContent(db: RootDatabase<unknown, (string | number)[]>, { hash, text }: Content): void {
  const count = Math.ceil(text.length / CHUNK_CHARS) || 1
  if (count === 1) {
    db.putSync(['c', hash], { n: 1, i: 0, text })
    return
  }
  for (let i = 0; i < count; i++) db.putSync(['c', hash, i], { n: count, i, text: text.slice(i * CHUNK_CHARS, (i + 1) * CHUNK_CHARS) })
}

/** What a commit needs on disk at most, bytes: it may turn out smaller, since values are compressed and free pages are used again. */
function commitBytes(blocks: readonly Block[], contents: readonly Content[]): number {
  const blockBytes = blocks.reduce((sum, { data }) => sum + data.length * 2 + 16_384, 0)
  return contents.reduce((sum, { text }) => sum + text.length * 3 + 8192, blockBytes)
}

function setAside(folder: string): void {
  if (!fs.existsSync(folder)) return
  let n = 1
  while (fs.existsSync(`${folder}.damaged-${n}`)) n++
  fs.renameSync(folder, `${folder}.damaged-${n}`)
}
