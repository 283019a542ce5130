import type { AttributeValue, Attributes } from './integration.ts'
import { AttributeType } from './layout.ts'
import { MAX_SPAN_BYTES } from './ring.ts'
import type { Ring } from './ring.ts'

// Writes attributes straight into the ring: no copy, no JSON except for arrays.

const MAX_ATTRIBUTES = 128
const MAX_TEXT_BYTES = 8192
/** Longest text that is tried as an interned string: keys of low-cardinality values only. */
const keyIds = new Int32Array(MAX_ATTRIBUTES)
const valueIds = new Int32Array(MAX_ATTRIBUTES)

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

/**
 * Interns keys (and repeating values) of up to three attribute sets; must run before the record's room is reserved,
 * because defining a string writes a record of its own. Returns how many attributes there are.
 */
export function prepareAttributes(ring: Ring, first: Attributes | null, second: Attributes | null, third: Attributes | null): number {
  let count = 0
  if (first !== null) count = prepare(ring, first, count)
  if (second !== null) count = prepare(ring, second, count)
  if (third !== null) count = prepare(ring, third, count)
  return count
}

function prepare(ring: Ring, attributes: Attributes, from: number): number {
  let count = from
  for (const key in attributes) {
    const value = attributes[key]
    if (value === undefined || value === null) continue
    if (count >= attributeLimits.count) {
      ring.count('attributes_dropped')
      continue
    }
    keyIds[count] = ring.intern(key)
    valueIds[count] = typeof value === 'string' && value.length <= 256 && REPEATING.has(key) ? ring.intern(value) : 0
    count++
  }
  return count
}

/** Writes the prepared attributes at `at`; returns the offset behind them. `limit` is the end of the record's room. */
export function writeAttributes(
  ring: Ring,
  at: number,
  limit: number,
  first: Attributes | null,
  second: Attributes | null,
  third: Attributes | null,
): number {
  index = 0
  written = 0
  let offset = at
  if (first !== null) offset = write(ring, offset, limit, first)
  if (second !== null) offset = write(ring, offset, limit, second)
  if (third !== null) offset = write(ring, offset, limit, third)
  return offset
}

/** How many attributes the last `writeAttributes` wrote. */
export function attributesWritten(): number {
  return written
}

let index = 0
let written = 0

function write(ring: Ring, at: number, limit: number, attributes: Attributes): number {
  let offset = at
  const { view } = ring
  for (const key in attributes) {
    const value = attributes[key]
    if (value === undefined || value === null) continue
    if (index >= attributeLimits.count) break
    const keyId = keyIds[index] ?? 0
    const valueId = valueIds[index] ?? 0
    index++
    if (keyId === 0 || offset + 16 > limit) {
      ring.count('attributes_dropped')
      continue
    }
    view.setUint16(offset, keyId, true)
    if (valueId !== 0) {
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
  let bytes: number
  if (text.length <= 24 && text.length <= room) {
    bytes = writeShortAscii(ring.bytes, text, start)
    if (bytes < 0) bytes = ring.bytes.utf8Write(text, start, room)
  } else {
    bytes = ring.bytes.utf8Write(text, start, room)
  }
  // utf8Write stops before a character that does not fit whole: fewer bytes than characters, or a full room, is a cut.
  const cut = bytes < text.length || (bytes > room - 4 && Buffer.byteLength(text) > bytes)
  if (cut) ring.count('attributes_truncated')
  if (cut && type === AttributeType.json) {
    ring.count('attributes_dropped')
    return writeText(ring, offset, limit, '[]', AttributeType.json)
  }
  ring.view.setUint8(offset + 2, cut ? AttributeType.cutText : type)
  ring.view.setUint32(offset + 3, bytes, true)
  return start + bytes
}

/** Writes a short ASCII text; −1 when it holds anything else. A native write costs about as much as 24 characters here. */
function writeShortAscii(bytes: Buffer, text: string, at: number): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return -1
    bytes[at + i] = code
  }
  return text.length
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
