import { MainInspector } from './main-inspector.ts'
import { heapUseOf, type HeapUse } from './snapshot-plan.ts'

// The app's heap, seen from another thread of the process through the inspector.

/** A heap of the app, as the thread that takes a snapshot sees it. */
export interface AppHeap {
  /** Rejects with why it cannot be told. */
  use(): Promise<HeapUse>
  /** Takes a snapshot: the app's thread stands still until the last piece of text has been given to `write`. */
  snapshot(write: (text: string) => void): Promise<void>
  /** The app ends: gives up what would hold that up. */
  giveUp(): void
  close(): void
}

const SPACES = `process.getBuiltinModule('node:v8').getHeapSpaceStatistics().map((space) => [space.space_name, space.space_used_size])`
/** A snapshot that has not begun after this long waits for the app's thread to come out of its JavaScript. */
const STUCK_AFTER_MS = 250

/** A connection to the main thread, from a worker thread. Close it: an open one holds up the end of the process. */
export class MainHeap implements AppHeap {
  readonly #inspector: MainInspector
  // Answers of the inspector do not keep a worker thread alive.
  readonly #alive = setInterval(() => {}, 60_000)
  #hasBegun = false

  /** Throws when this Node has no inspector. */
  constructor() {
    const inspector = MainInspector.connect()
    if (inspector === undefined) throw new Error('this Node has no inspector')
    this.#inspector = inspector
  }

  async use(): Promise<HeapUse> {
    const answer = await this.#inspector.post<{ result: { value?: unknown } }>('Runtime.evaluate', {
      expression: SPACES,
      returnByValue: true,
      silent: true,
    })
    const spaces = answer?.result.value
    if (Array.isArray(spaces)) return heapUseOf(spaces as [string, number][])
    const usage = await this.#inspector.post<{ usedSize: number }>('Runtime.getHeapUsage')
    if (usage === undefined) throw new Error('the process was about to end')
    return { usedBytes: usage.usedSize, largeBytes: 0 }
  }

  /** Takes a snapshot: the app stands still until the last piece of text has been given to `write`. */
  async snapshot(write: (text: string) => void): Promise<void> {
    const inspector = this.#inspector
    inspector.on('HeapProfiler.reportHeapSnapshotProgress', () => (this.#hasBegun = true))
    inspector.on('HeapProfiler.addHeapSnapshotChunk', ({ params }) => {
      this.#hasBegun = true
      write((params as { chunk: string }).chunk)
    })
    const stuck = setTimeout(() => {
      if (!this.#hasBegun) this.#interrupt()
    }, STUCK_AFTER_MS)
    const answer = await inspector.post('HeapProfiler.takeHeapSnapshot', { reportProgress: true })
    clearTimeout(stuck)
    if (answer === undefined) throw new Error('the process was about to end')
  }

  /** Closes the connection unless the snapshot has begun: then it is about to be whole. */
  giveUp(): void {
    if (!this.#hasBegun) this.close()
  }

  close(): void {
    clearInterval(this.#alive)
    this.#inspector.close()
  }

  /**
   * From V8 12 on (Node 22) a snapshot waits until no JavaScript runs, which in an endless loop is never; those that wait are taken when
   * the debugger pauses. It goes on at once.
   */
  #interrupt(): void {
    this.#inspector.on('Debugger.paused', () => void this.#inspector.post('Debugger.resume'))
    void this.#inspector.post('Debugger.enable')
    void this.#inspector.post('Debugger.pause')
  }
}
