// The shared memory of one recorded thread and the records in its ring: docs/session-folder.md is the contract.

export const FORMAT_VERSION = 1
export const MAGIC = 0x46524550

export const HEADER_BYTES = 256
export const SLOT_BYTES = 64

/** Words of the header (32-bit). */
export const Header = {
  magic: 0,
  version: 1,
  capacity: 2,
  writePosition: 3,
  readPosition: 4,
  threadId: 5,
  slotCount: 6,
  slotsUsed: 7,
  owner: 8,
  ended: 9,
  sequence: 10,
  /** 1 while the writer looks seldom: whoever writes then wakes it. */
  writerDozes: 11,
  counters: 16,
} as const

/** Who reads a ring: the writer, or (at exit, when the writer does not have it) the thread itself. Changed by compare-and-exchange only. */
export const RingOwner = { nobody: 0, writer: 1, thread: 2 } as const

/** Cumulative counters of a thread: what was produced, and what was left out, by reason. Order is part of the format. */
export const COUNTERS = [
  'spans_written',
  'spans_dropped',
  'events_dropped',
  'payloads_dropped',
  'facts_dropped',
  'slots_exhausted',
  'attributes_truncated',
  'strings_exhausted',
  'faults',
  'payloads_truncated',
  'attributes_dropped',
  'packages_missed',
  'logs_dropped',
  'logs_limited',
] as const
export type Counter = (typeof COUNTERS)[number]

export const RecordType = {
  pad: 0,
  string: 1,
  span: 2,
  open: 3,
  event: 4,
  link: 5,
  payload: 6,
  fact: 7,
  payloadReference: 8,
  log: 9,
} as const

export const FactKind = {
  variant: 1,
  package: 2,
  fault: 3,
  process: 4,
  log: 5,
  metrics: 6,
  gc: 7,
  stall: 8,
  task: 9,
  action: 10,
  state: 11,
} as const

export const SpanFlag = { remoteParent: 1, root: 2, crashed: 4, abandoned: 8, capturePreview: 16, captureFull: 32 } as const

export const SpanKindCode = { internal: 0, server: 1, client: 2, producer: 3, consumer: 4 } as const
export const StatusCode = { unset: 0, ok: 1, error: 2 } as const

export const AttributeType = { float: 1, true: 2, false: 3, interned: 4, text: 5, int: 6, json: 7, cutText: 8 } as const

export const LogFlag = { cut: 1 } as const

export const PayloadFlag = { cut: 1, json: 2, text: 4, kept: 8 } as const

/** Byte offsets inside a span or open record. */
export const SpanField = {
  flags: 5,
  kind: 6,
  status: 7,
  spanId: 8,
  parentId: 16,
  traceHigh: 24,
  traceLow: 32,
  startNs: 40,
  endNs: 48,
  name: 56,
  layer: 60,
  integration: 64,
  variant: 68,
  weight: 72,
  attributeCount: 76,
  attributes: 80,
} as const

/** Byte offsets inside an open slot. */
export const SlotField = {
  state: 0,
  name: 4,
  spanId: 8,
  parentId: 16,
  traceHigh: 24,
  traceLow: 32,
  startNs: 40,
  layer: 48,
  kind: 52,
} as const

/** What the writer thread tells the app's threads, in a SharedArrayBuffer of 32-bit words. `asked` counts what it asks the worker threads for. */
export const WriterWord = {
  state: 0,
  progress: 1,
  flushRequested: 2,
  flushDone: 3,
  warned: 4,
  gate: 5,
  wake: 6,
  asked: 7,
  askedProfileMs: 8,
  askedRecording: 9,
  askedProfiles: 10,
  askedSnapshots: 11,
  askedSnapshotThread: 12,
} as const
/**
 * What keeps the writer thread from being ended inside native code, where that aborts the whole process: the writer is `busy` while it
 * works, the app thread closes the gate before its process ends, and neither does so while the other has it.
 */
export const WriterGate = { open: 0, busy: 1, closed: 2 } as const
export const WriterState = { starting: 0, ready: 1, dead: 2 } as const

/** Size in bytes of the shared memory for a ring of `capacity` bytes and `slots` open slots. */
export function sharedMemoryBytes(capacity: number, slots: number): number {
  return HEADER_BYTES + slots * SLOT_BYTES + capacity
}
