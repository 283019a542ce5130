import { FactKind, LogFlag } from '../core/layout.ts'
import type { Redactor } from '../semantics/redaction.ts'
import { factRecord } from './facts.ts'

/** Fields that the record, its process or its span tell. */
const KNOWN_FIELDS = ['level', 'time', 'pid', 'hostname', 'v', 'trace_id', 'span_id', 'trace_flags']
/** Colours that a format has put into a message. */
const ESCAPES = /\u001b\[[0-9;]*m/g

/** The fact that a log record of the ring becomes: redacted, the whole line taken apart into its fields. */
export function logFact(record: Buffer, strings: readonly string[], redactor: Redactor): Buffer {
  const flags = record.readUInt8(5)
  const textEnd = 48 + record.readUInt32LE(40)
  const end = textEnd + record.readUInt32LE(44)
  const message = redactor.redactText(record.utf8Slice(48, textEnd).replaceAll(ESCAPES, ''))
  const fields = end === textEnd ? undefined : fieldsOf(redactor.redactJson(record.utf8Slice(textEnd, end)), message)
  const spanId = hex64(record, 8)
  return factRecord(
    FactKind.log,
    JSON.stringify({
      t: record.readDoubleLE(32),
      level: strings[record.readUInt16LE(6)] ?? '',
      message,
      ...(spanId === NONE ? {} : { spanId, traceId: hex64(record, 16) + hex64(record, 24) }),
      ...((flags & LogFlag.cut) === 0 ? {} : { cut: true }),
      ...(fields === undefined ? {} : { attributes: fields }),
    }),
  )
}

function fieldsOf(json: string, message: string): object | undefined {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return { line: json }
  }
  if (typeof value !== 'object' || value === null) return { line: value }
  const fields: Record<string, unknown> = { ...value }
  for (const name of KNOWN_FIELDS) delete fields[name]
  for (const [name, field] of Object.entries(fields)) {
    if (typeof field === 'string' && field.replaceAll(ESCAPES, '') === message) delete fields[name]
  }
  return Object.keys(fields).length === 0 ? undefined : fields
}

const NONE = '0'.repeat(16)

function hex64(record: Buffer, at: number): string {
  return record.readBigUInt64LE(at).toString(16).padStart(16, '0')
}
