import type { AsyncLocalStorage } from 'node:async_hooks'
import { createRequire } from 'node:module'
import path from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { nowNs } from '../core/clock.ts'
import type { SpanHolder, StorageReader } from '../core/context.ts'
import type { CpuSampler } from './cpu-sampler.ts'
import { fromTimeProfile, type SpanContext, type TimeProfile } from './pprof-profile.ts'
import { SpanIdHalves } from './span-id-halves.ts'

// The sampler of @datadog/pprof, where the app has it installed: its signal handler looks up the current span in V8's continuation data, which is
// where Node 24 and newer keep what AsyncLocalStorage holds. No hook, and no log of the changes of span, since each sample comes with its span. Its own class
// is used and not `time.start`, which has a storage of its own (a second `run` for each of ours) and leaves out columns.

/** The class of @datadog/pprof around V8's profiler, as of 5.18 to 5.20. */
interface TimeProfiler {
  start(): void
  stop(restart: boolean): TimeProfile
  createContextHolder(context: SpanContext): SpanHolder
  v8ProfilerStuckEventLoopDetected(): number
  /** The context of the code that runs. */
  readonly context: SpanContext | undefined
}
type TimeProfilerClass = new (options: object) => TimeProfiler

/**
 * One for the life of a thread, started and ended at will: what stands in the storage points into its memory.
 * An interval other than the first cannot be had.
 */
let only: { profiler: TimeProfiler; intervalUs: number } | undefined
const halves = new SpanIdHalves()

/**
 * Samples this thread with the @datadog/pprof in `folder`.
 * @param longestMs no rotation takes longer; what is sampled beyond four times that is lost
 * @throws where it does not load, or does not do what it should
 */
export function startPprofSampler(folder: string, intervalUs: number, longestMs: number, reader: StorageReader): CpuSampler {
  const { profiler } = (only ??= { profiler: createProfiler(folder, intervalUs, longestMs, reader), intervalUs })
  if (only.intervalUs !== intervalUs) throw new Error(`it samples every ${only.intervalUs} µs`)
  profiler.start()
  try {
    checkProfile(profiler.stop(true))
  } catch (error) {
    profiler.stop(false)
    throw error
  }
  // Called where the app's own calls begin: it may never throw.
  reader.hold((idHigh, idLow) => {
    try {
      return profiler.createContextHolder(halves.holds(idHigh, idLow) ? idLow : { idHigh, idLow })
    } catch {
      return undefined
    }
  })
  return {
    name: 'pprof',
    rotate() {
      const profile = profiler.stop(true)
      const sampled = fromTimeProfile(profile, epochOffsetUs(), halves)
      // V8's processing of samples may hang in a loop of its own when a profile begins at the wrong moment; starting it anew ends that.
      if (profile.endTime - profile.startTime > MIN_JUDGED_US && profiler.v8ProfilerStuckEventLoopDetected() > 0) {
        profiler.stop(false)
        profiler.start()
      }
      return sampled
    },
    end() {
      reader.hold(undefined)
      return fromTimeProfile(profiler.stop(false), epochOffsetUs(), halves)
    },
  }
}

/** In a shorter profile it is no sign of anything that there are no samples. */
const MIN_JUDGED_US = 1_000_000

function createProfiler(folder: string, intervalUs: number, longestMs: number, { storage }: StorageReader): TimeProfiler {
  const load = createRequire(path.join(folder, 'package.json'))
  const { TimeProfiler } = load('./out/src/time-profiler-bindings.js') as { TimeProfiler: TimeProfilerClass }
  const profiler = new TimeProfiler({
    intervalMicros: intervalUs,
    // It keeps room for the samples of twice this time.
    durationMillis: 2 * longestMs,
    lineNumbers: false,
    withContexts: true,
    // It would wait for up to two samples, with the app stopped, at each rotation.
    workaroundV8Bug: false,
    collectCpuTime: false,
    collectAsyncId: false,
    useCPED: true,
    CPEDKey: storage,
    isMainThread,
  })
  const ids = { idHigh: 1, idLow: 2 }
  const holder = profiler.createContextHolder(ids)
  if ((storage as AsyncLocalStorage<object>).run(holder, () => profiler.context) !== ids) throw new Error('it does not find contexts')
  return profiler
}

function checkProfile({ startTime, endTime, topDownRoot }: TimeProfile): void {
  const nowUs = nowNs() / 1000
  const isRecent = Math.abs(nowUs - endTime) < 1e6 && startTime <= endTime
  if (!isRecent || !Array.isArray(topDownRoot.children)) throw new Error('its profiles are not of the expected form')
}

// Taken at load, before the app can put fake timers in their place.
const wallNow = Date.now
const MAX_ATTEMPTS = 5
const GOOD_ENOUGH_NS = 20_000
/** A clock that stands still for so long was put there by the app: nobody waits for it. */
const MAX_WAIT_NS = 5e6

/** What the system's clock is ahead of the monotonic one, in whole microseconds: JavaScript sees its milliseconds only, so it waits for the next one. */
function epochOffsetUs(): number {
  // As it was when the process began.
  let best = { errorNs: Infinity, offsetUs: Math.round((performance.timeOrigin + performance.now()) * 1000 - nowNs() / 1000) }
  for (let attempt = 0; attempt < MAX_ATTEMPTS && best.errorNs > GOOD_ENOUGH_NS; attempt++) {
    let lookedNs = nowNs()
    const giveUpNs = lookedNs + MAX_WAIT_NS
    const fromMs = wallNow()
    let beforeNs: number
    let atMs: number
    do {
      // The step comes after the last look that did not see it.
      beforeNs = lookedNs
      lookedNs = nowNs()
      atMs = wallNow()
    } while (atMs === fromMs && lookedNs < giveUpNs)
    if (atMs === fromMs) break
    const afterNs = nowNs()
    const errorNs = afterNs - beforeNs
    if (errorNs < best.errorNs) best = { errorNs, offsetUs: Math.round(atMs * 1000 - (beforeNs + afterNs) / 2000) }
  }
  return best.offsetUs
}
