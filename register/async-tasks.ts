import path from 'node:path'
import { nowNs } from '../src/core/clock.ts'
import { currentSpan } from '../src/core/context.ts'
import { guard } from '../src/core/guard.ts'
import { hex32 } from '../src/core/ids.ts'
import type { Recorder } from '../src/core/recorder.ts'

/** How often what is pending is stored, for a process that is killed, in ms. */
const STORE_EVERY_MS = 5000

/** The watch over asynchronous operations, as the rest of the preload sees it. */
export interface TaskWatch {
  /** What is pending now, as JSON. */
  tasks(): string
  /** Stores what is pending at the end. */
  finish(): void
}

/** Starts to watch; undefined where that fails. */
export function startTaskWatch(recorder: Recorder, ownRequire: NodeJS.Require, bootFile: string): TaskWatch | undefined {
  return guard('async', () => {
    const { watchTasks } = ownRequire('./async-tasks.cjs') as typeof import('../src/profiling/async-tasks.ts')
    const watch = watchTasks({
      currentSpan,
      idOf: (span) => hex32(span.idHigh) + hex32(span.idLow),
      guard,
      nowNs,
      agentFolder: path.dirname(bootFile),
    })
    const store = (): void => guard('async', () => recorder.fact('task', { t: nowNs(), ...watch.report() }))
    setInterval(store, STORE_EVERY_MS).unref()
    return { tasks: () => JSON.stringify(watch.report()), finish: store }
  })
}
