import { nowNs } from '../core/clock.ts'
import type { SwitchObserver } from '../core/context.ts'
import type { CpuProfile } from '../core/profile-format.ts'
import type { Span } from '../core/span.ts'
import { watchAsyncScopes } from './async-scopes.ts'
import { watchCallbacks } from './callback-hooks.ts'
import { SpanLog } from './span-log.ts'

// Which span the running code belonged to, over time; every change is an entry as it goes into the file. Changes come from `runWith`
// (within one callback) and from a `before` hook (from one callback to the next). There is no `after` hook: with the clock read it needs, it
// doubles the price of every callback (Node 24: 2.3 instead of 1.0 µs for 10 callbacks). What the loop does between two callbacks has no
// JavaScript on its stack or is idle, so no sample of it counts for a span, and its idle time is taken off the span's own CPU time.

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
  private readonly startedNs = nowNs()
  private readonly offsetNs = clockOffsetNs()
  private readonly currentSpan: () => Span | undefined
  private readonly log: SpanLog
  private stopWatching: (() => void)[] = []
  private current: Span | undefined
  private sinceMs = clockMs()
  private idleUntilNow = idleMs()
  private readonly outer: (Span | undefined)[] = []

  /**
   * @param currentSpan the span of the code that runs now
   * @param onFull called when half of the log is used: time to `take`
   */
  constructor(currentSpan: () => Span | undefined, onFull: () => void) {
    this.currentSpan = currentSpan
    this.log = new SpanLog(onFull)
  }

  start(): void {
    const { currentSpan } = this
    this.log.append(this.toNs(clockMs()), undefined)
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
    this.log.append(now * 1e6 + this.offsetNs, span)
  }

  ending(span: Span, endNs: number): number {
    if (span === this.current) this.settle((endNs - this.offsetNs) / 1e6)
    // Of a span that began before there was anything to count, the sum would be too small.
    return span.startNs < this.startedNs ? -1 : Math.max(0, Math.round(span.cpuMs * 1000) / 1000)
  }

  /** What the log says of the samples of `profile`, and how many changes found no room in it; it begins anew with the span of now. */
  take(profile: CpuProfile | undefined): { entries: Uint8Array; lost: number } {
    const { log } = this
    const { lost } = log
    const entries = log.take(profile)
    log.append(this.toNs(clockMs()), this.current)
    return { entries, lost }
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

  private toNs(timeMs: number): number {
    return timeMs * 1e6 + this.offsetNs
  }
}

/** What `performance.now` lacks to the clock of the samples. */
function clockOffsetNs(): number {
  const before = clockMs()
  const ns = nowNs()
  return ns - ((before + clockMs()) / 2) * 1e6
}
