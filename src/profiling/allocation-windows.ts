import { createHook, type AsyncHook } from 'node:async_hooks'
import v8 from 'node:v8'
import type { SwitchObserver } from '../core/context.ts'
import type { SpanAllocations } from '../core/heap-profile-format.ts'
import type { Span } from '../core/span.ts'

// Which span's code allocated how much, exactly, in short windows spread over the run: at every change of span the used heap is read, and
// what came since the last change counts for the span before. A window of 10 ms in 1000 costs a hundredth of what doing so all the time would.

const WINDOW_MS = 10
/** Denser at first, so that a short run is seen, too. */
const FIRST_PAUSE_MS = 100
const PAUSE_MS = 1000
/** More names than this are counted together. */
const MAX_NAMES = 1000

export interface AllocationOptions {
  currentSpan(): Span | undefined
  /** The observer of now, and how to set one. */
  observer(): SwitchObserver | undefined
  observe(observer: SwitchObserver | undefined): void
  guard(where: string, fn: () => void): void
  /** Time between two windows in ms at first and later on, when not the usual. */
  firstPauseMs?: number
  pauseMs?: number
}

interface Tally {
  name: string | null
  layer: string | null
  bytes: number
  /** Stretches that were measured, and those a collection fell into, of which nothing is known. */
  measured: number
  lost: number
}

/** Allocations by span name of one thread. */
export class AllocationWindows implements SwitchObserver {
  private readonly options: AllocationOptions
  private readonly hook: AsyncHook
  private readonly outer: (Span | undefined)[] = []
  private readonly random: () => number
  /** Bytes that one reading itself allocates. */
  private readonly ownBytes: number
  private tallies = new Map<string, Tally>()
  private behind: SwitchObserver | undefined
  private current: Span | undefined
  private usedBytes = 0
  private openedMs = 0
  private lookedMs = 0
  private timer: NodeJS.Timeout | undefined
  private isOpen = false
  private pauseMs: number
  private readonly longestPauseMs: number

  constructor(options: AllocationOptions, random: () => number = Math.random) {
    this.options = options
    this.random = random
    this.pauseMs = options.firstPauseMs ?? FIRST_PAUSE_MS
    this.longestPauseMs = Math.max(options.pauseMs ?? PAUSE_MS, this.pauseMs)
    this.hook = createHook({ before: () => this.change(options.currentSpan()) })
    this.ownBytes = readingCost()
  }

  start(): void {
    this.wait()
  }

  stop(): void {
    clearTimeout(this.timer)
    this.close()
  }

  enter(span: Span | undefined): void {
    this.behind?.enter(span)
    this.outer.push(this.current)
    this.change(span)
  }

  leave(): void {
    this.behind?.leave()
    // A scope that was open before the window ends in it.
    this.change(this.outer.length > 0 ? this.outer.pop() : this.options.currentSpan())
  }

  change(span: Span | undefined): void {
    if (span === this.current) return
    this.settle()
    this.current = span
  }

  ending(span: Span, endNs: number): number {
    return this.behind === undefined ? -1 : this.behind.ending(span, endNs)
  }

  /** What was found since the last call, scaled to the whole of the looked-at time. */
  take(): { lookedMs: number; spans: SpanAllocations[] } {
    if (this.isOpen) this.settle()
    const now = performance.now()
    const lookedMs = this.lookedMs + (this.isOpen ? now - this.openedMs : 0)
    this.openedMs = now
    this.lookedMs = 0
    const spans = [...this.tallies.values()].map(({ name, layer, bytes, measured, lost }) => ({
      name,
      layer,
      bytes: measured === 0 ? 0 : Math.round((bytes * (measured + lost)) / measured),
    }))
    this.tallies = new Map()
    return { lookedMs, spans: spans.filter(({ bytes }) => bytes > 0) }
  }

  /** Pauses differ in length, so that nothing periodic is always or never seen. */
  private wait(): void {
    this.timer = setTimeout(() => this.options.guard('heap', () => this.open()), this.pauseMs * (0.5 + this.random())).unref()
    this.pauseMs = Math.min(this.longestPauseMs, this.pauseMs * 1.25)
  }

  private open(): void {
    const { observer, observe } = this.options
    this.behind = observer()
    this.outer.length = 0
    this.current = undefined
    this.isOpen = true
    observe(this)
    this.hook.enable()
    this.timer = setTimeout(() => {
      this.options.guard('heap', () => this.close())
      this.wait()
    }, WINDOW_MS).unref()
    this.openedMs = performance.now()
    this.usedBytes = v8.getHeapStatistics().used_heap_size
  }

  private close(): void {
    if (!this.isOpen) return
    this.settle()
    this.isOpen = false
    this.hook.disable()
    this.lookedMs += performance.now() - this.openedMs
    // Whoever observes since then keeps doing so.
    if (this.options.observer() === this) this.options.observe(this.behind)
    this.behind = undefined
  }

  private settle(): void {
    const used = v8.getHeapStatistics().used_heap_size
    const bytes = used - this.usedBytes - this.ownBytes
    this.usedBytes = used
    const tally = this.tallyOf(this.current)
    if (bytes < -this.ownBytes) tally.lost++
    else {
      tally.measured++
      tally.bytes += Math.max(0, bytes)
    }
  }

  private tallyOf(span: Span | undefined): Tally {
    const key = span === undefined ? '' : `${span.layer} ${span.name}`
    const found = this.tallies.get(key)
    if (found !== undefined) return found
    const isFull = this.tallies.size >= MAX_NAMES
    if (isFull && key !== OTHERS) return this.tallies.get(OTHERS) ?? this.add(OTHERS, '(others)', null)
    return this.add(key, span?.name ?? null, span?.layer ?? null)
  }

  private add(key: string, name: string | null, layer: string | null): Tally {
    const tally: Tally = { name, layer, bytes: 0, measured: 0, lost: 0 }
    this.tallies.set(key, tally)
    return tally
  }
}

const OTHERS = ' (others)'

function readingCost(): number {
  const costs: number[] = []
  let before = v8.getHeapStatistics().used_heap_size
  for (let i = 0; i < 100; i++) {
    const used = v8.getHeapStatistics().used_heap_size
    costs.push(used - before)
    before = used
  }
  return Math.max(0, costs.sort((a, b) => a - b)[50] ?? 0)
}
