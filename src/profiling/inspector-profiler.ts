import inspector from 'node:inspector'
import type { CpuProfile } from '../core/profile-format.ts'

/**
 * V8's sampling profiler of this thread. Profiles may overlap: while one runs, starting another costs 0.1 ms, whereas a first one
 * costs about 1 ms per MB of live heap. `console.profile` of the inspector is the only way to have two in one session.
 */
export class InspectorProfiler {
  private readonly session = new inspector.Session()
  private readonly finished = new Map<string, CpuProfile>()

  /** Connects; throws when this Node has no inspector. */
  constructor(intervalUs: number) {
    this.session.connect()
    this.session.post('Profiler.enable')
    this.session.post('Profiler.setSamplingInterval', { interval: intervalUs })
    this.session.on('Profiler.consoleProfileFinished', ({ params }) => {
      // The app may call console.profile, too; its profiles arrive here as well and are let go.
      if (params.title?.startsWith(TITLE) === true) this.finished.set(params.title, params.profile as CpuProfile)
    })
  }

  /** Starts a profile under a name of its own. */
  start(name: string): void {
    inspector.console.profile(TITLE + name)
  }

  /** Ends it; the profile is there when this returns. Undefined when none of that name runs. */
  end(name: string): CpuProfile | undefined {
    inspector.console.profileEnd(TITLE + name)
    const profile = this.finished.get(TITLE + name)
    this.finished.delete(TITLE + name)
    return profile
  }

  close(): void {
    this.session.disconnect()
  }
}

const TITLE = 'perf-agent '
