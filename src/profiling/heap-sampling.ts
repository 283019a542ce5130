import inspector from 'node:inspector'
import type { HeapProfileMessage, HeapProfileNode } from '../core/heap-profile-format.ts'
import { AllocationWindows, type AllocationOptions } from './allocation-windows.ts'

// `PERF_HEAP=sampling`: where one thread allocates. By call site from V8's sampling heap profiler, one sample per 512 KB on average, collected
// objects included; by span from short windows. A bundle of its own, loaded only where it is asked for.

const SAMPLING_INTERVAL_BYTES = 512 * 1024
/** Time between two hand-overs in ms, doubled up to the second: V8 cannot name the file of a script that has been collected meanwhile. */
const FIRST_HAND_OVER_MS = 250
const HAND_OVER_MS = 10_000

export interface HeapSamplingOptions extends AllocationOptions {
  thread: number
  deliver(message: HeapProfileMessage): void
}

/** Heap sampling of this thread. */
export interface HeapSampling {
  /** Hands over what there is and ends. */
  finish(): void
}

/** Starts sampling; throws when this Node has no inspector. */
export function setUpHeapSampling(options: HeapSamplingOptions): HeapSampling {
  const { guard, deliver, thread } = options
  const session = new inspector.Session()
  session.connect()
  const windows = new AllocationWindows(options)
  let startedMs = performance.now()
  const start = (): void => {
    session.post('HeapProfiler.startSampling', {
      samplingInterval: SAMPLING_INTERVAL_BYTES,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    } as inspector.HeapProfiler.StartSamplingParameterType)
  }
  const handOver = (): void => {
    const { lookedMs, spans } = windows.take()
    const now = performance.now()
    const elapsedMs = now - startedMs
    startedMs = now
    // Stopping forgets the samples: what a thread holds of them does not grow with the run.
    session.post('HeapProfiler.stopSampling', (error, result) => {
      if (error !== null) return
      const head = result.profile.head as HeapProfileNode
      deliver({
        type: 'heap-profile',
        profile: { head, samples: [], perf: { v: 1, thread, samplingIntervalBytes: SAMPLING_INTERVAL_BYTES, elapsedMs, lookedMs, spans } },
      })
    })
  }
  start()
  windows.start()
  let timer: NodeJS.Timeout
  const wait = (ms: number): void => {
    timer = setTimeout(() => {
      guard('heap', () => {
        handOver()
        start()
      })
      wait(Math.min(HAND_OVER_MS, ms * 2))
    }, ms).unref()
  }
  wait(FIRST_HAND_OVER_MS)
  return {
    finish: () =>
      guard('heap', () => {
        clearTimeout(timer)
        windows.stop()
        handOver()
        session.disconnect()
      }),
  }
}
