import { createHook } from 'node:async_hooks'
import type { AsyncHook } from 'node:async_hooks'
import { nowNs } from '../core/clock.ts'
import type { SwitchObserver } from '../core/context.ts'
import { SPAN_LOG_ENTRY_BYTES } from '../core/profile-format.ts'
import type { Span } from '../core/span.ts'

// Which span the running code belonged to, over time; every change is an entry as it goes into the file. Changes come from `runWith`
// (within one callback) and from async hooks (from one callback to the next).

const CHUNK_ENTRIES = 16_384
/** Beyond so many chunks (16 MB) between two hand-overs, changes are dropped and counted. */
const MAX_CHUNKS = 64
const MAX_DEPTH = 4096

/** The log of one thread. It also sums up each span's own CPU time: the time between its changes. */
export class SpanSwitches implements SwitchObserver {
  /** Changes that found no room since the last `take`. */
  lost = 0
  private readonly hook: AsyncHook
  private readonly startedNs = nowNs()
  private readonly onFull: () => void
  private current: Span | undefined
  private sinceNs = 0
  private readonly outer: (Span | undefined)[] = []
  private chunks: Chunk[] = []
  private times = new Float64Array(0)
  private ids = new Int32Array(0)
  private count = CHUNK_ENTRIES

  /**
   * @param spanOfCallback in a `before` hook: the span of the callback
   * @param onFull called when a quarter of the room is used: time to `take`
   */
  constructor(spanOfCallback: () => Span | undefined, onFull: () => void) {
    this.onFull = onFull
    this.hook = createHook({
      before: () => this.enter(spanOfCallback()),
      after: () => this.leave(),
    })
  }

  start(): void {
    this.append(nowNs(), undefined)
    this.hook.enable()
  }

  stop(): void {
    this.hook.disable()
  }

  enter(span: Span | undefined): void {
    if (this.outer.length < MAX_DEPTH) this.outer.push(this.current)
    this.change(span)
  }

  leave(): void {
    this.change(this.outer.pop())
  }

  ending(span: Span): void {
    if (span === this.current) {
      const now = nowNs()
      span.cpuNs += now - this.sinceNs
      this.sinceNs = now
    }
    // Of a span that began before there was anything to count, the sum would be too small.
    if (span.startNs < this.startedNs) return
    const selfMs = Math.round(span.cpuNs / 1000) / 1000
    if (span.notes === null) span.notes = { [SELF_CPU]: selfMs }
    else span.notes[SELF_CPU] = selfMs
  }

  /** The entries since the last call; the log begins anew with the span of now. */
  take(): Uint8Array {
    this.seal()
    const bytes = Buffer.concat(this.chunks.map(({ buffer, entries }) => new Uint8Array(buffer, 0, entries * SPAN_LOG_ENTRY_BYTES)))
    this.chunks = []
    this.count = CHUNK_ENTRIES
    this.append(nowNs(), this.current)
    return bytes
  }

  change(span: Span | undefined): void {
    const { current } = this
    if (span === current) return
    const now = nowNs()
    if (current !== undefined) current.cpuNs += now - this.sinceNs
    this.current = span
    this.sinceNs = now
    this.append(now, span)
  }

  private append(timeNs: number, span: Span | undefined): void {
    if (this.count === CHUNK_ENTRIES && !this.nextChunk()) {
      this.lost++
      return
    }
    const at = this.count++
    this.times[at * 2] = timeNs
    this.ids[at * 4 + 2] = span === undefined ? 0 : span.idLow
    this.ids[at * 4 + 3] = span === undefined ? 0 : span.idHigh
  }

  private nextChunk(): boolean {
    this.seal()
    if (this.chunks.length >= MAX_CHUNKS) return false
    if (this.chunks.length === MAX_CHUNKS / 4) this.onFull()
    const buffer = new ArrayBuffer(CHUNK_ENTRIES * SPAN_LOG_ENTRY_BYTES)
    this.chunks.push({ buffer, entries: 0 })
    this.times = new Float64Array(buffer)
    this.ids = new Int32Array(buffer)
    this.count = 0
    return true
  }

  private seal(): void {
    const last = this.chunks.at(-1)
    if (last !== undefined) last.entries = this.count
  }
}

interface Chunk {
  buffer: ArrayBuffer
  entries: number
}

const SELF_CPU = 'perf.cpu.self_ms'
