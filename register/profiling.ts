import path from 'node:path'
import type { Config } from '../src/config.ts'
import type { HeapProfileMessage } from '../src/core/heap-profile-format.ts'
import type { CpuProfileMessage, CpuProfiling } from '../src/profiling/cpu.ts'
import type { HeapSampling } from '../src/profiling/heap-sampling.ts'
import { currentSpan, observeSwitches, storageReader, switchObserver } from '../src/core/context.ts'
import { guard } from '../src/core/guard.ts'
import { threadId } from './threads.ts'

/** What profiling needs of this thread. */
export interface ProfilingHost {
  config: Config
  /** Folder of the agent. */
  ownFolder: string
  ownRequire: NodeJS.Require
  /** Hands a profile to the writer thread, or to a file where there is no writer. */
  deliver(message: CpuProfileMessage): void
  /** Says one line on stderr, once. */
  say(text: string): void
}

/** Starts what is on from the start, and waits for commands. Nothing is loaded before it is needed. */
export function createProfiling(host: ProfilingHost): CpuProfiling {
  let loaded: CpuProfiling | undefined
  const load = (): CpuProfiling | undefined =>
    (loaded ??= guard('cpu', () => {
      const { setUpCpu } = host.ownRequire('./cpu.cjs') as typeof import('../src/profiling/cpu.ts')
      return setUpCpu({
        thread: threadId,
        intervalUs: host.config.cpu,
        rotateMs: Number(process.env['PERF_TEST_ROTATE_MS']) || undefined,
        sampler: host.config.cpuSampler,
        folders: [
          ...new Set([
            path.dirname(process.argv[1] ?? ''),
            host.config.root,
            ...(host.config.cpuSampler === 'pprof' ? [host.ownFolder] : []),
          ]),
        ],
        reader: storageReader,
        currentSpan,
        observe: observeSwitches,
        guard,
        deliver: (message) => host.deliver(message),
        say: (text) => host.say(text),
      })
    }))
  if (host.config.cpu > 0) load()
  return {
    profileFor: (ms) => load()?.profileFor(ms),
    finish: () => loaded?.finish(),
  }
}

/** Samples where this thread allocates (`PERF_HEAP=sampling`); undefined where that cannot be had. */
export function startHeapSampling(ownRequire: NodeJS.Require, deliver: (message: HeapProfileMessage) => void): HeapSampling | undefined {
  return guard('heap', () => {
    const { setUpHeapSampling } = ownRequire('./heap-sampling.cjs') as typeof import('../src/profiling/heap-sampling.ts')
    return setUpHeapSampling({ thread: threadId, currentSpan, observer: () => switchObserver, observe: observeSwitches, guard, deliver })
  })
}
