// A block as it lies in LMDB: docs/session-folder.md is the contract.

/** Ties the monotonic clock of the records to wall time: `wall = wallMs + (t − monoNs) / 1e6`. */
export interface Anchor {
  monoNs: number
  wallMs: number
}

/** One committed portion of a thread's records, with every definition they use. */
export interface Block {
  /** Format version. */
  v: number
  thread: number
  /** Grows by one per thread. */
  seq: number
  /** Records in `data`. */
  n: number
  /** Ended spans in `data`. */
  spans: number
  anchor: Anchor
  /** Interned strings by id; ids start at 1. */
  strings: Record<string, string>
  /** Cumulative counters of the thread at the time of the block. */
  counters: Record<string, number>
  /** Records of types 2, 3, 4, 5, 7, 8. */
  data: Uint8Array
}

/** What `["m", "process"]` holds; unknown keys are kept. */
export interface ProcessMeta {
  v: number
  instance: string
  session: string
  pid: number
  ppid?: number
  parentInstance?: string | null
  argv?: string[]
  execArgv?: string[]
  cwd?: string
  node?: string
  platform?: string
  arch?: string
  host?: string
  agent?: string
  service?: string
  gitCommit?: string | null
  startedAt?: string
  startNs?: number
  config?: Record<string, unknown>
  [key: string]: unknown
}

/** What `["m", "beat"]` holds. */
export interface Beat {
  wallMs: number
  monoNs: number
}

/** What `["m", "end"]` holds: absent after a kill. */
export interface EndMark extends Beat {
  code: number | null
  reason: string
}
