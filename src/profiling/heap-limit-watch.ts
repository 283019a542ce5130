import { nowNs } from '../core/clock.ts'
import { waitUntil } from './actions.ts'
import { MainInspector } from './main-inspector.ts'

/** How often the memory of the process is looked at for `near-oom`: a heap of 100 MB can be full within 200 ms. */
export const NEAR_OOM_LOOK_MS = 50
/** A heap that is far from its limit is asked for that seldom. */
const FAR_LOOK_NS = 200e6
/** Shares of the limit: from where on the heap is close to it, and how fast it grows counts. */
const CLOSE = 0.4
const GROWTH_COUNTS = 0.5
/** How far ahead growth is followed: collections near the limit hold up every answer. */
const AHEAD_NS = 300e6
/** Growth between answers that are further apart says little. */
const MAX_APART_NS = 1e9
const ANSWER_WITHIN_MS = 5000
const LIMIT = `globalThis[Symbol.for('perf.agent.v1')]?.heapLimit?.()`

export interface HeapLimitWatchOptions {
  measured(memory: { heapUsed: number | undefined; heapLimit: number | undefined; heapSoon: number | undefined }): void
}

/** Watches from the writer thread how the main thread's heap comes near its limit, also while that thread is blocked. */
export class HeapLimitWatch {
  readonly #options: HeapLimitWatchOptions
  #limit: number | undefined
  #last: { used: number; atNs: number } | undefined
  #isAsking = false
  #isStopped = false
  #connection: MainInspector | undefined
  #isClose = false

  constructor(options: HeapLimitWatchOptions) {
    this.#options = options
  }

  /** To be called every `NEAR_OOM_LOOK_MS`; asks when the memory of the process is so high that it is worth it. */
  async look(): Promise<void> {
    const limit = this.#limit
    if (limit !== undefined && process.memoryUsage.rss() < limit * CLOSE) return
    if (!this.#isClose && this.#last !== undefined && nowNs() - this.#last.atNs < FAR_LOOK_NS) return
    await this.ask()
  }

  /** Asks the main thread for the size of its heap, in the middle of what it does. */
  async ask(): Promise<void> {
    if (this.#isAsking || this.#isStopped) return
    this.#isAsking = true
    const connection = (this.#connection = MainInspector.connect())
    try {
      let used: number | undefined
      void this.#read(connection).then((found) => (used = found))
      await waitUntil(() => used !== undefined || this.#isStopped, ANSWER_WITHIN_MS)
      if (!this.#isStopped) this.#take(used)
    } finally {
      connection?.close()
      this.#isAsking = false
    }
  }

  /** For the end of the process: lets the main thread go, which says so on stderr when it ends beside a connection. */
  stop(): void {
    this.#isStopped = true
    this.#connection?.close()
  }

  /** Size in bytes at which the main thread's heap is full, once it was asked for. */
  get limit(): number | undefined {
    return this.#limit
  }

  async #read(connection: MainInspector | undefined): Promise<number | undefined> {
    if (this.#limit === undefined) {
      const answer = await connection?.post<{ result: { value?: unknown } }>('Runtime.evaluate', {
        expression: LIMIT,
        returnByValue: true,
        silent: true,
      })
      if (typeof answer?.result.value === 'number') this.#limit = answer.result.value
    }
    return (await connection?.post<{ usedSize: number }>('Runtime.getHeapUsage'))?.usedSize
  }

  #take(used: number | undefined): void {
    const limit = this.#limit
    const atNs = nowNs()
    const last = this.#last
    let soon: number | undefined
    if (used !== undefined) {
      this.#last = { used, atNs }
      if (limit !== undefined) {
        this.#isClose = used > limit * CLOSE
        if (last !== undefined && used > limit * GROWTH_COUNTS && atNs - last.atNs < MAX_APART_NS)
          soon = used + Math.max(0, used - last.used) * (AHEAD_NS / (atNs - last.atNs))
      }
    }
    this.#options.measured({ heapUsed: used, heapLimit: limit, heapSoon: soon })
  }
}
