import { AttributeType, COUNTERS, Header, RecordType, SpanField } from '../core/layout.ts'
import type { Redactor } from '../semantics/redaction.ts'
import type { Block } from '../store/codec/block.ts'
import type { Portion, RingReader } from '../store/hot/ring-reader.ts'
import { wallAnchor } from './anchor.ts'
import { redactRecord } from './redact-record.ts'
import type { PayloadStore } from './payloads.ts'
import { FactWriter } from './facts.ts'
import { logFact } from './log-facts.ts'

/** Bytes of records that go into one block at most (about 2,000 spans). */
const BLOCK_BYTES = 384 * 1024
const MAX_STRING_ID = 16_385

/** Which open spans a block takes along: none, those open for longer than a tick, or (at exit) all. */
export type OpenSpans = 'none' | 'aged' | 'all'

/** Turns the records of one ring into blocks: strings gathered, text redacted, payloads replaced by their hashes. */
export class BlockBuilder {
  readonly reader: RingReader
  /** Told of every ended span, where somebody counts them. */
  onSpan: ((name: string, durationNs: number) => void) | undefined
  private readonly redactor: Redactor
  private readonly payloads: PayloadStore
  private readonly facts: FactWriter
  private readonly strings: string[] = ['']
  private readonly isSecretKey: boolean[] = [false]
  private readonly usedIn = new Uint32Array(MAX_STRING_ID)
  private generation = 0
  private countsInBlock = NO_COUNTS
  private used: number[] = []
  private out = new Output(0)

  /** `definitions`: strings whose records another reader of this ring has consumed. */
  constructor(reader: RingReader, redactor: Redactor, payloads: PayloadStore, definitions: Iterable<[text: string, id: number]> = []) {
    this.reader = reader
    this.redactor = redactor
    this.payloads = payloads
    this.facts = new FactWriter(redactor)
    for (const [text, id] of definitions) this.define(id, text)
  }

  /** The next block, or undefined when the ring is empty. `release` must be called once the block is stored (or given up). */
  next(withOpenSpans: OpenSpans): { block: Block; release: () => void } | undefined {
    this.generation++
    this.used = []
    let records = 0
    let spans = 0
    let portion = this.reader.read(BLOCK_BYTES)
    this.out = new Output(portion === undefined ? 0 : portion.data.length)
    while (portion !== undefined) {
      ;({ records, spans } = this.walk(portion))
      if (records > 0) break
      // Nothing but definitions, or the padding before the ring's end: there may be more behind it.
      this.reader.release(portion)
      portion = this.reader.read(BLOCK_BYTES)
    }
    if (withOpenSpans !== 'none') {
      this.reader.scanOpen((record) => {
        this.use(record.readUInt32LE(SpanField.name))
        this.use(record.readUInt32LE(SpanField.layer))
        this.out.add(record, 0, record.length)
        records++
      }, withOpenSpans === 'all')
    }
    if (records === 0 && !(withOpenSpans === 'all' && this.hasNewCounts())) return undefined
    const release = (): void => {
      if (portion !== undefined) this.reader.release(portion)
    }
    return { block: this.block(records, spans), release }
  }

  /** Something was counted since the last block: the last block of all carries it, without records if need be. */
  private hasNewCounts(): boolean {
    return this.counts() !== this.countsInBlock
  }

  private counts(): string {
    return this.reader.header.subarray(Header.counters, Header.counters + COUNTERS.length).join()
  }

  /** Name and start of every span that is open now. */
  eachOpen(found: (name: string, startNs: number) => void): void {
    this.reader.eachOpen((name, startNs) => found(this.strings[name] ?? '', startNs))
  }

  private block(records: number, spans: number): Block {
    this.countsInBlock = this.counts()
    const strings: Record<string, string> = {}
    for (const id of this.used) strings[id] = this.strings[id] ?? ''
    const counters: Record<string, number> = {}
    for (let i = 0; i < COUNTERS.length; i++) {
      const count = (this.reader.header[Header.counters + i] ?? 0) >>> 0
      if (count > 0) counters[COUNTERS[i] ?? ''] = count
    }
    const { header, thread } = this.reader
    const seq = header[Header.sequence] ?? 0
    header[Header.sequence] = seq + 1
    return { v: 1, thread, seq, n: records, spans, anchor: wallAnchor(), strings, counters, data: this.out.take() }
  }

  /** Copies what a block holds in runs; a record that must change ends a run. */
  private walk({ data, view }: Portion): { records: number; spans: number } {
    let records = 0
    let spans = 0
    let runStart = 0
    let at = 0
    const endRun = (): void => {
      if (at > runStart) this.out.add(data, runStart, at)
    }
    while (at < data.length) {
      const length = view.getUint32(at, true)
      if (length < 8 || at + length > data.length) break
      const type = data[at + 4] as number
      let replaced: Buffer | undefined | null = null
      switch (type) {
        case RecordType.span:
          records++
          spans++
          this.onSpan?.(
            this.strings[view.getUint32(at + SpanField.name, true)] ?? '',
            view.getFloat64(at + SpanField.endNs, true) - view.getFloat64(at + SpanField.startNs, true),
          )
          this.use(view.getUint32(at + SpanField.name, true))
          this.use(view.getUint32(at + SpanField.layer, true))
          this.use(view.getUint32(at + SpanField.integration, true))
          this.use(view.getUint32(at + SpanField.variant, true))
          if (this.needsRedaction(data, view, at + SpanField.attributes, view.getUint16(at + SpanField.attributeCount, true))) {
            replaced = redactRecord(
              data.subarray(at, at + length),
              SpanField.attributes,
              view.getUint16(at + SpanField.attributeCount, true),
              this.strings,
              this.redactor,
            )
          }
          break
        case RecordType.event:
          records++
          this.use(view.getUint32(at + 24, true))
          if (this.needsRedaction(data, view, at + 32, view.getUint32(at + 28, true))) {
            replaced = redactRecord(data.subarray(at, at + length), 32, view.getUint32(at + 28, true), this.strings, this.redactor)
          }
          break
        case RecordType.link:
          records++
          break
        case RecordType.fact:
          records++
          replaced = this.facts.rewrite(data.subarray(at, at + length))
          break
        case RecordType.log:
          records++
          replaced = logFact(data.subarray(at, at + length), this.strings, this.redactor)
          break
        case RecordType.payload:
          records++
          this.use(view.getUint16(at + 6, true))
          replaced = this.payloads.reference(data, at, this.strings[view.getUint16(at + 6, true)] ?? '')
          break
        case RecordType.string:
          this.define(view.getUint32(at + 8, true), data.utf8Slice(at + 16, at + 16 + view.getUint32(at + 12, true)))
          replaced = undefined
          break
        default:
          replaced = undefined
      }
      if (replaced === null) {
        at += length
        continue
      }
      endRun()
      if (replaced !== undefined) this.out.add(replaced, 0, replaced.length)
      at += length
      runStart = at
    }
    endRun()
    return { records, spans }
  }

  private define(id: number, text: string): void {
    this.strings[id] = this.redactor.redactText(text)
    this.isSecretKey[id] = this.redactor.redactAttribute(text, PROBE) !== PROBE
  }

  private use(id: number): void {
    if (id === 0 || this.usedIn[id] === this.generation) return
    this.usedIn[id] = this.generation
    this.used.push(id)
  }

  /** Marks the strings of the attributes; true when one of their texts holds something secret. */
  private needsRedaction(data: Buffer, view: DataView, from: number, count: number): boolean {
    let at = from
    let needed = false
    for (let i = 0; i < count; i++) {
      const key = view.getUint16(at, true)
      this.use(key)
      const type = data[at + 2] as number
      if (type === AttributeType.int) at += 7
      else if (type === AttributeType.interned) {
        this.use(view.getUint16(at + 3, true))
        if (this.isSecretKey[key] === true) needed = true
        at += 5
      } else if (type === AttributeType.float) at += 11
      else if (type === AttributeType.true || type === AttributeType.false) at += 3
      else {
        const end = at + 7 + view.getUint32(at + 3, true)
        if (!needed) needed = this.isSecretKey[key] === true || this.isSecretText(this.strings[key] ?? '', data, at + 7, end)
        at = end
      }
    }
    return needed
  }

  private isSecretText(key: string, data: Buffer, from: number, to: number): boolean {
    const text = data.utf8Slice(from, to)
    return this.redactor.redactAttribute(key, text) !== text
  }
}

/** The data of a block while it is put together. */
class Output {
  private bytes: Buffer
  private length = 0

  /** `expected`: bytes it will probably take. */
  constructor(expected: number) {
    this.bytes = Buffer.allocUnsafeSlow(expected)
  }

  add(from: Buffer, start: number, end: number): void {
    const length = this.length + end - start
    if (length > this.bytes.length) {
      const bytes = Buffer.allocUnsafeSlow(Math.max(length, this.bytes.length * 2))
      this.bytes.copy(bytes, 0, 0, this.length)
      this.bytes = bytes
    }
    from.copy(this.bytes, this.length, start, end)
    this.length = length
  }

  take(): Buffer {
    const { bytes, length } = this
    // Blocks wait as long as the disk refuses them: of payloads that became references they must not hold the room.
    if (length * 2 >= bytes.length) return bytes.subarray(0, length)
    const own = Buffer.allocUnsafeSlow(length)
    bytes.copy(own, 0, 0, length)
    return own
  }
}

const PROBE = 'x'

const NO_COUNTS = COUNTERS.map(() => 0).join()
