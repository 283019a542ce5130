import type { StorageReader, SwitchObserver } from '../core/context.ts'
import type { CpuProfile } from '../core/profile-format.ts'
import type { Span } from '../core/span.ts'
import { chooseSampler, type SamplerSetting } from './choose-sampler.ts'
import { newScriptMaps } from './compiled-scripts.ts'
import type { ScriptMap } from './compiled-scripts.ts'
import type { CpuSampler, Sampled } from './cpu-sampler.ts'
import { startInspectorSampler } from './inspector-sampler.ts'
import { startPprofSampler } from './pprof-sampler.ts'

// CPU profiling of one thread of the app: profiles cut into rotations, each handed over with the log of span changes beside it.
// A bundle of its own, loaded only where a CPU profile is asked for; what it shares with the agent is passed in.

/** What goes to the writer thread for one rotation. */
export interface CpuProfileMessage {
  type: 'cpu-profile'
  thread: number
  /** Counts the profiles of this thread from 0. */
  number: number
  intervalUs: number
  sampler: 'inspector' | 'pprof'
  profile: CpuProfile
  /** Entries of the `SpanLog`, those that say something of a sample. */
  switches: Uint8Array
  lostSwitches: number
  /** Source maps of scripts that were compiled in this process, each once. */
  maps: Record<string, ScriptMap>
}

export interface CpuOptions {
  thread: number
  /** Profile from now on, with this sampling interval; 0: only when `profileFor` asks for it. */
  intervalUs: number
  /** Time between two rotations in ms, when not the usual. */
  rotateMs?: number | undefined
  currentSpan(): Span | undefined
  observe(observer: SwitchObserver | undefined): void
  sampler: SamplerSetting
  /** Folders from which @datadog/pprof is looked for. */
  folders: readonly string[]
  reader: StorageReader
  /** Says one line on stderr. */
  say(text: string): void
  guard(where: string, fn: () => void): void
  deliver(message: CpuProfileMessage): void
}

/** CPU profiling of this thread. */
export interface CpuProfiling {
  /** Makes sure that the next `ms` milliseconds are profiled, and hands the profile over when they are. */
  profileFor(ms: number): void
  /** Ends everything and hands over what there is; for the end of the thread. */
  finish(): void
}

/** Sampling interval of a window where the run itself is not profiled. */
const WINDOW_INTERVAL_US = 1000
const MAX_ROTATE_MS = 10_000
const MAX_SAMPLES = 10_000

/** Sets up CPU profiling in this thread; with an interval it starts at once, while the heap is small. */
export function setUpCpu(options: CpuOptions): CpuProfiling {
  let running: Running | undefined
  let windowTimer: NodeJS.Timeout | undefined
  let number = 0
  const guarded = (fn: () => void): void => options.guard('cpu', fn)
  const begin = (intervalUs: number): Running => (running = startRunning(options, intervalUs, () => number++))
  const end = (): void => {
    const ended = running
    running = undefined
    ended?.end()
  }
  if (options.intervalUs > 0) guarded(() => void begin(options.intervalUs))
  return {
    profileFor(ms) {
      guarded(() => {
        const isWindow = options.intervalUs === 0
        if (running === undefined) begin(isWindow ? WINDOW_INTERVAL_US : options.intervalUs)
        else if (!isWindow) running.rotate()
        clearTimeout(windowTimer)
        windowTimer = setTimeout(() => guarded(isWindow ? end : () => running?.rotate()), ms).unref()
      })
    },
    finish() {
      clearTimeout(windowTimer)
      guarded(end)
    },
  }
}

interface Running {
  rotate(): void
  end(): void
}

function startRunning(options: CpuOptions, intervalUs: number, nextNumber: () => number): Running {
  const { thread, guard, deliver } = options
  const scripts = new Set<string>()
  const rotateMs = options.rotateMs ?? Math.max(1000, Math.min(MAX_ROTATE_MS, (MAX_SAMPLES * intervalUs) / 1000))
  const handOver = (sampled: Sampled | undefined): void => {
    const number = nextNumber()
    if (sampled === undefined) return
    const maps = newScriptMaps(sampled.profile, scripts)
    deliver({ type: 'cpu-profile', thread, number, intervalUs, sampler: sampler.name, ...sampled, maps })
  }
  const rotate = (): void => handOver(sampler.rotate())
  const guardedRotate = (): void => guard('cpu', rotate)
  const sampler =
    startPprof(options, intervalUs, rotateMs) ?? startInspectorSampler(intervalUs, options, () => setImmediate(guardedRotate).unref())
  const timer = setInterval(guardedRotate, rotateMs).unref()
  return {
    rotate,
    end() {
      clearInterval(timer)
      handOver(sampler.end())
    },
  }
}

/** The sampler of @datadog/pprof where it is wanted and there; one line when it is there and cannot be used. */
function startPprof(
  { sampler, folders, reader, say, ...options }: CpuOptions,
  intervalUs: number,
  rotateMs: number,
): CpuSampler | undefined {
  // A window of a run that is not profiled: spans that began before it do not stand in the storage as this sampler needs them.
  if (options.intervalUs === 0) return undefined
  const { folder, why, isProblem } = chooseSampler(sampler, folders)
  const sayWhy = (text: string): void => say(`${text}. Samples come from the inspector (PERF_CPU_SAMPLER=inspector).`)
  if (folder === undefined) {
    if (isProblem) sayWhy(why)
    return undefined
  }
  try {
    return startPprofSampler(folder, intervalUs, rotateMs, reader)
  } catch (error) {
    const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n', 1)
    sayWhy(`${why} cannot sample: ${reason.slice(0, 200).replace(/\.$/, '')}`)
    return undefined
  }
}
