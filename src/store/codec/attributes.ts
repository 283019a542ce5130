import { AttributeType } from '../../core/layout.ts'

export type AttributeJson = string | number | boolean | null | unknown[] | Record<string, unknown>

// Which key ids the record at hand has used: a stamp instead of clearing 64 K entries for every record.
const seen = new Uint32Array(65_536)
let stamp = 0

/** Reads the packed attributes of the records of one block; keys and interned values are looked up in its string table. */
export class AttributeReader {
  /** Attributes of a type this version does not know: reading of that record's attributes ended there. */
  unknown = 0
  /** Records whose attributes run past their end. */
  damaged = 0
  readonly #bytes: Buffer
  readonly #view: DataView
  readonly #strings: Record<string, string>
  readonly #quoted = new Map<number, string>()

  constructor(data: Buffer, view: DataView, strings: Record<string, string>) {
    this.#bytes = data
    this.#view = view
    this.#strings = strings
  }

  /** The attributes as JSON text, `''` when there are none: no object in between (half of the time of sync would go there). */
  json(at: number, count: number, end: number): string {
    let text = ''
    let cut = ''
    let repeated = false
    stamp++
    this.#each(at, count, end, (key, type, from, to) => {
      if (seen[key] === stamp) repeated = true
      seen[key] = stamp
      text += text === '' ? '{' : ','
      text += `${this.#quote(key)}:${this.#valueJson(type, from, to)}`
      if (type === AttributeType.cutText) cut += (cut === '' ? '' : ',') + this.#quote(key)
    })
    if (cut !== '') text += `,"perf.truncated":[${cut}]`
    if (text === '') return ''
    // A key written twice: the later one wins, as in an object.
    return repeated ? JSON.stringify(JSON.parse(`${text}}`)) : `${text}}`
  }

  /** The attributes as an object; cut values are listed under `perf.truncated`. */
  object(at: number, count: number, end: number): Record<string, AttributeJson> {
    const text = this.json(at, count, end)
    return text === '' ? {} : (JSON.parse(text) as Record<string, AttributeJson>)
  }

  #each(start: number, count: number, end: number, visit: (key: number, type: number, from: number, to: number) => void): void {
    let at = start
    for (let i = 0; i < count; i++) {
      if (at + 3 > end) return void this.damaged++
      const key = this.#view.getUint16(at, true)
      const type = this.#view.getUint8(at + 2)
      at += 3
      let size = 0
      if (type === AttributeType.float) size = 8
      else if (type === AttributeType.int) size = 4
      else if (type === AttributeType.interned) size = 2
      else if (type === AttributeType.text || type === AttributeType.json || type === AttributeType.cutText) {
        if (at + 4 > end) return void this.damaged++
        size = this.#view.getUint32(at, true)
        at += 4
      } else if (type !== AttributeType.true && type !== AttributeType.false) return void this.unknown++
      if (at + size > end) return void this.damaged++
      visit(key, type, at, at + size)
      at += size
    }
  }

  #valueJson(type: number, from: number, to: number): string {
    switch (type) {
      case AttributeType.float: {
        const value = this.#view.getFloat64(from, true)
        return Number.isFinite(value) ? String(value) : `"${value}"`
      }
      case AttributeType.true:
        return 'true'
      case AttributeType.false:
        return 'false'
      case AttributeType.interned:
        return this.#quote(this.#view.getUint16(from, true))
      case AttributeType.int:
        return String(this.#view.getInt32(from, true))
      case AttributeType.json:
        return validJson(this.#bytes.toString('utf8', from, to))
      default:
        return quoteText(this.#bytes.toString('utf8', from, to))
    }
  }

  #quote(id: number): string {
    let quoted = this.#quoted.get(id)
    if (quoted === undefined) {
      quoted = quoteText(this.#strings[id] ?? `#${id}`)
      this.#quoted.set(id, quoted)
    }
    return quoted
  }
}

// Printable ASCII without quote and backslash needs no escaping: the usual case, ten times faster than JSON.stringify.
const PLAIN = /^[ !#-[\]-~]*$/

function quoteText(text: string): string {
  // NUL: DuckDB's JSON functions refuse it.
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text.replaceAll('\u0000', '\ufffd'))
}

function validJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text))
  } catch {
    return quoteText(text)
  }
}
