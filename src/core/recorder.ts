import { nowNs } from './clock.ts'
import { switchObserver } from './context.ts'
import { ATTRIBUTE_ROOM, attributesWritten, defineAttributes, writeAttributes, writeNumber, writeUtf8 } from './encode.ts'
import { errorMessage, errorType } from './error-facts.ts'
import { hex32, nextSpanLow, random32, spanHigh } from './ids.ts'
import type { Attributes, LogLine, Payload, SpanKind } from './integration.ts'
import { FactKind, LogFlag, PayloadFlag, RecordType, SpanField, SpanFlag, SpanKindCode, StatusCode } from './layout.ts'
import { boundedText, ownText } from './payload.ts'
import type { Ring, Trace } from './ring.ts'
import { Span } from './span.ts'
import { formatsStacksAsAtStart } from './stack-format.ts'

export interface RecorderSettings {
  /** Characters of a payload that are handed to the writer (for its hash, and for its text when capture is on). */
  payloadChars: number
  /** Flag set on spans: what capture was on. */
  captureFlag: number
  /** Probability that a new trace is recorded, 0 … 1. */
  sampleRate: number
  /** Lines of logs a second that are kept; the rest is counted. */
  logLimit?: number
  /** The span, of another thread or process, in which this thread or process was started: the parent of its roots. */
  origin?: (() => RemoteContext | undefined) | undefined
}

/** Where a span belongs when its parent is in another process. */
export interface RemoteContext {
  trace: Trace
  parentHigh: number
  parentLow: number
  sampled: boolean
}

/** True where `span` is an open AI call, or part of one. */
export function isAiCall(span: Span): boolean {
  return span.layer === 'ai' ? !span.ended : span.isInAiCall
}

/** Writes spans and what belongs to them into the ring of this thread. Nothing here throws for want of room: it counts. */
export class Recorder {
  readonly ring: Ring
  /** Is told of every span that ends; set only while somebody wants to know. */
  onEnd: ((span: Span) => void) | undefined
  private readonly settings: RecorderSettings
  private logSecondNs = 0
  private logsInSecond = 0

  constructor(ring: Ring, settings: RecorderSettings) {
    this.ring = ring
    this.settings = settings
  }

  /** Opens a span under `parent` (or as a root, or under a remote parent). */
  start(
    name: string,
    layer: string,
    integration: string,
    kind: SpanKind | undefined,
    attributes: Attributes | undefined,
    parent: Span | undefined,
    remote?: RemoteContext,
  ): Span {
    const startNs = nowNs()
    let trace: Trace
    let parentHigh = 0
    let parentLow = 0
    let weight: number
    let flags = this.settings.captureFlag
    if (remote !== undefined) {
      ;({ trace, parentHigh, parentLow } = remote)
      weight = remote.sampled ? 1 : this.rootWeight()
      flags |= SpanFlag.remoteParent | SpanFlag.root
    } else if (parent !== undefined) {
      ;({ trace, weight } = parent)
      parentHigh = parent.idHigh
      parentLow = parent.idLow
    } else {
      const origin = this.settings.origin === undefined || isOwnTrace(kind) ? undefined : this.settings.origin()
      if (origin === undefined) {
        trace = { a: random32(), b: random32(), c: random32(), d: random32() | 1 }
        weight = this.rootWeight()
        flags |= SpanFlag.root
      } else {
        ;({ trace, parentHigh, parentLow } = origin)
        weight = origin.sampled ? this.sampledWeight() : 0
        flags |= SpanFlag.remoteParent
      }
    }
    const kindCode = codeOf(kind)
    const span = new Span(
      spanHigh(startNs),
      nextSpanLow(),
      parentHigh,
      parentLow,
      trace,
      startNs,
      name,
      layer,
      integration,
      kindCode,
      flags,
      weight,
      attributes ?? null,
    )
    if (parent !== undefined) span.isInAiCall = layer !== 'tool' && isAiCall(parent)
    if (weight > 0) {
      const { ring } = this
      span.nameId = ring.intern(name)
      span.layerId = ring.internRepeated(layer)
      span.slot = ring.openSlot(span)
    }
    return span
  }

  /** Stands for a span of another thread, as the context of what is done for it here. */
  elsewhere({ trace, parentHigh, parentLow, sampled }: RemoteContext): Span {
    const weight = sampled ? this.sampledWeight() : 0
    const span = new Span(parentHigh, parentLow, 0, 0, trace, nowNs(), '', '', '', 0, this.settings.captureFlag, weight, null)
    span.ended = true
    span.isElsewhere = true
    return span
  }

  /** Ends a span once and writes its record; later calls are ignored. */
  end(span: Span, isError: boolean, endAttributes?: Attributes): void {
    if (span.ended) return
    span.ended = true
    const { ring } = this
    ring.closeSlot(span.slot)
    const endNs = nowNs()
    const cpuMs = switchObserver === undefined ? -1 : switchObserver.ending(span, endNs)
    const { attributes, notes } = span
    span.attributes = null
    span.notes = null
    if (span.weight <= 0) return
    const integration = ring.internRepeated(span.integration)
    const variant = span.variant === '' ? 0 : ring.intern(span.variant)
    const end = endAttributes ?? null
    const cpuKey = cpuMs < 0 ? 0 : ring.intern(SELF_CPU)
    const room = SpanField.attributes + ATTRIBUTE_ROOM
    let at = ring.reserve(room, false)
    let offset = at < 0 ? at : writeAttributes(ring, at + SpanField.attributes, at + room, attributes, notes, end, false)
    if (offset < 0 && at >= 0) {
      defineAttributes(ring, attributes, notes, end)
      at = ring.reserve(room, false)
      if (at >= 0) offset = writeAttributes(ring, at + SpanField.attributes, at + room, attributes, notes, end, true)
    }
    if (at < 0) {
      ring.count('spans_dropped')
      return
    }
    const { view } = ring
    writeSpanIds(ring, at, span)
    view.setUint8(at + 4, RecordType.span)
    view.setUint8(at + SpanField.flags, span.flags)
    view.setUint8(at + SpanField.kind, span.kind)
    view.setUint8(at + SpanField.status, isError ? StatusCode.error : StatusCode.unset)
    view.setFloat64(at + SpanField.startNs, span.startNs, true)
    view.setFloat64(at + SpanField.endNs, endNs, true)
    view.setUint32(at + SpanField.name, span.nameId, true)
    view.setUint32(at + SpanField.layer, span.layerId, true)
    view.setUint32(at + SpanField.integration, integration, true)
    view.setUint32(at + SpanField.variant, variant, true)
    view.setFloat32(at + SpanField.weight, span.weight, true)
    // Not by way of an object: this is paid for every span while the CPU is profiled.
    if (cpuKey !== 0) offset = writeNumber(ring, offset, at + room, cpuKey, cpuMs)
    view.setUint16(at + SpanField.attributeCount, attributesWritten(), true)
    view.setUint16(at + SpanField.attributeCount + 2, 0, true)
    // Counted first: at exit, every commit is stored at once, with the counters of that moment.
    ring.countSpan()
    ring.commit(at, offset)
    if (this.onEnd !== undefined) this.onEnd(span)
  }

  /** Gives an open span another name (a route that is known only at the end). */
  rename(span: Span, name: string): void {
    if (span.ended || span.name === name) return
    span.name = name
    if (span.weight > 0) span.nameId = this.ring.intern(name)
  }

  /** Adds attributes to an open span. */
  note(span: Span, attributes: Attributes): void {
    if (span.ended || span.weight <= 0) return
    if (span.notes === null) span.notes = { ...attributes }
    else Object.assign(span.notes, attributes)
  }

  /** Records an event of a span (an exception, a chunk of interest). */
  event(span: Span, name: string, attributes: Attributes): void {
    if (span.weight <= 0) return
    const { ring } = this
    const nameId = ring.intern(name)
    defineAttributes(ring, attributes, null, null)
    const at = ring.reserve(32 + ATTRIBUTE_ROOM, false)
    if (at < 0) {
      ring.count('events_dropped')
      return
    }
    const { view } = ring
    view.setUint32(at + 4, RecordType.event, true)
    view.setInt32(at + 8, span.idLow, true)
    view.setInt32(at + 12, span.idHigh, true)
    view.setFloat64(at + 16, nowNs(), true)
    view.setUint32(at + 24, nameId, true)
    const offset = writeAttributes(ring, at + 32, at + 32 + ATTRIBUTE_ROOM, attributes, null, null, true)
    view.setUint32(at + 28, attributesWritten(), true)
    ring.commit(at, offset)
  }

  /** Records what was thrown: its class, message and stack as text; the object itself is not kept. */
  exception(span: Span, error: unknown, message?: string): void {
    if (span.weight <= 0) return
    const isObject = typeof error === 'object' && error !== null
    this.event(span, 'exception', {
      'exception.type': errorType(error),
      'exception.message': message !== undefined ? message : isObject ? errorMessage(error) : typeof error === 'string' ? error : undefined,
      'exception.stacktrace': isObject ? stackFrames(error) : undefined,
    })
  }

  /** Links a span to another one, possibly of another trace. */
  link(span: Span, trace: Trace, linkedHigh: number, linkedLow: number): void {
    if (span.weight <= 0) return
    const { ring } = this
    const at = ring.reserve(40, false)
    if (at < 0) {
      ring.count('events_dropped')
      return
    }
    const { view } = ring
    view.setUint32(at + 4, RecordType.link, true)
    view.setInt32(at + 8, span.idLow, true)
    view.setInt32(at + 12, span.idHigh, true)
    view.setInt32(at + 16, trace.b, true)
    view.setInt32(at + 20, trace.a, true)
    view.setInt32(at + 24, trace.d, true)
    view.setInt32(at + 28, trace.c, true)
    view.setInt32(at + 32, linkedLow, true)
    view.setInt32(at + 36, linkedHigh, true)
    ring.commit(at, at + 40)
  }

  /** Hands a payload to the writer, which keeps its size and keyed hash and, with capture on, its redacted text. */
  payload(span: Span, payload: Payload): void {
    if (span.weight <= 0 || payload.value === undefined) return
    const { value } = payload
    if (value instanceof Uint8Array) {
      this.payloadBytes(span, payload.role, value)
      return
    }
    const { ring } = this
    const { text, cut, json } = boundedText(value, this.settings.payloadChars)
    const at = this.reservePayload(payload.role, text.length * 3)
    if (at < 0) return
    const bytes = writeUtf8(ring.bytes, text, at + 32, text.length * 3)
    this.commitPayload(span, at, bytes, cut ? (typeof value === 'string' ? value.length : -1) : bytes, cut, json)
  }

  private payloadBytes(span: Span, role: string, value: Uint8Array): void {
    const kept = Math.min(value.length, this.settings.payloadChars)
    const at = this.reservePayload(role, kept)
    if (at < 0) return
    const isCut = kept < value.length
    this.ring.bytes.set(isCut ? value.subarray(0, kept) : value, at + 32)
    this.commitPayload(span, at, kept, value.length, isCut, value[0] === 0x7b || value[0] === 0x5b)
  }

  /** Room for a payload of up to `most` bytes, its role noted; −1, and counted, when there is none. */
  private reservePayload(role: string, most: number): number {
    const { ring } = this
    const roleId = ring.intern(role)
    const room = (32 + most + 7) & ~7
    const at = roleId === 0 || room > ring.capacity / 4 ? -1 : ring.reserve(room, false)
    if (at < 0) ring.count('payloads_dropped')
    else ring.view.setUint16(at + 6, roleId, true)
    return at
  }

  private commitPayload(span: Span, at: number, bytes: number, size: number, isCut: boolean, isJson: boolean): void {
    const { ring } = this
    const { view } = ring
    if (isCut) ring.count('payloads_truncated')
    view.setUint8(at + 4, RecordType.payload)
    view.setUint8(at + 5, 0)
    view.setInt32(at + 8, span.idLow, true)
    view.setInt32(at + 12, span.idHigh, true)
    view.setFloat64(at + 16, size, true)
    view.setUint32(at + 24, (isCut ? PayloadFlag.cut : 0) | (isJson ? PayloadFlag.json : PayloadFlag.text), true)
    view.setUint32(at + 28, bytes, true)
    ring.commit(at, at + 32 + bytes)
  }

  /** Hands a line of a log to the writer, with the span in which it was written. Lines beyond the limit of a second are counted only. */
  log(span: Span | undefined, { level, message = '', fields }: LogLine): void {
    if (span !== undefined && span.weight <= 0) return
    const { ring } = this
    const timeNs = nowNs()
    if (timeNs - this.logSecondNs >= 1e9) {
      this.logSecondNs = timeNs
      this.logsInSecond = 0
    }
    if (this.logsInSecond >= (this.settings.logLimit ?? Infinity)) return ring.count('logs_limited')
    this.logsInSecond++
    const levelId = ring.intern(level.length > 64 ? level.slice(0, 64) : level)
    const text = message.length > MAX_LOG_CHARS ? message.slice(0, MAX_LOG_CHARS) : message
    const more = fields === undefined ? NO_FIELDS : boundedText(fields, MAX_LOG_CHARS)
    const most = (56 + (text.length + more.text.length) * 3) & ~7
    // Half of the ring stays free: a flood of lines must not cost spans.
    const at = ring.hasHalf() ? ring.reserve(most, false) : -1
    if (at < 0) return ring.count('logs_dropped')
    const { view, bytes } = ring
    const textBytes = bytes.utf8Write(text, at + 48, text.length * 3)
    const moreBytes = bytes.utf8Write(more.text, at + 48 + textBytes, more.text.length * 3)
    view.setUint8(at + 4, RecordType.log)
    view.setUint8(at + 5, text !== message || more.cut ? LogFlag.cut : 0)
    view.setUint16(at + 6, levelId, true)
    if (span === undefined) bytes.fill(0, at + 8, at + 32)
    else {
      const { trace } = span
      view.setInt32(at + 8, span.idLow, true)
      view.setInt32(at + 12, span.idHigh, true)
      view.setInt32(at + 16, trace.b, true)
      view.setInt32(at + 20, trace.a, true)
      view.setInt32(at + 24, trace.d, true)
      view.setInt32(at + 28, trace.c, true)
    }
    view.setFloat64(at + 32, timeNs, true)
    view.setUint32(at + 40, textBytes, true)
    view.setUint32(at + 44, moreBytes, true)
    ring.commit(at, at + 48 + textBytes + moreBytes)
  }

  /** Records a fact about the process: a variant, a package, a fault. Facts may use the ring's reserve. */
  fact(kind: keyof typeof FactKind, fact: object): void {
    this.factText(kind, JSON.stringify(fact))
  }

  /** As `fact`, for one that is JSON already. */
  factText(kind: keyof typeof FactKind, text: string): void {
    const { ring } = this
    const most = (16 + text.length * 3 + 7) & ~7
    const at = most > ring.capacity / 4 ? -1 : ring.reserve(most, true)
    if (at < 0) {
      ring.count('facts_dropped')
      return
    }
    const { view } = ring
    const bytes = ring.bytes.utf8Write(text, at + 16, text.length * 3)
    view.setUint8(at + 4, RecordType.fact)
    view.setUint8(at + 5, 0)
    view.setUint16(at + 6, FactKind[kind], true)
    view.setUint32(at + 8, bytes, true)
    ring.commit(at, at + 16 + bytes)
  }

  private sampledWeight(): number {
    const { sampleRate } = this.settings
    return sampleRate > 0 && sampleRate < 1 ? 1 / sampleRate : 1
  }

  private rootWeight(): number {
    const { sampleRate } = this.settings
    if (sampleRate >= 1) return 1
    return (random32() >>> 0) / 4_294_967_296 < sampleRate ? 1 / sampleRate : 0
  }
}

const SELF_CPU = 'perf.cpu.self_ms'
const MAX_LOG_CHARS = 8192
const NO_FIELDS = { text: '', cut: false }

// A keyed look-up that sees several keys costs more than the comparisons.
function codeOf(kind: SpanKind | undefined): number {
  if (kind === undefined) return SpanKindCode.internal
  if (kind === 'client') return SpanKindCode.client
  return kind === 'server' ? SpanKindCode.server : SpanKindCode[kind]
}

/** What comes in from outside begins a trace of its own, wherever its server was started. */
function isOwnTrace(kind: SpanKind | undefined): boolean {
  return kind === 'server' || kind === 'consumer'
}

/** W3C `traceparent` of a span. */
export function traceparentOf(span: Span): string {
  const { a, b, c, d } = span.trace
  return `00-${hex32(a)}${hex32(b)}${hex32(c)}${hex32(d)}-${hex32(span.idHigh)}${hex32(span.idLow)}-0${span.weight > 0 ? '1' : '0'}`
}

const MAX_STACK_CHARS = 4000

/** V8's own getter of `stack`, where it is an accessor (newer V8); any other getter is the app's and is not run. */
const v8StackGetter = Object.getOwnPropertyDescriptor(new Error('probe'), 'stack')?.get

/** Frames only: the first lines of a stack repeat the message. Nothing is read when the app formats stacks itself. */
function stackFrames(error: object): string | undefined {
  if (!formatsStacksAsAtStart()) return undefined
  const getter = Object.getOwnPropertyDescriptor(error, 'stack')?.get
  const stack: unknown = getter !== undefined && getter === v8StackGetter ? getter.call(error) : ownText(error, 'stack')
  if (typeof stack !== 'string' || stack === '') return undefined
  // The message stands above the frames, and may hold lines that look like them.
  const message = ownText(error, 'message') ?? ''
  const end = message === '' ? -1 : stack.indexOf(message)
  const frames = end < 0 ? stack : stack.slice(end + message.length)
  const from = frames.search(/^\s+at /m)
  return from < 0 ? undefined : frames.slice(from, from + MAX_STACK_CHARS)
}

function writeSpanIds(ring: Ring, at: number, span: Span): void {
  const { view } = ring
  const { trace } = span
  view.setInt32(at + SpanField.spanId, span.idLow, true)
  view.setInt32(at + SpanField.spanId + 4, span.idHigh, true)
  view.setInt32(at + SpanField.parentId, span.parentLow, true)
  view.setInt32(at + SpanField.parentId + 4, span.parentHigh, true)
  view.setInt32(at + SpanField.traceHigh, trace.b, true)
  view.setInt32(at + SpanField.traceHigh + 4, trace.a, true)
  view.setInt32(at + SpanField.traceLow, trace.d, true)
  view.setInt32(at + SpanField.traceLow + 4, trace.c, true)
}
