import type { SwitchObserver } from '../core/context.ts'
import type { Span } from '../core/span.ts'
import type { CpuSampler, Sampled } from './cpu-sampler.ts'
import { InspectorProfiler } from './inspector-profiler.ts'
import { SpanSwitches } from './span-switches.ts'

/** Where the spans of the samples come from. */
export interface SwitchSource {
  currentSpan(): Span | undefined
  observe(observer: SwitchObserver | undefined): void
}

/**
 * The inspector's profiler, with a log of the changes of span beside it: on every version of Node.
 * @param onFull called when half of the log is used: time for a rotation
 */
export function startInspectorSampler(intervalUs: number, { currentSpan, observe }: SwitchSource, onFull: () => void): CpuSampler {
  const profiler = new InspectorProfiler(intervalUs)
  let number = 0
  const endProfile = (ended: number): Sampled | undefined => {
    const profile = profiler.end(String(ended))
    const { entries, lost } = switches.take(profile)
    return profile === undefined ? undefined : { profile, switches: entries, lostSwitches: lost }
  }
  profiler.start(String(number))
  const switches = new SpanSwitches(currentSpan, onFull)
  switches.start()
  observe(switches)
  return {
    name: 'inspector',
    rotate() {
      const ended = number++
      profiler.start(String(number))
      return endProfile(ended)
    },
    end() {
      observe(undefined)
      switches.stop()
      const last = endProfile(number)
      profiler.close()
      return last
    },
  }
}
