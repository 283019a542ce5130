import { FORMAT_VERSION, RecordType, SpanField } from '../../core/layout.ts'
import { AttributeReader, type AttributeJson } from './attributes.ts'
import type { Anchor, Block } from './block.ts'

/** An ended or open span. Ids are the raw 64-bit integers; 0 stands for none. */
export interface SpanRow {
  spanId: bigint
  parentId: bigint
  traceHigh: bigint
  traceLow: bigint
  startNs: number
  /** 0 while the span is open. */
  endNs: number
  name: string
  layer: string
  integration: string
  variant: string
  /** `SpanFlag` bits. */
  flags: number
  /** `SpanKindCode`. */
  kind: number
  /** `StatusCode`. */
  status: number
  weight: number
  attributes: Record<string, AttributeJson>
}

export interface EventRow {
  spanId: bigint
  timeNs: number
  name: string
  attributes: Record<string, AttributeJson>
}

export interface LinkRow {
  spanId: bigint
  traceHigh: bigint
  traceLow: bigint
  linkedSpanId: bigint
}

/** `FactKind` and its JSON; `value` is `undefined` when the JSON cannot be read. */
export interface FactRow {
  kind: number
  value: unknown
}

export interface PayloadRow {
  spanId: bigint
  role: string
  /** Bytes of the whole value, −1 unknown. */
  size: number
  /** `PayloadFlag` bits. */
  flags: number
  /** 32 hex digits. */
  hash: string
  parts: { hash: string; size: number }[]
}

export interface DecodedBlock {
  thread: number
  seq: number
  anchor: Anchor
  counters: Record<string, number>
  spans: SpanRow[]
  open: SpanRow[]
  events: EventRow[]
  links: LinkRow[]
  facts: FactRow[]
  payloads: PayloadRow[]
  /** Records of a type this version does not know. */
  unknownRecords: number
  /** Attributes of a type this version does not know. */
  unknownAttributes: number
  /** Records that contradict their own length, and the rest of the block behind one whose length cannot be right. */
  damagedRecords: number
  /** The block was written by a newer format: read as far as known. */
  newer: boolean
}

/** Byte offsets of the records of one block by type: the raw view that sync copies columns from. */
export interface BlockIndex {
  view: DataView
  bytes: Buffer
  attributes: AttributeReader
  spans: number[]
  open: number[]
  events: number[]
  links: number[]
  facts: number[]
  payloads: number[]
  unknownRecords: number
  damagedRecords: number
}

/** Decodes a block to rows. Unknown and damaged records are counted, never thrown. */
export function decodeBlock(block: Block): DecodedBlock {
  const index = indexBlock(block)
  const rows = {
    spans: index.spans.map((at) => readSpan(index, block.strings, at)),
    open: index.open.map((at) => readSpan(index, block.strings, at)),
    events: index.events.map((at) => readEvent(index, block.strings, at)),
    links: index.links.map((at) => readLink(index, at)),
    facts: index.facts.map((at) => readFact(index, at)),
    payloads: index.payloads.map((at) => readPayload(index, block.strings, at)),
  }
  return {
    thread: block.thread,
    seq: block.seq,
    anchor: block.anchor,
    counters: block.counters ?? {},
    ...rows,
    unknownRecords: index.unknownRecords,
    unknownAttributes: index.attributes.unknown,
    damagedRecords: index.damagedRecords + index.attributes.damaged,
    newer: block.v > FORMAT_VERSION,
  }
}

/** Smallest length in bytes of every known record type: a shorter one is damaged. */
const MINIMUM_BYTES: Partial<Record<number, number>> = {
  [RecordType.span]: 80,
  [RecordType.open]: 80,
  [RecordType.event]: 32,
  [RecordType.link]: 40,
  [RecordType.fact]: 16,
  [RecordType.payloadReference]: 48,
}

/** Finds the records of a block without decoding them. */
export function indexBlock(block: Pick<Block, 'strings' | 'data'>): BlockIndex {
  const data = block.data ?? new Uint8Array()
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const attributes = new AttributeReader(bytes, view, block.strings ?? {})
  const index: BlockIndex = {
    view, bytes, attributes, spans: [], open: [], events: [], links: [], facts: [], payloads: [], unknownRecords: 0, damagedRecords: 0,
  } // prettier-ignore
  const byType: Partial<Record<number, number[]>> = {
    [RecordType.span]: index.spans,
    [RecordType.open]: index.open,
    [RecordType.event]: index.events,
    [RecordType.link]: index.links,
    [RecordType.fact]: index.facts,
    [RecordType.payloadReference]: index.payloads,
  }
  for (let at = 0; at < view.byteLength;) {
    const length = at + 8 <= view.byteLength ? view.getUint32(at, true) : 0
    if (length < 8 || length % 8 !== 0 || at + length > view.byteLength) {
      index.damagedRecords++
      break
    }
    const type = view.getUint8(at + 4)
    const list = byType[type]
    if (list !== undefined) {
      if (length >= (MINIMUM_BYTES[type] ?? 8)) list.push(at)
      else index.damagedRecords++
    } else if (type !== RecordType.pad && type !== RecordType.string) index.unknownRecords++
    at += length
  }
  return index
}

function readSpan({ view, attributes }: BlockIndex, strings: Record<string, string>, at: number): SpanRow {
  const end = at + view.getUint32(at, true)
  return {
    spanId: view.getBigUint64(at + SpanField.spanId, true),
    parentId: view.getBigUint64(at + SpanField.parentId, true),
    traceHigh: view.getBigUint64(at + SpanField.traceHigh, true),
    traceLow: view.getBigUint64(at + SpanField.traceLow, true),
    startNs: view.getFloat64(at + SpanField.startNs, true),
    endNs: view.getFloat64(at + SpanField.endNs, true),
    name: strings[view.getUint32(at + SpanField.name, true)] ?? '',
    layer: strings[view.getUint32(at + SpanField.layer, true)] ?? '',
    integration: strings[view.getUint32(at + SpanField.integration, true)] ?? '',
    variant: strings[view.getUint32(at + SpanField.variant, true)] ?? '',
    flags: view.getUint8(at + SpanField.flags),
    kind: view.getUint8(at + SpanField.kind),
    status: view.getUint8(at + SpanField.status),
    weight: view.getFloat32(at + SpanField.weight, true),
    attributes: attributes.object(at + SpanField.attributes, view.getUint16(at + SpanField.attributeCount, true), end),
  }
}

/** Decodes the event record at `at`. */
export function readEvent({ view, attributes }: BlockIndex, strings: Record<string, string>, at: number): EventRow {
  return {
    spanId: view.getBigUint64(at + 8, true),
    timeNs: view.getFloat64(at + 16, true),
    name: strings[view.getUint32(at + 24, true)] ?? '',
    attributes: attributes.object(at + 32, view.getUint16(at + 28, true), at + view.getUint32(at, true)),
  }
}

/** Decodes the link record at `at`. */
export function readLink({ view }: BlockIndex, at: number): LinkRow {
  return {
    spanId: view.getBigUint64(at + 8, true),
    traceHigh: view.getBigUint64(at + 16, true),
    traceLow: view.getBigUint64(at + 24, true),
    linkedSpanId: view.getBigUint64(at + 32, true),
  }
}

/** Decodes the fact record at `at`. */
export function readFact({ view, bytes }: BlockIndex, at: number): FactRow {
  const end = Math.min(at + 16 + view.getUint32(at + 8, true), at + view.getUint32(at, true))
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8', at + 16, end))
  } catch {
    value = undefined
  }
  return { kind: view.getUint16(at + 6, true), value }
}

/** Decodes the payload reference at `at`; parts that run past the record's end are left out. */
export function readPayload({ view, bytes }: BlockIndex, strings: Record<string, string>, at: number): PayloadRow {
  const end = at + view.getUint32(at, true)
  const count = view.getUint32(at + 28, true)
  const parts: PayloadRow['parts'] = []
  for (let i = 0, part = at + 48; i < count && part + 12 <= end; i++, part += 12) {
    parts.push({ hash: bytes.toString('hex', part, part + 8), size: view.getUint32(part + 8, true) })
  }
  return {
    spanId: view.getBigUint64(at + 8, true),
    role: strings[view.getUint16(at + 6, true)] ?? '',
    size: view.getFloat64(at + 16, true),
    flags: view.getUint32(at + 24, true),
    hash: bytes.toString('hex', at + 32, at + 48),
    parts,
  }
}
