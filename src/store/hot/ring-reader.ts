import { HEADER_BYTES, Header, RecordType, SLOT_BYTES, SlotField, SpanField } from '../../core/layout.ts'

// The writer's side of a ring: copies what the app thread has published, record by record, and sees the open slots.

/** The records of one read: a private copy, so that nothing changes under the reader. Good until the next read. */
export interface Portion {
  readonly data: Buffer
  readonly view: DataView
  /** Read position of the ring after this portion. */
  readonly next: number
}

export class RingReader {
  readonly memory: SharedArrayBuffer
  readonly header: Int32Array
  readonly thread: number
  private readonly bytes: Uint8Array
  private copy = Buffer.allocUnsafeSlow(4096)
  private copyView = new DataView(this.copy.buffer)
  private readonly view: DataView
  private readonly base: number
  private readonly capacity: number
  private readonly slotCount: number
  private readonly slotWords: Int32Array
  /** Low half of the span seen in a slot at the last scan; and whether it has been reported. */
  private readonly seenLow: Int32Array
  private readonly seenHigh: Int32Array
  private readonly reported: Uint8Array

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory
    this.header = new Int32Array(memory, 0, HEADER_BYTES / 4)
    this.thread = this.header[Header.threadId] ?? 0
    this.capacity = this.header[Header.capacity] ?? 0
    this.slotCount = this.header[Header.slotCount] ?? 0
    this.base = HEADER_BYTES + this.slotCount * SLOT_BYTES
    this.bytes = new Uint8Array(memory)
    this.view = new DataView(memory)
    this.slotWords = new Int32Array(memory, HEADER_BYTES, (this.slotCount * SLOT_BYTES) / 4)
    this.seenLow = new Int32Array(this.slotCount)
    this.seenHigh = new Int32Array(this.slotCount)
    this.reported = new Uint8Array(this.slotCount)
  }

  get hasRecords(): boolean {
    return Atomics.load(this.header, Header.writePosition) !== this.header[Header.readPosition]
  }

  /** Copies up to about `most` bytes of whole records; undefined when there are none. The ring keeps them until `release`. */
  read(most: number): Portion | undefined {
    const write = Atomics.load(this.header, Header.writePosition)
    const read = this.header[Header.readPosition] ?? 0
    const available = (write - read) >>> 0
    if (available === 0) return undefined
    const at = read & (this.capacity - 1)
    const untilEnd = this.capacity - at
    let length = Math.min(available, untilEnd)
    if (length > most) length = this.wholeRecords(this.base + at, most, length)
    // Kept from read to read: a new one each time is what the collector of this thread would be busy with.
    if (length > this.copy.length) {
      this.copy = Buffer.allocUnsafeSlow(1 << (32 - Math.clz32(length - 1)))
      this.copyView = new DataView(this.copy.buffer)
    }
    this.copy.set(this.bytes.subarray(this.base + at, this.base + at + length))
    return { data: this.copy.subarray(0, length), view: this.copyView, next: (read + length) | 0 }
  }

  /** Gives the room of a portion back to the app thread. */
  release(portion: Portion): void {
    Atomics.store(this.header, Header.readPosition, portion.next)
  }

  /**
   * Calls `onOpen` with a record (type 3) for every slot that has held the same span since the last scan, once per span;
   * with `atOnce` (the last scan, at exit) also for spans that have only just begun.
   */
  scanOpen(onOpen: (record: Buffer) => void, atOnce = false): void {
    const used = Math.min(this.header[Header.slotsUsed] ?? 0, this.slotCount)
    for (let slot = 0; slot < used; slot++) {
      const word = slot * 16
      if (this.slotWords[word] !== 1) {
        this.seenLow[slot] = 0
        this.seenHigh[slot] = 0
        continue
      }
      const low = this.slotWords[word + SlotField.spanId / 4] ?? 0
      const high = this.slotWords[word + SlotField.spanId / 4 + 1] ?? 0
      if (this.seenLow[slot] !== low || this.seenHigh[slot] !== high) {
        this.seenLow[slot] = low
        this.seenHigh[slot] = high
        this.reported[slot] = 0
        if (!atOnce) continue
      }
      if (this.reported[slot] === 0) {
        this.reported[slot] = 1
        const record = this.openRecord(HEADER_BYTES + slot * SLOT_BYTES)
        // The app may have reused the slot meanwhile: only a copy of the same span counts.
        if (this.slotWords[word] === 1 && record.readInt32LE(SpanField.spanId) === low) onOpen(record)
      }
    }
  }

  /** True while a slot holds a span that `scanOpen` has not given yet. */
  hasUnreported(): boolean {
    const used = Math.min(Atomics.load(this.header, Header.slotsUsed), this.slotCount)
    for (let slot = 0; slot < used; slot++) {
      const word = slot * 16
      if (Atomics.load(this.slotWords, word) !== 1) continue
      if (this.reported[slot] !== 1) return true
      if (this.slotWords[word + SlotField.spanId / 4] !== this.seenLow[slot]) return true
      if (this.slotWords[word + SlotField.spanId / 4 + 1] !== this.seenHigh[slot]) return true
    }
    return false
  }

  /** Name (string id) and start in ns of every slot that is open now. */
  eachOpen(found: (name: number, startNs: number) => void): void {
    const used = Math.min(this.header[Header.slotsUsed] ?? 0, this.slotCount)
    for (let slot = 0; slot < used; slot++) {
      if (this.slotWords[slot * 16] !== 1) continue
      const at = HEADER_BYTES + slot * SLOT_BYTES
      found(this.view.getUint32(at + SlotField.name, true), this.view.getFloat64(at + SlotField.startNs, true))
    }
  }

  private openRecord(slot: number): Buffer {
    const record = Buffer.alloc(SpanField.attributes)
    record.writeUInt32LE(SpanField.attributes, 0)
    record.writeUInt8(RecordType.open, 4)
    record.writeUInt8(this.view.getUint32(slot + SlotField.kind, true), SpanField.kind)
    record.set(this.bytes.subarray(slot + SlotField.spanId, slot + SlotField.startNs), SpanField.spanId)
    record.writeDoubleLE(this.view.getFloat64(slot + SlotField.startNs, true), SpanField.startNs)
    record.writeUInt32LE(this.view.getUint32(slot + SlotField.name, true), SpanField.name)
    record.writeUInt32LE(this.view.getUint32(slot + SlotField.layer, true), SpanField.layer)
    record.writeFloatLE(1, SpanField.weight)
    return record
  }

  private wholeRecords(from: number, most: number, length: number): number {
    let end = 0
    while (end < length) {
      const size = this.view.getUint32(from + end, true)
      if (end > 0 && end + size > most) break
      end += size
    }
    return end
  }
}
