import { nowNs } from '../core/clock.ts'
import { seriesKey } from '../core/metric-units.ts'
import { ProbeValue, ProbeWord, viewProbeMemory } from '../core/probe-memory.ts'
import type { ProbeMemory } from '../core/probe-memory.ts'
import { addDelays } from './loop-delay.ts'
import type { AddMetric } from './process-metrics.ts'
import { StallWatch } from './stall-watch.ts'
import type { StallFact } from './stall-watch.ts'

/** Of more worker threads at once the rest is not watched: each is woken up by questions. */
export const MAX_WATCHED_THREADS = 32

export interface WorkerThreadWatchOptions {
  /** From how many milliseconds on a blocked event loop is a stall; 0: not watched. */
  stallMs: number
  isWanted(): boolean
  stalled(stall: StallFact): void
}

interface Watched {
  thread: number
  probe: ProbeMemory
  hasEnded(): boolean
  stalls: StallWatch | undefined
  /** Number and time of the question that is waited for. */
  asked: number
  askedNs: number
  /** Nobody waited for the latest question of `stalls`: the thread was terminated, unless it answers after all. */
  isGone: boolean
  delaysNs: number[]
  loop: { active: number; idle: number }
}

/** Watches the worker threads of the app from the writer thread: heap, event loop, stalls. Has no timer of its own. */
export class WorkerThreadWatch {
  readonly #options: WorkerThreadWatchOptions
  readonly #threads = new Map<number, Watched>()

  constructor(options: WorkerThreadWatchOptions) {
    this.#options = options
  }

  /**
   * Watches a thread from now on, until it ends.
   * @param memory its probe memory
   */
  add(thread: number, memory: SharedArrayBuffer, hasEnded: () => boolean): void {
    // Those that have ended make room.
    if (this.#threads.has(thread) || this.#living().length >= MAX_WATCHED_THREADS) return
    const probe = viewProbeMemory(memory)
    const watched: Watched = {
      thread,
      probe,
      hasEnded,
      stalls: undefined,
      asked: 0,
      askedNs: 0,
      isGone: false,
      delaysNs: [],
      loop: { active: 0, idle: 0 },
    }
    if (this.#options.stallMs > 0) watched.stalls = this.#watchStalls(watched, memory)
    this.#threads.set(thread, watched)
  }

  /** To be called after every look at the main thread: the same time for all. */
  look(): void {
    for (const watched of this.#living()) {
      if (watched.isGone && !hasAnswered(watched.probe)) continue
      watched.isGone = false
      watched.stalls?.lookNow()
    }
  }

  /** To be called when a thread has ended, for a stall of it to end then. */
  dropEnded(): void {
    this.#living()
  }

  /** Adds what the threads answered since the last call, and asks them again. */
  measure(add: AddMetric): void {
    for (const watched of this.#living()) {
      this.#read(watched, add)
      if (watched.askedNs === 0) this.#ask(watched)
    }
  }

  /** For the end of the process; a stall that lasts is kept as it is. */
  stop(): void {
    for (const { stalls, isGone } of this.#threads.values()) if (!isGone) stalls?.stop()
    this.#threads.clear()
  }

  #living(): Watched[] {
    for (const [thread, watched] of this.#threads) {
      if (!watched.hasEnded()) continue
      if (!watched.isGone) watched.stalls?.stop()
      this.#threads.delete(thread)
    }
    return [...this.#threads.values()]
  }

  #watchStalls(watched: Watched, memory: SharedArrayBuffer): StallWatch {
    const { stallMs, isWanted, stalled } = this.#options
    return new StallWatch({
      memory,
      thresholdMs: stallMs,
      thread: watched.thread,
      atWork: (work) => work(),
      ask: ({ number }) => {
        // A thread waits for questions unless one is open: then it is busy.
        const isFree = watched.askedNs === 0 || Atomics.load(watched.probe.words, ProbeWord.sample) === watched.asked
        watched.isGone = notify(watched.probe, ProbeWord.wantedPong, number) === 0 && isFree
      },
      isWanted,
      stalled,
      delayed: (delayNs) => watched.delaysNs.push(delayNs),
    })
  }

  #ask(watched: Watched): void {
    watched.askedNs = nowNs()
    notify(watched.probe, ProbeWord.wantedSample, ++watched.asked)
  }

  #read(watched: Watched, add: AddMetric): void {
    const { probe, thread } = watched
    const { words, values } = probe
    const key = (name: string): string => seriesKey(`perf.thread.${name}`, { 'thread.id': String(thread) })
    if (watched.askedNs > 0 && Atomics.load(words, ProbeWord.sample) === watched.asked) {
      watched.delaysNs.push(Math.max(0, (values[ProbeValue.sampleNs] ?? 0) - watched.askedNs))
      watched.askedNs = 0
      add(key('heap.used'), values[ProbeValue.heapUsed])
      add(key('heap.total'), values[ProbeValue.heapTotal])
      add(key('heap.limit'), values[ProbeValue.heapLimit])
      add(key('external'), values[ProbeValue.external])
      add(key('array_buffers'), values[ProbeValue.arrayBuffers])
      const [active, idle] = [values[ProbeValue.loopActiveMs] ?? 0, values[ProbeValue.loopIdleMs] ?? 0]
      const passed = active + idle - watched.loop.active - watched.loop.idle
      if (passed > 0) add(key('eventloop.utilization'), (active - watched.loop.active) / passed)
      watched.loop = { active, idle }
    }
    addDelays(add, watched.delaysNs, (part) => key(`eventloop.delay.${part}`))
    watched.delaysNs = []
  }
}

function hasAnswered({ words }: ProbeMemory): boolean {
  return Atomics.load(words, ProbeWord.pong) === Atomics.load(words, ProbeWord.wantedPong)
}

/** The thread sees it when it comes to its event loop. Gives how many waited for it. */
function notify({ words }: ProbeMemory, word: number, number: number): number {
  Atomics.store(words, word, number)
  Atomics.add(words, ProbeWord.asked, 1)
  return Atomics.notify(words, ProbeWord.asked)
}
