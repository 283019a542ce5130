import { BroadcastChannel } from 'node:worker_threads'
import { WriterWord } from '../core/layout.ts'
import type { AppHeap } from './main-heap.ts'
import type { HeapUse } from './snapshot-plan.ts'

/** What the worker thread tells whose heap is wanted. */
export type ThreadHeapAnswer =
  { type: 'use'; use: HeapUse } | { type: 'chunk'; text: string } | { type: 'done' } | { type: 'failed'; why: string }

/** A thread that does not come to its event loop for so long is not waited for. */
const OFFER_WITHIN_MS = 5000
/** A thread that is silent for so long, and so much longer for every byte of its heap, has been terminated: V8 takes a tenth of that. */
const SILENT_MS = 60_000
const SILENT_MS_PER_BYTE = 1 / 4000

const ENDING = 'the process was about to end'

/** Where a worker thread and the thread that takes snapshot `number` of it meet. */
export function heapChannel(number: number): string {
  return `perf.agent.heap.${number}`
}

/** The heap of a worker thread of the app, from another thread: it takes the snapshot itself, as soon as it comes to its event loop. */
export class ThreadHeap implements AppHeap {
  readonly #thread: number
  readonly #channel: BroadcastChannel
  readonly #use: Promise<HeapUse>
  #write: (text: string) => void = () => {}
  #settle: { resolve: (use: HeapUse) => void; reject: (error: Error) => void; done: () => void } | undefined
  #silence: NodeJS.Timeout | undefined
  #silentMs = SILENT_MS
  #isClosed = false

  /** @param control what the writer tells the app's threads in */
  constructor(control: SharedArrayBuffer, thread: number) {
    this.#thread = thread
    const words = new Int32Array(control)
    const number = Atomics.load(words, WriterWord.askedSnapshots) + 1
    this.#channel = new BroadcastChannel(heapChannel(number))
    this.#channel.onmessage = ({ data }: { data?: unknown }) => this.#take(data as ThreadHeapAnswer)
    this.#use = new Promise((resolve, reject) => (this.#settle = { resolve, reject, done: () => {} }))
    this.#use.catch(() => {})
    this.#expect(OFFER_WITHIN_MS, `worker thread ${thread} does not come to its event loop`)
    Atomics.store(words, WriterWord.askedSnapshotThread, thread)
    Atomics.store(words, WriterWord.askedSnapshots, number)
    Atomics.add(words, WriterWord.asked, 1)
    Atomics.notify(words, WriterWord.asked)
  }

  async use(): Promise<HeapUse> {
    return await this.#use
  }

  async snapshot(write: (text: string) => void): Promise<void> {
    if (this.#isClosed) throw new Error(ENDING)
    this.#write = write
    await new Promise<void>((done, reject) => {
      this.#settle = { resolve: () => {}, reject, done }
      this.#channel.postMessage('take')
      this.#expectMore()
    })
  }

  giveUp(): void {
    this.#fail(ENDING)
    this.close()
  }

  /** Safe to repeat. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#silence)
    // To a thread that still offers its heap.
    this.#channel.postMessage('stop')
    this.#channel.close()
  }

  #take(answer: ThreadHeapAnswer): void {
    this.#expectMore()
    if (answer.type === 'use') {
      this.#silentMs += answer.use.usedBytes * SILENT_MS_PER_BYTE
      this.#settle?.resolve(answer.use)
    } else if (answer.type === 'chunk') this.#write(answer.text)
    else if (answer.type === 'done') this.#settle?.done()
    else if (answer.type === 'failed') this.#fail(answer.why)
  }

  #expectMore(): void {
    this.#expect(this.#silentMs, `worker thread ${this.#thread} has ended meanwhile`)
  }

  #expect(ms: number, why: string): void {
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => this.#fail(why), ms)
  }

  #fail(why: string): void {
    this.#settle?.reject(new Error(why))
  }
}
