import type { CpuProfileNode } from './profile-format.ts'

/** A node of V8's sampling heap profile: bytes allocated by a function, called by the nodes above. */
export interface HeapProfileNode {
  callFrame: CpuProfileNode['callFrame']
  selfSize: number
  id: number
  children: HeapProfileNode[]
}

/** What spans of one name allocated while it was looked at. */
export interface SpanAllocations {
  /** Null: code outside of every span. */
  name: string | null
  layer: string | null
  bytes: number
}

/** A `.heapprofile` as V8 writes it, and beside it what only the agent knows; Chrome's developer tools skip the second part. */
export interface HeapProfile {
  head: HeapProfileNode
  samples: unknown[]
  perf: {
    v: 1
    thread: number
    samplingIntervalBytes: number
    /** Time the profile covers, and how much of it allocations were told apart by span, in ms. */
    elapsedMs: number
    lookedMs: number
    spans: SpanAllocations[]
  }
}

/** From the thread that is sampled to the writer thread: what came in since the last one. */
export interface HeapProfileMessage {
  type: 'heap-profile'
  profile: HeapProfile
}
