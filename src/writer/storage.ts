import fs from 'node:fs'
import path from 'node:path'
import { cannotStore } from '../core/cannot-store.ts'
import { nowNs } from '../core/clock.ts'
import type { Redactor } from '../semantics/redaction.ts'
import type { Block } from '../store/codec/block.ts'
import { DAMAGED_CODE } from '../store/hot/room.ts'
import type { HotStore } from '../store/hot/write.ts'
import type { PayloadContent } from './payloads.ts'
import { createSessionFolder, hasLeftFiles, processMeta } from './session-folder.ts'
import type { ProcessInfo } from './session-folder.ts'

export interface StorageOptions {
  process: ProcessInfo
  given: Record<string, string>
  redactor: Redactor
  maxBytes: number
  /** The session exists even without a span. */
  joined: boolean
  /** Loads LMDB; may throw. */
  load(): typeof import('../store/hot/write.ts')
  /** Something was stored: whoever waits sees that the writer lives. */
  progressed(): void
  /** The environment is open, the session's folder there. */
  opened(): void
  warn(text: string): void
}

/** How a process ended. */
export interface EndMark {
  code: number
  reason: string
  wallMs: number
  monoNs: number
}

const BEAT_MS = 2000
const RETRY_MS = 1000
/** Blocks kept in memory while the disk refuses them; beyond, the oldest are given up and counted. */
const MAX_PENDING_BYTES = 32 << 20
const MAX_PENDING_CONTENTS = 10_000
/** Data of the blocks of one commit, about. */
const MAX_COMMIT_BYTES = 1 << 20
/** From so much waiting on, it is stored before more is read. */
const MUCH_BYTES = 4 << 20

/** What waits to be stored, and the LMDB environment of this process that it goes to: nothing of it throws, what the disk refuses is tried again. */
export class Storage {
  /** When the rings were last read: all that ended before is stored or waits here. */
  seenNs = nowNs()
  private readonly options: StorageOptions
  private store: HotStore | undefined
  private pending: Block[] = []
  private contents: PayloadContent[] = []
  private bytes = 0
  private lostSpans = 0
  private lostStored = 0
  private storedNs = 0
  private lastBeatMs = 0
  private lastFlushMs = 0
  private nextTryMs = 0
  private hasFailed = false
  private readMarksMtime = 0

  constructor(options: StorageOptions) {
    this.options = options
  }

  get isOpen(): boolean {
    return this.store !== undefined
  }

  get waits(): boolean {
    return this.pending.length > 0
  }

  get waitsMuch(): boolean {
    return this.bytes > MUCH_BYTES
  }

  add(block: Block): void {
    this.pending.push(block)
    this.bytes += block.data.length
  }

  addContents(contents: readonly PayloadContent[]): void {
    this.contents.push(...contents)
  }

  /** Opens the environment; throws where that fails. */
  open(): void {
    if (this.store !== undefined) return
    const { process, given, redactor } = this.options
    createSessionFolder(process, given, redactor)
    const { HotStore } = this.options.load()
    this.store = new HotStore(process.sessionDir, process.instance)
    this.commit([], [], this.storedNs, processMeta(process, given, redactor))
    this.options.opened()
  }

  /** Stores what waits, if it is time to try; else notes that the process lives. */
  storePending(): void {
    const now = nowMs()
    if (this.pending.length === 0 && this.contents.length === 0) {
      if (this.store !== undefined && now - this.lastBeatMs >= BEAT_MS) this.attempt(() => this.beat(now))
      else if (this.store === undefined && this.options.joined) this.attempt(() => this.open())
      return
    }
    if (now < this.nextTryMs) {
      this.dropOverflow()
      return
    }
    this.attempt(() => {
      this.open()
      while (this.pending.length > 0 || this.contents.length > 0) this.storePortion()
      this.hasFailed = false
      this.lastBeatMs = now
      this.countLost(this.lostSpans)
    })
  }

  /** The next attempt is not put off by the last failure. */
  tryAgain(): void {
    this.nextTryMs = 0
  }

  /** Does what needs the disk; a failure is said once, and what waits is tried again later. */
  attempt(action: () => void): void {
    try {
      action()
      this.options.progressed()
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === DAMAGED_CODE) return this.setAside(error)
      this.nextTryMs = nowMs() + RETRY_MS
      this.hasFailed = true
      this.options.warn(cannotStore(this.options.process.sessionDir, error))
      this.dropOverflow()
    }
  }

  /** What is due every two seconds: flush, delete what has been read, keep within the size. */
  housekeep(): void {
    const now = nowMs()
    if (this.store === undefined || now - this.lastFlushMs < BEAT_MS) return
    this.lastFlushMs = now
    this.attempt(() => {
      this.store?.flush()
      this.deleteRead()
      if (this.store !== undefined && this.store.usedBytes() > this.options.maxBytes) this.store.rotate()
    })
  }

  /** Notes how the process ended, and what of it could not be stored. */
  putEnd(end: EndMark): void {
    // Threads that ended before their rings were known here have spilled.
    if (this.store === undefined && hasLeftFiles(this.options.process)) this.attempt(() => this.open())
    if (this.store === undefined) return
    this.attempt(() => {
      this.countLost(this.lostSpans + this.pending.reduce((sum, { spans }) => sum + spans, 0))
      this.store?.putMeta('end', { wallMs: end.wallMs, monoNs: end.monoNs, code: end.code, reason: end.reason })
    })
  }

  /** Commits the oldest pending blocks, as many as a commit should hold; one by one on a disk that has just refused, so that some find room. */
  private storePortion(): void {
    const mostBytes = this.hasFailed ? 1 : MAX_COMMIT_BYTES
    let bytes = 0
    let count = 0
    while (count < this.pending.length && (count === 0 || bytes < mostBytes)) bytes += this.pending[count++]?.data.length ?? 0
    const isAll = count === this.pending.length
    this.commit(this.pending.slice(0, count), this.contents, isAll ? this.seenNs : this.storedNs)
    this.pending.splice(0, count)
    this.contents = []
    this.bytes = Math.max(0, this.bytes - bytes)
  }

  /** `monoNs`: everything that ended before it is in the store after this. */
  private commit(blocks: Block[], contents: PayloadContent[], monoNs: number, process?: object): void {
    this.store?.commit(blocks, contents, { wallMs: Date.now(), monoNs }, process)
    this.storedNs = monoNs
  }

  private countLost(spans: number): void {
    if (spans === this.lostStored) return
    this.store?.putMeta('lost', { spans })
    this.lostStored = spans
  }

  /** What the environment held counts as lost; the recording goes on in a new one. */
  private setAside({ message }: Error): void {
    const { process, warn } = this.options
    warn(`the recording in ${process.sessionDir} was damaged (${message}); it goes on in a new file. The app is not affected.`)
    this.lostSpans += this.store?.storedSpans() ?? 0
    this.lostStored = 0
    const damaged = this.store
    this.store = undefined
    try {
      damaged?.setAside()
    } catch {
      // not ours to move
    }
  }

  private dropOverflow(): void {
    while (this.bytes > MAX_PENDING_BYTES && this.pending.length > 0) {
      const block = this.pending.shift()
      this.bytes -= block?.data.length ?? 0
      this.lostSpans += block?.spans ?? 0
    }
    if (this.contents.length > MAX_PENDING_CONTENTS) this.contents = []
  }

  private beat(now: number): void {
    this.store?.putMeta('beat', { wallMs: Date.now(), monoNs: this.seenNs })
    this.lastBeatMs = now
  }

  private deleteRead(): void {
    const { process } = this.options
    const file = path.join(process.sessionDir, 'hot', `${process.instance}.read.json`)
    const stat = fs.statSync(file, { throwIfNoEntry: false })
    if (stat === undefined || stat.mtimeMs === this.readMarksMtime) return
    this.readMarksMtime = stat.mtimeMs
    this.store?.deleteRead(JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, number>)
  }
}

/** Milliseconds that never go back: what is due must not wait for a wall clock that was set. */
export function nowMs(): number {
  return nowNs() / 1e6
}
