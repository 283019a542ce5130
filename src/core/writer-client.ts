import { Worker } from 'node:worker_threads'
import { guard } from './guard.ts'
import { WriterGate, WriterState, WriterWord } from './layout.ts'

// The app thread's side of the writer thread: start it, tell it things, wait for it at exit.

/** Longest the exit of the app waits for a living writer whose counter moves, in ms. */
const MAX_EXIT_WAIT_MS = 1000
const STEP_MS = 20
/** A writer whose counter stands still this long is not waited for. */
const MAX_STILL_MS = 300
/** Longest the exit waits for a writer that is at work: ended there, it would abort the process. */
const MAX_BUSY_MS = 5000

export interface WriterClient {
  readonly control: Int32Array
  readonly state: () => number
  post(message: object): void
  /** Calls `handler` in the app thread for messages of that type from the writer. */
  onMessage(type: string, handler: (message: Record<string, unknown>) => void): void
  /** Blocks until the writer, which must have a ring, has stored everything; at most 1 s. True when it did. */
  flush(end?: { code: number; reason: string }): boolean
  /** Waits until the writer is not at work and keeps it from starting again, until the next flush. */
  close(): void
}

/**
 * Starts the writer thread of this process. It keeps no event loop alive and inherits no preload. Throws where Node allows no
 * threads (the permission model); `failed` is told when the thread dies of an error.
 */
export function startWriter(file: string, control: SharedArrayBuffer, workerData: object, failed: (error: unknown) => void): WriterClient {
  const words = new Int32Array(control)
  const worker = new Worker(file, {
    workerData: { ...workerData, control },
    name: 'perf-agent-writer',
    env: {},
    execArgv: [],
    stdin: false,
    trackUnmanagedFds: false,
    resourceLimits: { maxYoungGenerationSizeMb: 8 },
  })
  worker.unref()
  worker.on('error', (error) => {
    Atomics.store(words, WriterWord.state, WriterState.dead)
    failed(error)
  })
  worker.on('exit', () => Atomics.store(words, WriterWord.state, WriterState.dead))
  const handlers = new Map<string, (message: Record<string, unknown>) => void>()
  const onMessage = (message: Record<string, unknown>): void => {
    guard('writer', () => handlers.get(String(message['type']))?.(message))
  }
  const state = (): number => Atomics.load(words, WriterWord.state)
  return {
    control: words,
    state,
    post: (message) => worker.postMessage(message),
    onMessage(type, handler) {
      handlers.set(type, handler)
      // A listener keeps the loop alive, though the worker is unref'd: once more.
      if (handlers.size === 1) worker.on('message', onMessage).unref()
    },
    flush(end) {
      if (state() === WriterState.dead) return false
      Atomics.compareExchange(words, WriterWord.gate, WriterGate.closed, WriterGate.open)
      const wanted = Atomics.add(words, WriterWord.flushRequested, 1) + 1
      worker.postMessage({ type: 'flush', number: wanted, end })
      return waitForFlush(words, wanted)
    },
    close() {
      for (let waitedMs = 0; waitedMs < MAX_BUSY_MS; waitedMs += STEP_MS) {
        if (Atomics.compareExchange(words, WriterWord.gate, WriterGate.open, WriterGate.closed) !== WriterGate.busy) return
        if (state() === WriterState.dead) return
        Atomics.wait(words, WriterWord.gate, WriterGate.busy, STEP_MS)
      }
    },
  }
}

/** Wakes a writer that looks seldom, from any thread of its process. Never throws, nor waits. */
export function wakeWriter(control: SharedArrayBuffer): void {
  const words = new Int32Array(control)
  Atomics.add(words, WriterWord.wake, 1)
  Atomics.notify(words, WriterWord.wake)
}

function waitForFlush(words: Int32Array, wanted: number): boolean {
  let progress = Atomics.load(words, WriterWord.progress)
  let stillMs = 0
  for (let waitedMs = 0; waitedMs < MAX_EXIT_WAIT_MS;) {
    const done = Atomics.load(words, WriterWord.flushDone)
    if (((done - wanted) | 0) >= 0) return true
    if (Atomics.load(words, WriterWord.state) === WriterState.dead) return false
    if (Atomics.wait(words, WriterWord.flushDone, done, STEP_MS) !== 'timed-out') continue
    waitedMs += STEP_MS
    const now = Atomics.load(words, WriterWord.progress)
    stillMs = now === progress ? stillMs + STEP_MS : 0
    progress = now
    if (stillMs >= MAX_STILL_MS) return false
  }
  return false
}
