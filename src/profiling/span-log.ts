import type { CpuProfile } from '../core/profile-format.ts'
import { SPAN_LOG_ENTRY_BYTES } from '../core/profile-format.ts'
import type { Span } from '../core/span.ts'

// The changes of span since the last rotation, as they go into the file. A busy server has some 100,000 a second and 100 samples: what is handed
// on is picked here, by a search per sample (0.2 ms), instead of copied to the writer thread whole (30 ms for 10 s of it), and the memory is used again.

const CHUNK_ENTRIES = 16_384
/** Beyond so many chunks (16 MB) between two rotations, changes are dropped and counted. */
const MAX_CHUNKS = 64
/** Chunks that are kept for the next rotation, 8 MB; when they are full it is time for one. */
const KEPT_CHUNKS = 32

/** The log of one thread. */
export class SpanLog {
  /** Changes that found no room since the last `take`. */
  lost = 0
  private readonly onFull: () => void
  private readonly chunks: Chunk[] = []
  /** Chunks that hold entries; all but the last one are full. */
  private used = 0
  private times: Float64Array = new Float64Array(0)
  private ids: Int32Array = new Int32Array(0)
  private count = CHUNK_ENTRIES

  /** @param onFull called when half of the room is used */
  constructor(onFull: () => void) {
    this.onFull = onFull
  }

  /** From `timeNs` on, the code of `span` runs. */
  append(timeNs: number, span: Span | undefined): void {
    if (this.count === CHUNK_ENTRIES && !this.nextChunk()) {
      this.lost++
      return
    }
    const at = this.count++
    this.times[at * 2] = timeNs
    this.ids[at * 4 + 2] = span === undefined ? 0 : span.idLow
    this.ids[at * 4 + 3] = span === undefined ? 0 : span.idHigh
  }

  /** Of the entries since the last call those that say whose the samples of `profile` are: the last one before each. The log is empty then. */
  take(profile: CpuProfile | undefined): Uint8Array {
    const kept = profile === undefined || this.used === 0 ? new Uint8Array() : this.pick(profile)
    this.chunks.length = Math.min(this.chunks.length, KEPT_CHUNKS)
    this.used = 0
    this.count = CHUNK_ENTRIES
    this.lost = 0
    return kept
  }

  private pick({ startTime, timeDeltas }: CpuProfile): Uint8Array {
    const kept = new Uint8Array(timeDeltas.length * SPAN_LOG_ENTRY_BYTES)
    let bytes = 0
    let chunk = 0
    let last = -1
    let timeUs = startTime
    for (const delta of timeDeltas) {
      timeUs += delta
      const timeNs = timeUs * 1000
      while (chunk + 1 < this.used && (this.chunks[chunk + 1]?.times[0] ?? Infinity) <= timeNs) chunk++
      const at = this.lastUpTo(chunk, timeNs)
      const found = chunk * CHUNK_ENTRIES + at
      if (found <= last) continue
      last = found
      const entry = this.chunks[chunk]?.bytes.subarray(at * SPAN_LOG_ENTRY_BYTES, (at + 1) * SPAN_LOG_ENTRY_BYTES)
      if (entry !== undefined) kept.set(entry, bytes)
      bytes += SPAN_LOG_ENTRY_BYTES
    }
    return kept.slice(0, bytes)
  }

  /** Index of the last entry of a chunk that is not after `timeNs`; −1 when all are. */
  private lastUpTo(chunk: number, timeNs: number): number {
    const times = this.chunks[chunk]?.times ?? this.times
    let low = 0
    let high = chunk === this.used - 1 ? this.count : CHUNK_ENTRIES
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((times[middle * 2] ?? Infinity) <= timeNs) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  private nextChunk(): boolean {
    if (this.used >= MAX_CHUNKS) return false
    if (this.used === KEPT_CHUNKS) this.onFull()
    const chunk = (this.chunks[this.used++] ??= newChunk())
    this.times = chunk.times
    this.ids = chunk.ids
    this.count = 0
    return true
  }
}

interface Chunk {
  bytes: Uint8Array
  times: Float64Array
  ids: Int32Array
}

function newChunk(): Chunk {
  const buffer = new ArrayBuffer(CHUNK_ENTRIES * SPAN_LOG_ENTRY_BYTES)
  return { bytes: new Uint8Array(buffer), times: new Float64Array(buffer), ids: new Int32Array(buffer) }
}
