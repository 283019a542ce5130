// What lies in profiles/: docs/session-folder.md is the contract.

/** A CPU profile as V8 gives it (`.cpuprofile`); times are microseconds of the monotonic clock. */
export interface CpuProfile {
  nodes: CpuProfileNode[]
  startTime: number
  endTime: number
  /** Node id of each sample. */
  samples: number[]
  /** Microseconds between a sample and the one before it, the first since `startTime`. */
  timeDeltas: number[]
}

/** A function on a stack, by where it is called from. Lines and columns of a call frame count from 0, those of ticks from 1. */
export interface CpuProfileNode {
  id: number
  callFrame: { functionName: string; scriptId: string; url: string; lineNumber: number; columnNumber: number }
  hitCount?: number
  children?: number[]
  positionTicks?: { line: number; ticks: number }[]
}

/** First bytes of a span log: `"PERFSPN1" · u32 header bytes · header JSON · entries`. */
export const SPAN_LOG_MAGIC = 'PERFSPN1'

/** Bytes of an entry: `f64 time ns (process.hrtime) · i32 span id, low · i32 span id, high`; 0, 0 is no span. */
export const SPAN_LOG_ENTRY_BYTES = 16

/** The JSON header of a span log. */
export interface SpanLogHeader {
  v: number
  instance: string
  thread: number
  number: number
  intervalUs: number
  /** What took the samples; missing in older files: the inspector. */
  sampler?: 'inspector' | 'pprof'
  /** wall = wallMs + (t − monoNs) / 1e6 */
  anchor: { monoNs: number; wallMs: number }
  /** Changes of span that found no room. */
  lostSwitches: number
}
