import type { performance as clock, PerformanceObserver as Observer } from 'node:perf_hooks'
import { nowNs } from '../core/clock.ts'
import { guard } from '../core/guard.ts'
import { MAX_SPACES, ProbeValue, ProbeWord, pushCollection, SPACE_FIELDS, viewProbeMemory } from '../core/probe-memory.ts'
import type { ProbeMemory } from '../core/probe-memory.ts'
import { heapLimitOf } from './heap-limit.ts'

/** A question of the writer thread; the answer stands in the probe memory under the same number. */
export interface ProbeQuestion {
  /** `ping`: when does the loop come to it; `sample`: measure; `presence`: does it come to it at all just now. */
  type: 'ping' | 'sample' | 'presence'
  number: number
}

/** A collection that the app thread sees later than this has been allocated upon since: its heap size is left out. */
const MAX_LATE_NS = 20e6

/**
 * The app thread's side of the measurements: it answers questions of the writer and notes garbage collections. It has no timer; nothing
 * of it runs, and no module is loaded for it, before the first question (250 ms after the start).
 */
export class AppProbe {
  private readonly memory: ProbeMemory
  private readonly load: NodeJS.Require
  private readonly notesCollections: boolean
  private readonly answered: () => void
  private v8: typeof import('node:v8') | undefined
  private loop: typeof clock | undefined
  private observer: Observer | undefined
  private heapLimit: number | undefined

  /** @param options `answered` is called after every answer */
  constructor(memory: SharedArrayBuffer, load: NodeJS.Require, options: { notesCollections?: boolean; answered?: () => void } = {}) {
    this.memory = viewProbeMemory(memory)
    this.load = load
    this.notesCollections = options.notesCollections ?? true
    this.answered = options.answered ?? (() => {})
  }

  /** Answers; never throws. */
  answer(question: ProbeQuestion): void {
    const { words, values } = this.memory
    if (question.type === 'sample') {
      guard('probe', () => this.sample())
      Atomics.store(words, ProbeWord.sample, question.number)
    } else if (question.type === 'presence') {
      Atomics.store(words, ProbeWord.presence, question.number)
    } else {
      values[ProbeValue.pongNs] = nowNs()
      guard('probe', () => (values[ProbeValue.pongActiveMs] = this.loadLoop().eventLoopUtilization().active))
      Atomics.store(words, ProbeWord.pong, question.number)
    }
    guard('probe', this.answered)
  }

  /** When the heap of this thread is full, in bytes. */
  limit(): number {
    this.v8 ??= this.load('node:v8') as typeof import('node:v8')
    return (this.heapLimit ??= heapLimitOf(this.v8.getHeapStatistics().heap_size_limit, process.execArgv, process.env['NODE_OPTIONS']))
  }

  private sample(): void {
    const { values } = this.memory
    this.v8 ??= this.load('node:v8') as typeof import('node:v8')
    const loop = this.loadLoop()
    if (this.notesCollections)
      this.observer ??= guard('gc', () => this.observeCollections(this.load('node:perf_hooks') as typeof import('node:perf_hooks')))
    const heap = this.v8.getHeapStatistics()
    values[ProbeValue.sampleNs] = nowNs()
    values[ProbeValue.heapUsed] = heap.used_heap_size
    values[ProbeValue.heapTotal] = heap.total_heap_size
    values[ProbeValue.heapLimit] = this.limit()
    values[ProbeValue.malloced] = heap.malloced_memory
    values[ProbeValue.detachedContexts] = heap.number_of_detached_contexts
    const { external, arrayBuffers } = process.memoryUsage()
    values[ProbeValue.external] = external
    values[ProbeValue.arrayBuffers] = arrayBuffers
    const { active, idle } = loop.eventLoopUtilization()
    values[ProbeValue.loopActiveMs] = active
    values[ProbeValue.loopIdleMs] = idle
    const spaces = this.v8.getHeapSpaceStatistics()
    const count = Math.min(spaces.length, MAX_SPACES)
    values[ProbeValue.spaceCount] = count
    for (let i = 0; i < count; i++) {
      const space = spaces[i]
      const at = ProbeValue.spaces + i * SPACE_FIELDS
      values[at] = space?.space_size ?? 0
      values[at + 1] = space?.space_used_size ?? 0
      values[at + 2] = space?.space_available_size ?? 0
      values[at + 3] = space?.physical_space_size ?? 0
    }
  }

  private loadLoop(): typeof clock {
    this.loop ??= (this.load('node:perf_hooks') as typeof import('node:perf_hooks')).performance
    return this.loop
  }

  private observeCollections({ PerformanceObserver, performance }: typeof import('node:perf_hooks')): Observer {
    const offsetNs = nowNs() - performance.now() * 1e6
    const observer = new PerformanceObserver((list) => {
      guard('gc', () => {
        const at = nowNs()
        let used = 0
        for (const entry of list.getEntries()) {
          const startNs = entry.startTime * 1e6 + offsetNs
          const durationNs = entry.duration * 1e6
          const isFresh = at - startNs - durationNs < MAX_LATE_NS
          if (isFresh && used === 0) used = this.v8?.getHeapStatistics().used_heap_size ?? 0
          const { kind = 0 } = (entry as { detail?: { kind?: number } }).detail ?? {}
          pushCollection(this.memory, { startNs, durationNs, kind, usedAfter: isFresh ? used : 0 })
        }
      })
    })
    observer.observe({ entryTypes: ['gc'] })
    return observer
  }
}
