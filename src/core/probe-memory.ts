// What a thread of the app tells the writer thread about itself, in shared memory: answers to the writer's questions and pauses of the
// collector. The main thread is asked by messages; worker threads have no channel to the writer and find the questions here, too.
//
//   words (i32)            values (f64)            collections (f64)
//   0  64 bytes            64 … 1088               1088 …: GC_ENTRIES × [start ns, duration ns, kind, heap used after]

const WORD_BYTES = 64
const VALUE_COUNT = 128
const GC_FIELDS = 4

/** How many collections the app thread keeps until the writer has read them. */
export const GC_ENTRIES = 512

/** 32-bit words of the probe memory. The last three are the writer's, for worker threads: the numbers of its latest questions, and what it notifies. */
export const ProbeWord = { pong: 0, sample: 1, collections: 2, presence: 3, wantedPong: 4, wantedSample: 5, asked: 6 } as const

/** Doubles of the probe memory: times in ns or ms as named, sizes in bytes, cumulative where they only grow. */
export const ProbeValue = {
  pongNs: 0,
  sampleNs: 1,
  heapUsed: 2,
  heapTotal: 3,
  heapLimit: 4,
  external: 5,
  arrayBuffers: 6,
  malloced: 7,
  loopActiveMs: 8,
  loopIdleMs: 9,
  detachedContexts: 10,
  spaceCount: 11,
  /** How long the loop has been active in total, when a `ping` was answered. */
  pongActiveMs: 12,
  /** From here on four values per heap space: size, used, available, physical. */
  spaces: 16,
} as const

/** Values kept per heap space. */
export const SPACE_FIELDS = 4
/** Heap spaces there is room for. */
export const MAX_SPACES = 24

/** Both sides' views of the probe memory. */
export interface ProbeMemory {
  words: Int32Array
  values: Float64Array
  collections: Float64Array
}

/** Shared memory for the probe of one thread. */
export function createProbeMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(WORD_BYTES + (VALUE_COUNT + GC_ENTRIES * GC_FIELDS) * 8)
}

/** Views over the probe memory. */
export function viewProbeMemory(memory: SharedArrayBuffer): ProbeMemory {
  return {
    words: new Int32Array(memory, 0, WORD_BYTES / 4),
    values: new Float64Array(memory, WORD_BYTES, VALUE_COUNT),
    collections: new Float64Array(memory, WORD_BYTES + VALUE_COUNT * 8, GC_ENTRIES * GC_FIELDS),
  }
}

/** One collection as it stands in the probe memory. */
export interface Collection {
  startNs: number
  durationNs: number
  /** `perf_hooks.constants.NODE_PERFORMANCE_GC_*`. */
  kind: number
  /** Heap in use when the app thread came to look, 0 when that was too late to tell. */
  usedAfter: number
}

/** Writes a collection into the next entry; the oldest unread one is overwritten. */
export function pushCollection({ words, collections }: ProbeMemory, { startNs, durationNs, kind, usedAfter }: Collection): void {
  const count = words[ProbeWord.collections] ?? 0
  collections.set([startNs, durationNs, kind, usedAfter], ((count >>> 0) % GC_ENTRIES) * GC_FIELDS)
  Atomics.store(words, ProbeWord.collections, (count + 1) | 0)
}

/** Reads the collections from number `from` on; `lost` counts those that were overwritten before. */
export function readCollections({ words, collections }: ProbeMemory, from: number): { entries: Collection[]; next: number; lost: number } {
  const next = Atomics.load(words, ProbeWord.collections) >>> 0
  const fresh = (next - from) >>> 0
  const lost = Math.max(0, fresh - GC_ENTRIES)
  const entries: Collection[] = []
  for (let i = fresh - lost; i > 0; i--) {
    const at = ((next - i) % GC_ENTRIES) * GC_FIELDS
    const [startNs = 0, durationNs = 0, kind = 0, usedAfter = 0] = collections.subarray(at, at + GC_FIELDS)
    entries.push({ startNs, durationNs, kind, usedAfter })
  }
  return { entries, next, lost }
}
