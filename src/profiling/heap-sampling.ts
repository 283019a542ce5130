import inspector from 'node:inspector'
import type { HeapProfileMessage, HeapProfileNode } from '../core/heap-profile-format.ts'
import { AllocationWindows, type AllocationOptions } from './allocation-windows.ts'

// `PERF_HEAP=sampling`: where one thread allocates. By call site from V8's sampling heap profiler, one sample per 512 KB on average, collected
// objects included; by span from short windows. A bundle of its own, loaded only where it is asked for.

const SAMPLING_INTERVAL_BYTES = 512 * 1024
/** A sample costs 10 to 20 µs (its stack, a weak handle until it is handed over): of a program that allocates faster, fewer are taken. */
const SAMPLES_PER_SECOND = 250
const MAX_INTERVAL_BYTES = 64 * SAMPLING_INTERVAL_BYTES
/** Time between two hand-overs in ms, doubled up to the second: V8 cannot name the file of a script that has been collected meanwhile. */
const FIRST_HAND_OVER_MS = 250
const HAND_OVER_MS = 10_000

export interface HeapSamplingOptions extends AllocationOptions {
  thread: number
  deliver(message: HeapProfileMessage): void
  /** Time to the first hand-over in ms, and the sampling interval up to it, when not the usual. */
  firstHandOverMs?: number
  firstIntervalBytes?: number
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
  let intervalBytes = options.firstIntervalBytes ?? SAMPLING_INTERVAL_BYTES
  const start = (): void => {
    session.post('HeapProfiler.startSampling', {
      samplingInterval: intervalBytes,
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
      const { head, samples } = result.profile as unknown as { head: HeapProfileNode; samples: object[] }
      deliver({
        type: 'heap-profile',
        profile: { head, samples: [], perf: { v: 1, thread, samplingIntervalBytes: intervalBytes, elapsedMs, lookedMs, spans } },
      })
      intervalBytes = nextInterval(intervalBytes, samples.length, elapsedMs)
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
  wait(options.firstHandOverMs ?? FIRST_HAND_OVER_MS)
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

/** The sampling interval in bytes after a part with so many samples: doubled or halved until it gives at most so many a second as may be taken. */
export function nextInterval(intervalBytes: number, samples: number, elapsedMs: number): number {
  let perSecond = (samples / Math.max(1, elapsedMs)) * 1000
  let next = intervalBytes
  for (; perSecond > SAMPLES_PER_SECOND && next < MAX_INTERVAL_BYTES; next *= 2) perSecond /= 2
  for (; perSecond * 2 <= SAMPLES_PER_SECOND && next > SAMPLING_INTERVAL_BYTES; next /= 2) perSecond *= 2
  return next
}
