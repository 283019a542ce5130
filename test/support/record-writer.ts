// Encodes records of docs/session-folder.md for tests, independently of the recorder's own encoder.
import { AttributeType, RecordType, SpanField } from '../../src/core/layout.ts'
import type { Block } from '../../src/store/codec/block.ts'

export type TestValue = string | number | boolean | unknown[] | { interned: string } | { cut: string }

export interface TestSpan {
  spanId: bigint
  parentId?: bigint
  traceHigh?: bigint
  traceLow?: bigint
  startNs: number
  endNs?: number
  name: string
  layer?: string
  integration?: string
  variant?: string
  flags?: number
  kind?: number
  status?: number
  weight?: number
  attributes?: Record<string, TestValue>
}

/** Collects the records of one block. */
export class RecordWriter {
  readonly strings: Record<string, string> = {}
  spans = 0
  records = 0
  #ids = new Map<string, number>()
  #bytes = Buffer.alloc(1 << 16)
  #at = 0

  id(text: string | undefined): number {
    if (text === undefined || text === '') return 0
    let id = this.#ids.get(text)
    if (id === undefined) {
      id = this.#ids.size + 1
      this.#ids.set(text, id)
      this.strings[id] = text
    }
    return id
  }

  span(span: TestSpan, type: number = RecordType.span): this {
    const at = this.#begin(type, SpanField.attributes)
    const b = this.#bytes
    b[at + SpanField.flags] = span.flags ?? 0
    b[at + SpanField.kind] = span.kind ?? 0
    b[at + SpanField.status] = span.status ?? 0
    b.writeBigUInt64LE(span.spanId, at + SpanField.spanId)
    b.writeBigUInt64LE(span.parentId ?? 0n, at + SpanField.parentId)
    b.writeBigUInt64LE(span.traceHigh ?? 1n, at + SpanField.traceHigh)
    b.writeBigUInt64LE(span.traceLow ?? 1n, at + SpanField.traceLow)
    b.writeDoubleLE(span.startNs, at + SpanField.startNs)
    b.writeDoubleLE(type === RecordType.open ? 0 : (span.endNs ?? span.startNs), at + SpanField.endNs)
    b.writeUInt32LE(this.id(span.name), at + SpanField.name)
    b.writeUInt32LE(this.id(span.layer ?? 'function'), at + SpanField.layer)
    b.writeUInt32LE(this.id(span.integration), at + SpanField.integration)
    b.writeUInt32LE(this.id(span.variant), at + SpanField.variant)
    b.writeFloatLE(span.weight ?? 1, at + SpanField.weight)
    const attributes = type === RecordType.open ? {} : (span.attributes ?? {})
    b.writeUInt16LE(Object.keys(attributes).length, at + SpanField.attributeCount)
    this.#attributes(attributes)
    if (type === RecordType.span) this.spans++
    return this.#end(at)
  }

  open(span: TestSpan): this {
    return this.span(span, RecordType.open)
  }

  event(event: { spanId: bigint; timeNs: number; name: string; attributes?: Record<string, TestValue> }): this {
    const at = this.#begin(RecordType.event, 32)
    this.#bytes.writeBigUInt64LE(event.spanId, at + 8)
    this.#bytes.writeDoubleLE(event.timeNs, at + 16)
    this.#bytes.writeUInt32LE(this.id(event.name), at + 24)
    this.#bytes.writeUInt16LE(Object.keys(event.attributes ?? {}).length, at + 28)
    this.#attributes(event.attributes ?? {})
    return this.#end(at)
  }

  link(link: { spanId: bigint; traceHigh: bigint; traceLow: bigint; linkedSpanId: bigint }): this {
    const at = this.#begin(RecordType.link, 40)
    this.#bytes.writeBigUInt64LE(link.spanId, at + 8)
    this.#bytes.writeBigUInt64LE(link.traceHigh, at + 16)
    this.#bytes.writeBigUInt64LE(link.traceLow, at + 24)
    this.#bytes.writeBigUInt64LE(link.linkedSpanId, at + 32)
    return this.#end(at)
  }

  fact(kind: number, value: unknown): this {
    const text = Buffer.from(JSON.stringify(value))
    const at = this.#begin(RecordType.fact, 16)
    this.#bytes.writeUInt16LE(kind, at + 6)
    this.#bytes.writeUInt32LE(text.length, at + 8)
    this.#append(text)
    return this.#end(at)
  }

  payload(payload: {
    spanId: bigint
    role: string
    size: number
    flags?: number
    hash: string
    parts?: { hash: string; size: number }[]
  }): this {
    const at = this.#begin(RecordType.payloadReference, 48)
    this.#bytes.writeUInt16LE(this.id(payload.role), at + 6)
    this.#bytes.writeBigUInt64LE(payload.spanId, at + 8)
    this.#bytes.writeDoubleLE(payload.size, at + 16)
    this.#bytes.writeUInt32LE(payload.flags ?? 0, at + 24)
    this.#bytes.writeUInt32LE(payload.parts?.length ?? 0, at + 28)
    Buffer.from(payload.hash, 'hex').copy(this.#bytes, at + 32)
    for (const part of payload.parts ?? []) {
      this.#append(Buffer.from(part.hash, 'hex'))
      this.#append(u32(part.size))
    }
    return this.#end(at)
  }

  /** A record of any type with any body, for what a newer version may write. */
  raw(type: number, body: Uint8Array): this {
    const at = this.#begin(type, 8)
    this.#append(body)
    return this.#end(at)
  }

  data(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#at))
  }

  block(rest: Partial<Block> = {}): Block {
    return {
      v: 1, thread: 0, seq: 1, n: this.records, spans: this.spans, anchor: { monoNs: 0, wallMs: 1_795_255_200_000 },
      strings: this.strings, counters: {}, data: this.data(), ...rest,
    } // prettier-ignore
  }

  #begin(type: number, bytes: number): number {
    const at = this.#at
    this.#reserve(bytes)
    this.#bytes.fill(0, at, at + bytes)
    this.#bytes[at + 4] = type
    this.#at += bytes
    return at
  }

  #end(at: number): this {
    const padding = (8 - (this.#at % 8)) % 8
    this.#append(Buffer.alloc(padding))
    this.#bytes.writeUInt32LE(this.#at - at, at)
    this.records++
    return this
  }

  #attributes(attributes: Record<string, TestValue>): void {
    for (const key in attributes) this.#attribute(key, attributes[key] as TestValue)
  }

  #attribute(key: string, value: TestValue): void {
    const id = this.id(key)
    if (value === true || value === false) return void this.#head(id, value ? AttributeType.true : AttributeType.false, 0)
    if (typeof value === 'number') {
      const isInt = (value | 0) === value
      const at = this.#head(id, isInt ? AttributeType.int : AttributeType.float, isInt ? 4 : 8)
      if (isInt) this.#bytes.writeInt32LE(value, at)
      else this.#bytes.writeDoubleLE(value, at)
    } else if (typeof value === 'string') this.#text(id, AttributeType.text, value)
    else if (Array.isArray(value)) this.#text(id, AttributeType.json, JSON.stringify(value))
    else if ('cut' in value) this.#text(id, AttributeType.cutText, value.cut)
    else {
      const interned = this.id(value.interned)
      this.#bytes.writeUInt16LE(interned, this.#head(id, AttributeType.interned, 2))
    }
  }

  #text(id: number, type: number, text: string): void {
    const bytes = Buffer.byteLength(text)
    const at = this.#head(id, type, 4 + bytes)
    this.#bytes.writeUInt32LE(bytes, at)
    this.#bytes.write(text, at + 4)
  }

  /** Writes key and type, makes room for the value and gives its offset. */
  #head(id: number, type: number, bytes: number): number {
    this.#reserve(3 + bytes)
    const at = this.#at
    this.#bytes.writeUInt16LE(id, at)
    this.#bytes[at + 2] = type
    this.#at += 3 + bytes
    return at + 3
  }

  #append(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes + 8 <= this.#bytes.length) return
    const larger = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#at + bytes + 8))
    this.#bytes.copy(larger)
    this.#bytes = larger
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
