import diagnosticsChannel from 'node:diagnostics_channel'
import { guard } from '../src/core/guard.ts'

/**
 * Watches the worker threads that this thread starts from now on: one that is terminated cannot say that it ended. Gives the function that
 * looks, which calls `ended` with the id of each, once. No listener is added: the app could count it.
 */
export function watchThreadEnds(ended: (thread: number) => void): () => void {
  const running = new Map<number, WeakRef<{ threadId: number }>>()
  diagnosticsChannel.subscribe('worker_threads', (message) => {
    guard('probe', () => {
      const { worker } = message as { worker?: { threadId: number } }
      if (worker !== undefined && worker.threadId > 0) running.set(worker.threadId, new WeakRef(worker))
    })
  })
  return () => {
    for (const [thread, worker] of running) {
      // Node gives −1 for a thread that is over.
      if (worker.deref()?.threadId === thread) continue
      running.delete(thread)
      ended(thread)
    }
  }
}
