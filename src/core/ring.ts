import {
  COUNTERS,
  FORMAT_VERSION,
  HEADER_BYTES,
  Header,
  MAGIC,
  RecordType,
  RingOwner,
  SLOT_BYTES,
  sharedMemoryBytes,
  SlotField,
} from './layout.ts'
import type { Counter } from './layout.ts'
import type { Span } from './span.ts'

// The ring of one recorded thread: the app thread writes, the writer thread reads.
//
//        read ─┐                 ┌─ write
//   [ free ][ r e c o r d s ][ free … ][reserve]
//
// Positions grow modulo 2³². A span needs the reserve to stay free, so that definitions and facts always find room.

/** No single span record may be longer: that many contiguous bytes are made sure of before one is written. */
export const MAX_SPAN_BYTES = 32_768
const RESERVE_BYTES = 131_072
const MAX_STRINGS = 16_384
const MAX_INTERNED_LENGTH = 512

export interface RingSize {
  capacity: number
  slots: number
}
export const MAIN_RING: RingSize = { capacity: 4 << 20, slots: 2048 }
export const WORKER_RING: RingSize = { capacity: 1 << 20, slots: 512 }

export class Ring {
  readonly memory: SharedArrayBuffer
  readonly header: Int32Array
  readonly view: DataView
  readonly bytes: Buffer
  readonly slotWords: Int32Array
  readonly slotDoubles: Float64Array
  readonly base: number
  readonly capacity: number
  /** Called when the first span begins. */
  onFirstSpan: (() => void) | undefined = undefined
  /** Called when something is written while the writer looks seldom. */
  onWake: (() => void) | undefined = undefined
  /** Ids of the keys of attributes, negative where their values are interned, too. */
  readonly keys = new Map<string, number>()
  private readonly mask: number
  private readonly strings = new Map<string, number>()
  private readonly freeSlots: number[] = []
  private slotsUsed = 0
  private readonly slotCount: number
  private writePosition = 0
  private repeatedA = ''
  private repeatedAId = 0
  private repeatedB = ''
  private repeatedBId = 0

  constructor(size: RingSize, threadId: number) {
    this.memory = new SharedArrayBuffer(sharedMemoryBytes(size.capacity, size.slots))
    this.header = new Int32Array(this.memory, 0, HEADER_BYTES / 4)
    this.slotWords = new Int32Array(this.memory, HEADER_BYTES, (size.slots * SLOT_BYTES) / 4)
    this.slotDoubles = new Float64Array(this.memory, HEADER_BYTES, (size.slots * SLOT_BYTES) / 8)
    this.base = HEADER_BYTES + size.slots * SLOT_BYTES
    this.view = new DataView(this.memory)
    this.bytes = Buffer.from(this.memory)
    this.capacity = size.capacity
    this.mask = size.capacity - 1
    this.slotCount = size.slots
    this.header[Header.magic] = MAGIC
    this.header[Header.version] = FORMAT_VERSION
    this.header[Header.capacity] = size.capacity
    this.header[Header.threadId] = threadId
    this.header[Header.slotCount] = size.slots
  }

  /**
   * Finds room for a record of up to `most` bytes and returns its offset, or −1 when the ring is too full.
   * Definitions and facts may use the reserve, spans may not.
   */
  reserve(most: number, mayUseReserve: boolean): number {
    const used = (this.writePosition - Atomics.load(this.header, Header.readPosition)) >>> 0
    let at = this.writePosition & this.mask
    const untilEnd = this.capacity - at
    const needed = (untilEnd < most ? untilEnd + most : most) + (mayUseReserve ? 0 : RESERVE_BYTES)
    if (this.capacity - used < needed) return -1
    if (untilEnd < most) {
      this.view.setUint32(this.base + at, untilEnd, true)
      this.view.setUint32(this.base + at + 4, RecordType.pad, true)
      this.writePosition = (this.writePosition + untilEnd) | 0
      at = 0
    }
    return this.base + at
  }

  /** True while half of the ring is free. */
  hasHalf(): boolean {
    return (this.writePosition - Atomics.load(this.header, Header.readPosition)) >>> 0 < this.capacity >>> 1
  }

  /** Publishes the record at `offset` that ends before `end`. */
  commit(offset: number, end: number): void {
    const length = (end - offset + 7) & ~7
    this.view.setUint32(offset, length, true)
    this.writePosition = (this.writePosition + length) | 0
    Atomics.store(this.header, Header.writePosition, this.writePosition)
    if (Atomics.load(this.header, Header.writerDozes) === 1) this.wake()
  }

  private wake(): void {
    this.header[Header.writerDozes] = 0
    this.onWake?.()
  }

  /** Id of an interned string, defining it on first use; 0 when the table is full or the text too long. */
  intern(text: string): number {
    return this.strings.get(text) ?? this.define(text)
  }

  /** Id of a string that is defined; else undefined. */
  idOf(text: string): number | undefined {
    return this.strings.get(text)
  }

  /** As `intern`, for texts that are mostly the same as last time (layer, integration): no hash look-up then. */
  internRepeated(text: string): number {
    if (text === this.repeatedA) return this.repeatedAId
    if (text === this.repeatedB) return this.repeatedBId
    const id = this.intern(text)
    this.repeatedA = this.repeatedB
    this.repeatedAId = this.repeatedBId
    this.repeatedB = text
    this.repeatedBId = id
    return id
  }

  private define(text: string): number {
    if (text.length > MAX_INTERNED_LENGTH || this.strings.size >= MAX_STRINGS) {
      this.count('strings_exhausted')
      return 0
    }
    const most = 16 + text.length * 3
    const at = this.reserve((most + 7) & ~7, true)
    if (at < 0) return 0
    const id = this.strings.size + 1
    const bytes = this.bytes.utf8Write(text, at + 16, text.length * 3)
    this.view.setUint32(at + 4, RecordType.string, true)
    this.view.setUint32(at + 8, id, true)
    this.view.setUint32(at + 12, bytes, true)
    this.commit(at, at + 16 + bytes)
    this.strings.set(text, id)
    return id
  }

  /** As `count('spans_written')`, without looking the counter up: once per span. */
  countSpan(): void {
    this.header[SPANS_WRITTEN] = (this.header[SPANS_WRITTEN] as number) + 1
  }

  /** Adds to a cumulative counter that every report shows. */
  count(counter: Counter, by = 1): void {
    const word = Header.counters + counterIndex[counter]
    this.header[word] = (this.header[word] ?? 0) + by
  }

  /** Notes an open span and returns its slot, or −1 when all are taken (counted). */
  openSlot(span: Span): number {
    let slot = this.freeSlots.pop()
    if (slot === undefined) {
      if (this.slotsUsed >= this.slotCount) {
        this.count('slots_exhausted')
        return -1
      }
      slot = this.slotsUsed++
      this.header[Header.slotsUsed] = this.slotsUsed
      if (slot === 0) this.onFirstSpan?.()
    }
    const word = slot * 16
    const words = this.slotWords
    const { trace } = span
    words[word + SlotField.name / 4] = span.nameId
    words[word + SlotField.spanId / 4] = span.idLow
    words[word + SlotField.spanId / 4 + 1] = span.idHigh
    words[word + SlotField.parentId / 4] = span.parentLow
    words[word + SlotField.parentId / 4 + 1] = span.parentHigh
    words[word + SlotField.traceHigh / 4] = trace.b
    words[word + SlotField.traceHigh / 4 + 1] = trace.a
    words[word + SlotField.traceLow / 4] = trace.d
    words[word + SlotField.traceLow / 4 + 1] = trace.c
    this.slotDoubles[slot * 8 + SlotField.startNs / 8] = span.startNs
    words[word + SlotField.layer / 4] = span.layerId
    words[word + SlotField.kind / 4] = span.kind
    Atomics.store(words, word, 1)
    if (Atomics.load(this.header, Header.writerDozes) === 1) this.wake()
    return slot
  }

  closeSlot(slot: number): void {
    if (slot < 0) return
    this.slotWords[slot * 16] = 0
    this.freeSlots.push(slot)
  }

  /** Every interned string with its id: what a reader needs that takes the ring over in the middle. */
  definitions(): Iterable<[text: string, id: number]> {
    return this.strings
  }

  /** Takes the ring away from everybody but the writer: false when the writer has it. */
  takeOver(): boolean {
    return Atomics.compareExchange(this.header, Header.owner, RingOwner.nobody, RingOwner.thread) !== RingOwner.writer
  }

  /** True when the writer has not yet read everything. */
  hasUnread(): boolean {
    return this.writePosition !== Atomics.load(this.header, Header.readPosition)
  }
}

/** A trace id as four signed 32-bit integers, most significant first. */
export interface Trace {
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
  /** `tracestate` as it came in, to be passed on with every request of this trace. */
  readonly state?: string | undefined
}

const SPANS_WRITTEN = Header.counters + COUNTERS.indexOf('spans_written')
const counterIndex = Object.fromEntries(COUNTERS.map((name, index) => [name, index])) as Record<Counter, number>
