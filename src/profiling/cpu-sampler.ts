import type { CpuProfile } from '../core/profile-format.ts'

/** What was sampled in one rotation. */
export interface Sampled {
  profile: CpuProfile
  /** Entries of the span log that say something of a sample. */
  switches: Uint8Array
  /** Changes of span that found no room. */
  lostSwitches: number
}

/** Takes samples of this thread from the moment it is made. */
export interface CpuSampler {
  readonly name: 'inspector' | 'pprof'
  /** What was sampled since the last call; sampling goes on. */
  rotate(): Sampled | undefined
  /** The rest; no more samples are taken. */
  end(): Sampled | undefined
}
