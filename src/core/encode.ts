import type { AttributeValue, Attributes } from './integration.ts'
import { AttributeType } from './layout.ts'
import { MAX_SPAN_BYTES } from './ring.ts'
import type { Ring } from './ring.ts'
import { ENCODED, type Shared } from './shared-attributes.ts'

// Writes attributes straight into the ring: no copy, no JSON except for arrays.

const MAX_ATTRIBUTES = 128
const MAX_TEXT_BYTES = 8192
/** Longer values are never interned. */
const MAX_REPEATING = 256
/** Keys whose values repeat so much that they are stored as string ids. */
const REPEATING = new Set([
  'http.request.method',
  'http.route',
  'url.scheme',
  'url.template',
  'server.address',
  'network.protocol.version',
  'db.system.name',
  'db.namespace',
  'db.operation.name',
  'db.collection.name',
  'db.query.summary',
  'db.query.text',
  'gen_ai.operation.name',
  'gen_ai.provider.name',
  'gen_ai.request.model',
  'gen_ai.response.model',
  'gen_ai.tool.name',
  'error.type',
  'code.function.name',
  'code.file.path',
  'perf.stream.end',
])

export interface AttributeLimits {
  count: number
  textBytes: number
}
export const attributeLimits: AttributeLimits = { count: MAX_ATTRIBUTES, textBytes: MAX_TEXT_BYTES }

/** Longer attributes are encoded each time. */
const MAX_ENCODED = 2048

/** Interns keys and repeating values of up to three attribute sets. Defining a string writes a record of its own: no room may be reserved. */
export function defineAttributes(ring: Ring, first: Attributes | null, second: Attributes | null, third: Attributes | null): void {
  if (first !== null) define(ring, first)
  if (second !== null) define(ring, second)
  if (third !== null) define(ring, third)
}

function define(ring: Ring, attributes: Attributes): void {
  for (const key in attributes) {
    const value = attributes[key]
    if (value === undefined || value === null) continue
    const keyId = ring.intern(key)
    if (keyId === 0) continue
    const repeats = REPEATING.has(key)
    ring.keys.set(key, repeats ? -keyId : keyId)
    if (repeats && typeof value === 'string' && value.length <= MAX_REPEATING) ring.intern(value)
  }
}

/**
 * Writes attributes at `at`; returns the offset behind them, or −1 where a string has no id yet: define them, reserve anew, and write with
 * `isDefined`. `limit` is the end of the record's room.
 */
export function writeAttributes(
  ring: Ring,
  at: number,
  limit: number,
  first: Attributes | null,
  second: Attributes | null,
  third: Attributes | null,
  isDefined: boolean,
): number {
  written = 0
  dropped = 0
  truncated = 0
  let offset = at
  if (first !== null) offset = write(ring, offset, limit, first, isDefined)
  if (second !== null && offset >= 0) offset = write(ring, offset, limit, second, isDefined)
  if (third !== null && offset >= 0) offset = write(ring, offset, limit, third, isDefined)
  if (offset < 0) return offset
  if (dropped > 0) ring.count('attributes_dropped', dropped)
  if (truncated > 0) ring.count('attributes_truncated', truncated)
  return offset
}

/** Writes one more attribute, behind those of `writeAttributes`, whose key is interned already. */
export function writeNumber(ring: Ring, at: number, limit: number, keyId: number, value: number): number {
  if (written >= attributeLimits.count || at + 16 > limit) {
    ring.count('attributes_dropped')
    return at
  }
  written++
  ring.view.setUint16(at, keyId, true)
  return writeValue(ring, at, limit, value)
}

/** How many attributes the last `writeAttributes` wrote, and `writeNumber` since. */
export function attributesWritten(): number {
  return written
}

let written = 0
let dropped = 0
let truncated = 0

function write(ring: Ring, at: number, limit: number, attributes: Attributes, isDefined: boolean): number {
  const encoded = (attributes as Shared<Ring>)[ENCODED]
  if (encoded === undefined) return writeEach(ring, at, limit, attributes, isDefined)
  if (encoded.ring === ring && written + encoded.count <= attributeLimits.count && at + encoded.bytes.length <= limit) {
    ring.bytes.set(encoded.bytes, at)
    written += encoded.count
    return at + encoded.bytes.length
  }
  const writtenBefore = written
  const leftOut = dropped + truncated
  const offset = writeEach(ring, at, limit, attributes, isDefined)
  if (offset >= 0 && dropped + truncated === leftOut && offset - at <= MAX_ENCODED) {
    encoded.bytes = Uint8Array.from(ring.bytes.subarray(at, offset))
    encoded.count = written - writtenBefore
    encoded.ring = ring
  }
  return offset
}

function writeEach(ring: Ring, at: number, limit: number, attributes: Attributes, isDefined: boolean): number {
  let offset = at
  const { view, keys } = ring
  for (const key in attributes) {
    const value = attributes[key]
    if (value === undefined || value === null) continue
    const known = keys.get(key)
    if (known === undefined && !isDefined) return -1
    if (known === undefined || written >= attributeLimits.count || offset + 16 > limit) {
      dropped++
      continue
    }
    let valueId: number | undefined = 0
    if (known < 0 && typeof value === 'string' && value.length <= MAX_REPEATING) {
      valueId = ring.idOf(value)
      if (valueId === undefined && !isDefined) return -1
    }
    view.setUint16(offset, known < 0 ? -known : known, true)
    if (valueId !== undefined && valueId !== 0) {
      view.setUint8(offset + 2, AttributeType.interned)
      view.setUint16(offset + 3, valueId, true)
      offset += 5
    } else {
      offset = writeValue(ring, offset, limit, value)
    }
    written++
  }
  return offset
}

function writeValue(ring: Ring, offset: number, limit: number, value: Exclude<AttributeValue, undefined>): number {
  const { view } = ring
  switch (typeof value) {
    case 'number':
      if ((value | 0) === value) {
        view.setUint8(offset + 2, AttributeType.int)
        view.setInt32(offset + 3, value, true)
        return offset + 7
      }
      view.setUint8(offset + 2, AttributeType.float)
      view.setFloat64(offset + 3, value, true)
      return offset + 11
    case 'boolean':
      view.setUint8(offset + 2, value ? AttributeType.true : AttributeType.false)
      return offset + 3
    case 'string':
      return writeText(ring, offset, limit, value, AttributeType.text)
    default:
      return writeText(ring, offset, limit, safeJson(value), AttributeType.json)
  }
}

function writeText(ring: Ring, offset: number, limit: number, text: string, type: number): number {
  const room = Math.min(limit - offset - 8, attributeLimits.textBytes)
  const start = offset + 7
  const bytes = writeUtf8(ring.bytes, text, start, room)
  // utf8Write stops before a character that does not fit whole: fewer bytes than characters, or a full room, is a cut.
  const cut = bytes < text.length || (bytes > room - 4 && Buffer.byteLength(text) > bytes)
  if (cut) truncated++
  if (cut && type === AttributeType.json) {
    dropped++
    return writeText(ring, offset, limit, '[]', AttributeType.json)
  }
  ring.view.setUint8(offset + 2, cut ? AttributeType.cutText : type)
  ring.view.setUint32(offset + 3, bytes, true)
  return start + bytes
}

/** Writes as much of `text` as `room` bytes hold, and returns how many it took. A native write costs about as much as 24 characters here. */
export function writeUtf8(bytes: Buffer, text: string, at: number, room: number): number {
  const { length } = text
  if (length > 24 || length > room) return bytes.utf8Write(text, at, room)
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return bytes.utf8Write(text, at, room)
    bytes[at + i] = code
  }
  return length
}

function safeJson(value: readonly (string | number | boolean)[]): string {
  try {
    return JSON.stringify(value) ?? '[]'
  } catch {
    return '[]'
  }
}

/** Room a record may need for its attributes. */
export const ATTRIBUTE_ROOM = MAX_SPAN_BYTES - 96
