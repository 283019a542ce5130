import fs from 'node:fs'
import { FactKind } from '../core/layout.ts'
import type { Redactor } from '../semantics/redaction.ts'

const MAX_SOURCE_CHARS = 64 * 1024

/** Completes facts off the app thread: a variant gets its source text; every fact is redacted. */
export class FactWriter {
  private readonly redactor: Redactor

  constructor(redactor: Redactor) {
    this.redactor = redactor
  }

  /** The fact's record as it is stored. */
  rewrite(record: Buffer): Buffer {
    const kind = record.readUInt16LE(6)
    let text = record.utf8Slice(16, 16 + record.readUInt32LE(8))
    if (kind === FactKind.variant) text = withSource(text)
    return factRecord(kind, this.redactor.redactJson(text))
  }
}

/** The bytes of a fact record with this JSON text. */
export function factRecord(kind: number, text: string): Buffer {
  const bytes = Buffer.from(text)
  const record = Buffer.alloc((16 + bytes.length + 7) & ~7)
  record.writeUInt32LE(record.length, 0)
  record.writeUInt8(7, 4)
  record.writeUInt16LE(kind, 6)
  record.writeUInt32LE(bytes.length, 8)
  bytes.copy(record, 16)
  return record
}

/** The function's text as the user wrote it, by its offsets in the file; what the app ran is the fallback. */
function withSource(text: string): string {
  try {
    const fact = JSON.parse(text) as { file?: unknown; start?: unknown; end?: unknown; language?: unknown; source?: unknown }
    const { file, start, end } = fact
    if (typeof file === 'string' && typeof start === 'number' && typeof end === 'number' && fact.language !== 'compiled') {
      const source = fs.readFileSync(file, 'utf8').slice(start, end)
      if (source !== '') fact.source = source.slice(0, MAX_SOURCE_CHARS)
    }
    return JSON.stringify(fact)
  } catch {
    return text
  }
}
