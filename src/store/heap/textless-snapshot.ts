import { decodeSnapshotString, SnapshotScanner, type SnapshotHeader, type SnapshotVisitor } from './snapshot-scanner.ts'

/** How the texts of a snapshot are treated. */
export interface TextRules {
  /** Whether what texts of the app say is kept (redacted), or left out. */
  keepTexts: boolean
  redactText(text: string): string
}

/** Files of code: kept, so that functions can be found. */
const CODE_FILE = /^(?:file:\/\/|node:|\/|[A-Za-z]:[\\/])[^\s"]{1,500}\.[cm]?[jt]sx?$|^node:[\w/]+$/
const CHUNK_BYTES = 1 << 20
const EMPTY = Buffer.from('""')
const COMMA = Buffer.from(',')

/**
 * Passes a heap snapshot on without what the app's texts say: a snapshot holds every string of the process, passwords and prompts
 * included. Names of classes, functions and properties stay, redacted; so do sizes and references.
 */
export class TextlessSnapshot implements SnapshotVisitor {
  readonly #scanner = new SnapshotScanner(this)
  readonly #rules: TextRules
  readonly #write: (bytes: Buffer) => void
  #isText: boolean[] = []
  #isIndexed: boolean[] = []
  #isName = new Uint8Array(1 << 16)
  #columns = { type: 0, name: 1 }
  #chunk: Buffer = Buffer.alloc(0)
  #isInStrings = false
  #strings = 0
  #out = Buffer.allocUnsafe(CHUNK_BYTES)
  #filled = 0
  /** Objects seen. */
  objects = 0

  constructor(rules: TextRules, write: (bytes: Buffer) => void) {
    this.#rules = rules
    this.#write = write
  }

  /** Takes the next bytes; what remains of them may be written at once or later. */
  feed(chunk: Buffer): void {
    this.#chunk = chunk
    this.#scanner.feed(chunk)
    if (!this.#isInStrings) this.#write(chunk)
  }

  /** To be called after the last chunk. Throws when the snapshot is not whole. */
  finish(): void {
    const problem = this.#scanner.finish()
    if (problem !== undefined) throw new Error(problem)
    this.#append(Buffer.from(']}\n'))
    this.#flush()
  }

  header({ nodeFields, nodeTypes, edgeTypes }: SnapshotHeader): void {
    this.#columns = { type: nodeFields.indexOf('type'), name: nodeFields.indexOf('name') }
    this.#isText = nodeTypes.map((type) => /string$|^number$|^bigint$/.test(type))
    this.#isIndexed = edgeTypes.map((type) => type === 'element' || type === 'hidden')
  }

  node(row: Float64Array): void {
    this.objects++
    if (this.#isText[row[this.#columns.type] as number] !== true) this.#keep(row[this.#columns.name] as number)
  }

  edge(row: Float64Array): void {
    if (this.#isIndexed[row[0] as number] !== true) this.#keep(row[1] as number)
  }

  stringsBegin(at: number): void {
    this.#isInStrings = true
    this.#append(this.#chunk.subarray(0, at))
  }

  wantsString(): boolean {
    return true
  }

  string(index: number, bytes: Uint8Array): void {
    if (this.#strings++ > 0) this.#append(COMMA)
    const isName = this.#isName[index] === 1
    if (!isName && !this.#rules.keepTexts && !isCodeFile(bytes)) this.#append(EMPTY)
    else this.#append(this.#redacted(bytes))
  }

  #redacted(bytes: Uint8Array): Uint8Array {
    const text = decodeSnapshotString(bytes)
    return Buffer.from(asciiJson(this.#rules.redactText(text)), 'latin1')
  }

  #append(bytes: Uint8Array): void {
    if (this.#filled + bytes.length > this.#out.length) this.#flush()
    if (bytes.length > this.#out.length) {
      this.#write(Buffer.from(bytes))
      return
    }
    this.#out.set(bytes, this.#filled)
    this.#filled += bytes.length
  }

  #flush(): void {
    if (this.#filled > 0) this.#write(this.#out.subarray(0, this.#filled))
    this.#out = Buffer.allocUnsafe(CHUNK_BYTES)
    this.#filled = 0
  }

  #keep(index: number): void {
    if (index >= this.#isName.length) {
      const grown = new Uint8Array(Math.max(index + 1, this.#isName.length * 2))
      grown.set(this.#isName)
      this.#isName = grown
    }
    this.#isName[index] = 1
  }
}

const SLASH = 47
const COLON = 58

/** Only what could be the name of a file is decoded: most texts are not. */
function isCodeFile(bytes: Uint8Array): boolean {
  if (bytes.length < 4 || bytes.length > 512) return false
  if (bytes[0] !== SLASH && bytes[1] !== COLON && bytes[4] !== COLON) return false
  return CODE_FILE.test(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'))
}

/** JSON in ASCII, as V8 writes it. */
function asciiJson(text: string): string {
  return JSON.stringify(text).replace(/[\u0080-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
