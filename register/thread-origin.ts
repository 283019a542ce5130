import diagnosticsChannel from 'node:diagnostics_channel'
import { currentSpan } from '../src/core/context.ts'
import { guard } from '../src/core/guard.ts'
import { HEADER_BYTES, SLOT_BYTES, SlotField } from '../src/core/layout.ts'
import type { RemoteContext } from '../src/core/recorder.ts'
import { threadId } from './threads.ts'

// Which span a worker thread was started in. Node publishes the new worker right where the app made it, so the table below is
// written in the context of the app's code, and read by the worker when it opens its first span.
//
// one entry per thread, by thread id modulo ENTRIES:  thread id · trace a b c d · span high, low · slot of the span in its thread's ring

const ENTRIES = 64
const WORDS = 8

/** The table all threads of a process share. */
export function newOriginTable(): SharedArrayBuffer {
  return new SharedArrayBuffer(ENTRIES * WORDS * 4)
}

/** From now on worker threads that this thread starts inside a recorded span are noted in `table`. */
export function noteThreadOrigins(table: SharedArrayBuffer): void {
  const words = new Int32Array(table)
  diagnosticsChannel.subscribe('worker_threads', (message) => {
    guard('handoff', () => {
      const span = currentSpan()
      const id = (message as { worker?: { threadId?: unknown } }).worker?.threadId
      if (span === undefined || span.ended || span.slot < 0 || typeof id !== 'number' || id < 1) return
      const at = (id % ENTRIES) * WORDS
      const { a, b, c, d } = span.trace
      words.set([a, b, c, d, span.idHigh, span.idLow, span.slot], at + 1)
      Atomics.store(words, at, id)
    })
  })
}

/**
 * The span this thread was started in, for as long as that one is open: a thread of a pool outlives the request that made the pool,
 * and what it does later belongs to others. `parentMemory` is the ring of the thread that started it.
 */
export function threadOrigin(table: SharedArrayBuffer, parentMemory: SharedArrayBuffer): () => RemoteContext | undefined {
  const words = new Int32Array(table)
  const at = (threadId % ENTRIES) * WORDS
  const slots = new Int32Array(parentMemory, HEADER_BYTES)
  return () => {
    if (Atomics.load(words, at) !== threadId) return undefined
    const [a = 0, b = 0, c = 0, d = 0, parentHigh = 0, parentLow = 0, slot = 0] = words.subarray(at + 1, at + WORDS)
    const slotAt = (slot * SLOT_BYTES) / 4
    const isOpen =
      Atomics.load(slots, slotAt) === 1 &&
      slots[slotAt + SlotField.spanId / 4] === parentLow &&
      slots[slotAt + SlotField.spanId / 4 + 1] === parentHigh
    return isOpen ? { trace: { a, b, c, d }, parentHigh, parentLow, sampled: true } : undefined
  }
}
