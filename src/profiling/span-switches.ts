import { nowNs } from '../core/clock.ts'
import type { SwitchObserver } from '../core/context.ts'
import { SPAN_LOG_ENTRY_BYTES } from '../core/profile-format.ts'
import type { Span } from '../core/span.ts'
import { watchAsyncScopes } from './async-scopes.ts'
import { watchCallbacks } from './callback-hooks.ts'

// Which span the running code belonged to, over time; every change is an entry as it goes into the file. Changes come from `runWith`
// (within one callback) and from a `before` hook (from one callback to the next). There is no `after` hook: with the clock read it needs, it
// doubles the price of every callback (Node 24: 2.3 instead of 1.0 µs for 10 callbacks). What the loop does between two callbacks has no
// JavaScript on its stack or is idle, so no sample of it counts for a span, and its idle time is taken off the span's own CPU time.

const CHUNK_ENTRIES = 16_384
/** Beyond so many chunks (16 MB) between two hand-overs, changes are dropped and counted. */
const MAX_CHUNKS = 64
/** A shorter stretch is taken as busy without a look at the loop's idle time, which costs as much as the clock. */
const IDLE_CHECK_MS = 0.05

// Taken at load, before the app can put fake timers in their place. `performance.now` costs 37 ns, `process.hrtime.bigint` 48.
const clockMs = performance.now.bind(performance)
// In the types of Node it is part of `node:perf_hooks` only.
const { nodeTiming } = performance as unknown as { nodeTiming: { idleTime: number } }
/** Milliseconds this thread's loop has waited for events so far. */
const idleMs = (): number => nodeTiming.idleTime

/** The log of one thread. It also sums up each span's own CPU time: the time between its changes. */
export class SpanSwitches implements SwitchObserver {
  /** Changes that found no room since the last `take`. */
  lost = 0
  private readonly startedNs = nowNs()
  private readonly offsetNs = this.startedNs - clockMs() * 1e6
  private readonly currentSpan: () => Span | undefined
  private readonly onFull: () => void
  private stopWatching: (() => void)[] = []
  private current: Span | undefined
  private sinceMs = clockMs()
  private idleUntilNow = idleMs()
  private readonly outer: (Span | undefined)[] = []
  private chunks: Chunk[] = []
  private times = new Float64Array(0)
  private ids = new Int32Array(0)
  private count = CHUNK_ENTRIES

  /**
   * @param currentSpan the span of the code that runs now
   * @param onFull called when a quarter of the room is used: time to `take`
   */
  constructor(currentSpan: () => Span | undefined, onFull: () => void) {
    this.currentSpan = currentSpan
    this.onFull = onFull
  }

  start(): void {
    const { currentSpan } = this
    this.append(clockMs(), undefined)
    this.stopWatching = [
      watchCallbacks(() => this.change(currentSpan())),
      watchAsyncScopes({ logged: () => this.current, current: currentSpan, change: (span) => this.change(span) }),
    ]
  }

  stop(): void {
    for (const stop of this.stopWatching.splice(0)) stop()
  }

  enter(span: Span | undefined): void {
    this.outer.push(this.current)
    this.change(span)
  }

  leave(): void {
    this.change(this.outer.pop())
  }

  change(span: Span | undefined): void {
    if (span === this.current) return
    const now = clockMs()
    this.settle(now)
    this.current = span
    this.append(now, span)
  }

  ending(span: Span): void {
    if (span === this.current) this.settle(clockMs())
    // Of a span that began before there was anything to count, the sum would be too small.
    if (span.startNs < this.startedNs) return
    const selfMs = Math.round(span.cpuMs * 1000) / 1000
    if (span.notes === null) span.notes = { [SELF_CPU]: selfMs }
    else span.notes[SELF_CPU] = selfMs
  }

  /** The entries since the last call; the log begins anew with the span of now. */
  take(): Uint8Array {
    this.seal()
    const bytes = Buffer.concat(this.chunks.map(({ buffer, entries }) => new Uint8Array(buffer, 0, entries * SPAN_LOG_ENTRY_BYTES)))
    this.chunks = []
    this.count = CHUNK_ENTRIES
    this.lost = 0
    this.append(clockMs(), this.current)
    return bytes
  }

  /** Counts the time since the last change for the current span. */
  private settle(now: number): void {
    let busyMs = now - this.sinceMs
    this.sinceMs = now
    if (busyMs > IDLE_CHECK_MS) {
      const idle = idleMs()
      busyMs = Math.max(0, busyMs - (idle - this.idleUntilNow))
      this.idleUntilNow = idle
    }
    if (this.current !== undefined) this.current.cpuMs += busyMs
  }

  private append(timeMs: number, span: Span | undefined): void {
    if (this.count === CHUNK_ENTRIES && !this.nextChunk()) {
      this.lost++
      return
    }
    const at = this.count++
    this.times[at * 2] = timeMs * 1e6 + this.offsetNs
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
