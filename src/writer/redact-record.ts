import { AttributeType } from '../core/layout.ts'
import type { Redactor } from '../semantics/redaction.ts'

/** A copy of a record with the text of its attributes redacted; `from` is where its attributes begin. */
export function redactRecord(record: Buffer, from: number, count: number, strings: readonly string[], redactor: Redactor): Buffer {
  const parts: Buffer[] = [Buffer.from(record.subarray(0, from))]
  let at = from
  for (let i = 0; i < count; i++) {
    const start = at
    const key = strings[record.readUInt16LE(at)] ?? ''
    const type = record[at + 2]
    at += attributeBytes(record, at)
    if (type === AttributeType.text || type === AttributeType.cutText || type === AttributeType.json) {
      parts.push(redactText(record, start, at, key, type, redactor))
    } else if (type === AttributeType.interned && redactor.redactAttribute(key, 'x') !== 'x') {
      parts.push(textAttribute(record, start, AttributeType.text, redactor.redactAttribute(key, 'x')))
    } else {
      parts.push(record.subarray(start, at))
    }
  }
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const padding = ((length + 7) & ~7) - length
  if (padding > 0) parts.push(Buffer.alloc(padding))
  const result = Buffer.concat(parts)
  result.writeUInt32LE(result.length, 0)
  return result
}

function redactText(record: Buffer, start: number, end: number, key: string, type: number, redactor: Redactor): Buffer {
  const text = record.utf8Slice(start + 7, end)
  const redacted = redactor.redactAttribute(key, text)
  if (redacted === text) return record.subarray(start, end)
  return textAttribute(record, start, type === AttributeType.json ? AttributeType.text : type, redacted)
}

function textAttribute(record: Buffer, start: number, type: number, text: string): Buffer {
  const bytes = Buffer.from(text)
  const head = Buffer.alloc(7)
  record.copy(head, 0, start, start + 2)
  head.writeUInt8(type, 2)
  head.writeUInt32LE(bytes.length, 3)
  return Buffer.concat([head, bytes])
}

function attributeBytes(record: Buffer, at: number): number {
  switch (record[at + 2]) {
    case AttributeType.float:
      return 11
    case AttributeType.true:
    case AttributeType.false:
      return 3
    case AttributeType.interned:
      return 5
    case AttributeType.int:
      return 7
    default:
      return 7 + record.readUInt32LE(at + 3)
  }
}
