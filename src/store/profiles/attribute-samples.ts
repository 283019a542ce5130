import type { CpuProfile } from '../../core/profile-format.ts'
import type { SpanLog } from './profile-file.ts'
import type { ProfileNode } from './stack-table.ts'

/** One sample that was not idle. */
export interface AttributedSample {
  node: ProfileNode
  /** Monotonic, microseconds. */
  timeUs: number
  /** Until the next sample. */
  selfUs: number
  /** 0 outside of any span. */
  spanId: bigint
}

/** What a profile comes to. */
export interface AttributedProfile {
  samples: AttributedSample[]
  cpuUs: number
  idleUs: number
  /** Time of the last sample, microseconds: the next rotation overlaps a little. */
  lastUs: number
}

/** A sample stands for no more than a second: the machine may have slept. On a busy one samples come late by up to some 100 ms. */
const MAX_SELF_US = 1_000_000

/**
 * Gives every sample the span whose code ran when it was taken. `(program)` is native code between callbacks and belongs to none.
 * @param afterUs samples up to here are in the profile before this one
 */
export function attributeSamples(
  profile: CpuProfile,
  nodes: ReadonlyMap<number, ProfileNode>,
  log: SpanLog,
  afterUs: number,
): AttributedProfile {
  const samples: AttributedSample[] = []
  let cpuUs = 0
  let idleUs = 0
  let timeUs = profile.startTime
  for (let i = 0; i < profile.samples.length; i++) {
    timeUs += profile.timeDeltas[i] ?? 0
    const untilNext = i + 1 < profile.samples.length ? (profile.timeDeltas[i + 1] ?? 0) : profile.endTime - timeUs
    const node = nodes.get(profile.samples[i] ?? 0)
    const selfUs = Math.max(0, Math.min(MAX_SELF_US, untilNext))
    if (node === undefined || timeUs <= afterUs) continue
    if (node.kind === 'idle') {
      idleUs += selfUs
      continue
    }
    cpuUs += selfUs
    const spanId = node.kind === 'native' ? 0n : log.spanAt(timeUs * 1000)
    samples.push({ node, timeUs, selfUs, spanId })
  }
  return { samples, cpuUs, idleUs, lastUs: Math.max(afterUs, timeUs) }
}
