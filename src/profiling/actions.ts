import { nowNs } from '../core/clock.ts'
import type { CpuProfile } from '../core/profile-format.ts'
import { SPAN_LOG_ENTRY_BYTES } from '../core/profile-format.ts'
import { captureBlockedStack } from './blocked-stack.ts'
import type { CpuProfileMessage } from './cpu.ts'
import { MainInspector } from './main-inspector.ts'
import type { ActionRequest } from './triggers.ts'

/** What actions need of the writer thread. */
export interface ActionsHost {
  /** Whether the main thread does not come to its event loop just now. */
  isMainBlocked(): Promise<boolean>
  /** Lets the main thread profile itself. */
  askForProfile(ms: number): void
  /** Lets every worker thread of the app that comes to its event loop do the same. */
  askThreadsForProfile(ms: number): void
  /** Files of profiles stored so far of the main thread. */
  storedProfiles(): number
  /** The same of worker threads; and how many of them there are now. */
  storedThreadProfiles(): number
  threads(): number
  storeProfile(message: CpuProfileMessage): void
  /** Writes a file into the session's `heap/` folder and gives its name. */
  storeHeapProfile(profile: object): string
  /** Of a thread; 0 is the main one. */
  takeSnapshot(reason: string, onPlan: (text: string) => void, thread: number): Promise<string>
}

const INTERVAL_US = 1000
/** Of a window of 10 s; of a longer one so many more that it gives about as many samples, each of which is kept until its end. */
const HEAP_SAMPLE_BYTES = 128 * 1024
const HEAP_SAMPLE_WINDOW_MS = 10_000
/** How long a profile of the main thread itself may come late: its loop was blocked meanwhile. */
const MAX_LATE_MS = 30_000
/** Idle threads give no profile, blocked ones a late one. */
const MAX_THREADS_LATE_MS = 1000
const STEP_MS = 50
/** Numbers of profiles taken from outside, far from those the thread counts itself. */
let outsideNumber = 1_000_000

/**
 * Does what a trigger or a command asks for, in the writer thread: through the main thread where that is free, from outside where it is
 * blocked. Gives one sentence on what came of it; rejects with why not.
 * @param onProgress called with what is worth knowing before it is done
 */
export async function runAction(
  action: ActionRequest,
  cause: string,
  host: ActionsHost,
  onProgress: (text: string) => void,
): Promise<string> {
  switch (action.name) {
    case 'cpu':
      return await profileAll(action.ms, host)
    case 'snapshot':
      return await host.takeSnapshot(cause, onProgress, action.thread ?? 0)
    case 'heap-sampling':
    case 'heap-profile':
      return await sampleHeap(action.ms, host)
  }
}

async function profileAll(ms: number, host: ActionsHost): Promise<string> {
  const isBlocked = await host.isMainBlocked()
  const before = host.storedThreadProfiles()
  const threads = host.threads()
  if (threads > 0) host.askThreadsForProfile(ms)
  const main = isBlocked ? await profileFromOutside(ms, host) : await profileItself(ms, host)
  if (threads === 0) return main
  await waitUntil(() => host.storedThreadProfiles() - before >= threads, MAX_THREADS_LATE_MS)
  const profiled = host.storedThreadProfiles() - before
  return `${main}; worker threads: ${profiled} of ${threads} profiled${profiled < threads ? ', the others were idle or blocked' : ''}`
}

async function profileItself(ms: number, host: ActionsHost): Promise<string> {
  const before = host.storedProfiles()
  host.askForProfile(ms)
  await waitUntil(() => false, ms)
  if (!(await waitUntil(() => host.storedProfiles() > before, MAX_LATE_MS)))
    return `the app was idle for ${seconds(ms)}: nothing to profile`
  return `CPU profile of ${seconds(ms)}`
}

async function profileFromOutside(ms: number, host: ActionsHost): Promise<string> {
  const running = await captureBlockedStack(500, () => {})
  const connection = connect()
  try {
    await connection.post('Profiler.enable')
    await connection.post('Profiler.setSamplingInterval', { interval: INTERVAL_US })
    await connection.post('Profiler.start')
    await waitUntil(() => false, ms)
    const stopped = await connection.post<{ profile: CpuProfile }>('Profiler.stop')
    if (stopped === undefined) throw new Error('the main thread gave no profile')
    host.storeProfile({
      type: 'cpu-profile',
      sampler: 'inspector',
      thread: 0,
      number: outsideNumber++,
      intervalUs: INTERVAL_US,
      profile: stopped.profile,
      switches: spanAtStart(stopped.profile, running?.span),
      maps: {},
      lostSwitches: 0,
    })
    return `CPU profile of ${seconds(ms)}, from outside: the main thread was blocked`
  } finally {
    connection.close()
  }
}

/** The thread was blocked, so that its span did not change. */
function spanAtStart(profile: CpuProfile, span: string | undefined): Uint8Array {
  if (span === undefined) return new Uint8Array()
  const entry = Buffer.alloc(SPAN_LOG_ENTRY_BYTES)
  entry.writeDoubleLE(profile.startTime * 1000, 0)
  entry.writeInt32LE(Number.parseInt(span.slice(8), 16) | 0, 8)
  entry.writeInt32LE(Number.parseInt(span.slice(0, 8), 16) | 0, 12)
  return entry
}

async function sampleHeap(ms: number, host: ActionsHost): Promise<string> {
  const connection = connect()
  try {
    // With PERF_HEAP=sampling there is one already, which must not be ended; it is there at once, also for a process that has no second left.
    const running = await connection.post<{ profile: object }>('HeapProfiler.getSamplingProfile')
    if (running !== undefined) return `allocations of the last seconds in heap/${host.storeHeapProfile(running.profile)}`
    await connection.post('HeapProfiler.enable')
    await connection.post('HeapProfiler.startSampling', {
      samplingInterval: Math.round(HEAP_SAMPLE_BYTES * Math.max(1, ms / HEAP_SAMPLE_WINDOW_MS)),
      // Else V8 forgets what a collection frees, which is nearly all that is allocated.
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    })
    await waitUntil(() => false, ms)
    const stopped = await connection.post<{ profile: object }>('HeapProfiler.stopSampling')
    if (stopped === undefined) throw new Error('the main thread gave no heap profile')
    return `allocations of ${seconds(ms)} in heap/${host.storeHeapProfile(stopped.profile)}`
  } finally {
    connection.close()
  }
}

function connect(): MainInspector {
  const connection = MainInspector.connect()
  if (connection === undefined) throw new Error('this Node has no inspector')
  return connection
}

/** Runs a function of the agent in the main thread, also while that is blocked; undefined when it gave nothing within the time in ms. */
export async function askAgent(call: string, withinMs: number): Promise<string | undefined> {
  const connection = connect()
  try {
    const expression = `globalThis[Symbol.for('perf.agent.v1')]?.${call}`
    let value: unknown
    let isDone = false
    void connection
      .post<{ result?: { value?: unknown } }>('Runtime.evaluate', { expression, silent: true, returnByValue: true })
      .then((answer) => {
        value = answer?.result?.value
        isDone = true
      })
    await waitUntil(() => isDone, withinMs)
    return typeof value === 'string' ? value : undefined
  } finally {
    connection.close()
  }
}

/** Looks again and again; the timer also keeps this thread alive. */
export async function waitUntil(condition: () => boolean, ms: number): Promise<boolean> {
  const endNs = nowNs() + ms * 1e6
  for (;;) {
    if (condition()) return true
    const leftMs = (endNs - nowNs()) / 1e6
    if (leftMs <= 0) return false
    await new Promise((resolve) => setTimeout(resolve, Math.min(STEP_MS, Math.ceil(leftMs))))
  }
}

function seconds(ms: number): string {
  return `${Number((ms / 1000).toFixed(2))} s`
}
