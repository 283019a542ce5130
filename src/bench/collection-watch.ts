import { PerformanceObserver, performance } from 'node:perf_hooks'

/** Garbage collections that began within a time. */
export interface Collections {
  count: number
  ms: number
}

/** Notes every garbage collection of this thread until `stop`. Entries come with the event loop's next turn: wait for it before `between`. */
export class CollectionWatch {
  readonly #entries: { startTime: number; duration: number }[] = []
  readonly #observer = new PerformanceObserver((list) => this.#add(list.getEntries()))

  constructor() {
    this.#observer.observe({ entryTypes: ['gc'] })
  }

  /** Milliseconds on the clock that `between` takes. */
  now(): number {
    return performance.now()
  }

  /** Collections that began from `start` to `end`; earlier ones are forgotten. */
  between(start: number, end: number): Collections {
    this.#add(this.#observer.takeRecords())
    const found = this.#entries.filter((entry) => entry.startTime >= start && entry.startTime <= end)
    this.#entries.splice(0)
    return { count: found.length, ms: found.reduce((sum, { duration }) => sum + duration, 0) }
  }

  stop(): void {
    this.#observer.disconnect()
  }

  #add(entries: readonly { startTime: number; duration: number }[]): void {
    for (const { startTime, duration } of entries) this.#entries.push({ startTime, duration })
  }
}
