/** What a .heapsnapshot says of itself before its data. */
export interface SnapshotHeader {
  nodeFields: string[]
  nodeTypes: string[]
  edgeFields: string[]
  edgeTypes: string[]
  nodeCount: number
  edgeCount: number
}

/** Receives the parts of a snapshot in the order of the file; `row` is reused from call to call. */
export interface SnapshotVisitor {
  header(header: SnapshotHeader): void
  node(row: Float64Array): void
  /** Without it the edges are skipped, which is several times faster. */
  edge?(row: Float64Array): void
  /** The strings follow; `at` is their offset in the chunk at hand, just behind the opening bracket. */
  stringsBegin?(at: number): void
  /** The raw text between the quotes (escaped, ASCII, cut at `MAX_STRING_BYTES`) for indexes that `wantsString` asks for. */
  string?(index: number, bytes: Uint8Array): void
  wantsString?(index: number): boolean
}

/** Longer strings are cut: names of classes, functions and properties are shorter. */
export const MAX_STRING_BYTES = 2048

const COMMA = 44
const ZERO = 48
const QUOTE = 34
const BACKSLASH = 92
const CLOSE = 93
const MAX_HEADER_BYTES = 1 << 20

type Phase = 'header' | 'nodes' | 'gap' | 'edges' | 'skipped edges' | 'strings' | 'end'

/**
 * Reads the bytes of a .heapsnapshot as V8 writes it (nodes, edges, …, strings last), chunk by chunk, and keeps none of them:
 * the file as a whole never is in memory.
 */
export class SnapshotScanner {
  readonly #visitor: SnapshotVisitor
  #phase: Phase = 'header'
  /** Bytes kept from the chunk before: the beginning of the file, or the end of a part in which a name is looked for. */
  #kept: Buffer = Buffer.alloc(0)
  #row = new Float64Array(0)
  #field = 0
  #value = 0
  #hasDigits = false
  #rows = 0
  #expected: SnapshotHeader | undefined
  #stringIndex = 0
  #inString = false
  #isWanted = false
  #escaped = false
  readonly #text = Buffer.alloc(MAX_STRING_BYTES)
  #textBytes = 0

  constructor(visitor: SnapshotVisitor) {
    this.#visitor = visitor
  }

  /** Takes the next bytes. Throws an `Error` with the reason when they are not a heap snapshot. */
  feed(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && this.#phase !== 'end') {
      if (this.#phase === 'header') at = this.#header(chunk)
      else if (this.#phase === 'nodes' || this.#phase === 'edges') at = this.#numbers(chunk, at)
      else if (this.#phase === 'strings') at = this.#strings(chunk, at)
      else if (this.#phase === 'skipped edges') at = this.#skip(chunk, at)
      else at = this.#gap(chunk, at)
    }
  }

  /** To be called after the last bytes; gives why the snapshot is not whole, or undefined. */
  finish(): string | undefined {
    if (this.#phase === 'end') return undefined
    if (this.#phase === 'header') return 'not a heap snapshot'
    return `cut short in its ${this.#phase === 'gap' ? 'tables' : this.#phase.replace('skipped ', '')}`
  }

  #header(chunk: Buffer): number {
    const keptBefore = this.#kept.length
    const bytes = Buffer.concat([this.#kept, chunk])
    const mark = bytes.indexOf('"nodes":[')
    if (mark < 0) {
      if (bytes.length > MAX_HEADER_BYTES) throw new Error('not a heap snapshot: it has no list of nodes')
      this.#kept = bytes
      return chunk.length
    }
    this.#expected = parseHeader(bytes.toString('latin1', 0, mark))
    this.#visitor.header(this.#expected)
    this.#kept = Buffer.alloc(0)
    this.#begin('nodes', this.#expected.nodeFields.length)
    return mark + '"nodes":['.length - keptBefore
  }

  #begin(phase: 'nodes' | 'edges', fields: number): void {
    this.#phase = phase
    this.#row = new Float64Array(fields)
    this.#field = 0
    this.#value = 0
    this.#hasDigits = false
    this.#rows = 0
  }

  /** The hot loop: numbers between commas and line breaks, a row for every `fields` of them. */
  #numbers(chunk: Buffer, from: number): number {
    const visitor = this.#visitor
    const row = this.#row
    const fields = row.length
    const isNodes = this.#phase === 'nodes'
    let field = this.#field
    let value = this.#value
    let hasDigits = this.#hasDigits
    let rows = this.#rows
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at] as number
      const digit = byte - ZERO
      if (digit >= 0 && digit <= 9) {
        value = value * 10 + digit
        hasDigits = true
      } else if (hasDigits && (byte === COMMA || byte === CLOSE)) {
        row[field++] = value
        value = 0
        hasDigits = false
        if (field === fields) {
          field = 0
          rows++
          if (isNodes) visitor.node(row)
          else visitor.edge?.(row)
        }
        if (byte === CLOSE) return this.#endNumbers(at + 1, rows, isNodes)
      } else if (byte === CLOSE) return this.#endNumbers(at + 1, rows, isNodes)
    }
    this.#field = field
    this.#value = value
    this.#hasDigits = hasDigits
    this.#rows = rows
    return chunk.length
  }

  #endNumbers(next: number, rows: number, isNodes: boolean): number {
    const expected = isNodes ? this.#expected?.nodeCount : this.#expected?.edgeCount
    if (rows !== expected) throw new Error(`damaged: ${rows} ${isNodes ? 'nodes' : 'edges'} instead of ${expected}`)
    this.#phase = 'gap'
    return next
  }

  #skip(chunk: Buffer, from: number): number {
    const close = chunk.indexOf(CLOSE, from)
    if (close < 0) return chunk.length
    this.#phase = 'gap'
    return close + 1
  }

  /** Between the parts that are read: looks for the name of the next one, also across two chunks. */
  #gap(chunk: Buffer, from: number): number {
    const keptBytes = this.#kept.length
    const bytes = keptBytes === 0 ? chunk.subarray(from) : Buffer.concat([this.#kept, chunk.subarray(from)])
    for (const [name, enter] of this.#parts()) {
      const mark = bytes.indexOf(name)
      if (mark < 0) continue
      this.#kept = Buffer.alloc(0)
      const next = from + mark + name.length - keptBytes
      enter(next)
      return next
    }
    this.#kept = Buffer.from(bytes.subarray(Math.max(0, bytes.length - 16)))
    return chunk.length
  }

  #parts(): [string, (at: number) => void][] {
    const edges = (): void => {
      if (this.#visitor.edge === undefined) this.#phase = 'skipped edges'
      else this.#begin('edges', this.#expected?.edgeFields.length ?? 3)
    }
    const strings = (at: number): void => {
      this.#phase = 'strings'
      this.#visitor.stringsBegin?.(at)
    }
    return [
      ['"edges":[', edges],
      ['"strings":[', strings],
    ]
  }

  #strings(chunk: Buffer, from: number): number {
    let at = from
    while (at < chunk.length) {
      if (!this.#inString) {
        const byte = chunk[at++] as number
        if (byte === QUOTE) {
          this.#inString = true
          this.#isWanted = this.#visitor.wantsString?.(this.#stringIndex) === true
          this.#textBytes = 0
          this.#escaped = false
        } else if (byte === CLOSE) {
          this.#phase = 'end'
          return at
        }
        continue
      }
      at = this.#inside(chunk, at)
    }
    return at
  }

  /** Inside of a string: up to its closing quote, or the end of the chunk. */
  #inside(chunk: Buffer, from: number): number {
    let at = from
    if (this.#escaped) {
      this.#escaped = false
      at++
    }
    for (; at < chunk.length; at++) {
      const byte = chunk[at]
      if (byte === BACKSLASH) at++
      else if (byte === QUOTE) {
        this.#keepText(chunk, from, at)
        if (this.#isWanted) this.#visitor.string?.(this.#stringIndex, this.#text.subarray(0, this.#textBytes))
        this.#stringIndex++
        this.#inString = false
        return at + 1
      }
    }
    this.#escaped = at > chunk.length
    this.#keepText(chunk, from, chunk.length)
    return chunk.length
  }

  #keepText(chunk: Buffer, from: number, to: number): void {
    if (!this.#isWanted) return
    const most = Math.min(to, from + MAX_STRING_BYTES - this.#textBytes)
    if (most > from) this.#textBytes += chunk.copy(this.#text, this.#textBytes, from, most)
  }
}

function parseHeader(text: string): SnapshotHeader {
  let header: { snapshot?: { meta?: Record<string, unknown>; node_count?: number; edge_count?: number } }
  try {
    header = JSON.parse(`${text.trimEnd().replace(/,$/, '')}}`) as typeof header
  } catch {
    throw new Error('not a heap snapshot: its beginning is not JSON')
  }
  const { meta, node_count: nodeCount, edge_count: edgeCount } = header.snapshot ?? {}
  const strings = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : [])
  const nodeFields = strings(meta?.['node_fields'])
  const edgeFields = strings(meta?.['edge_fields'])
  if (nodeCount === undefined || edgeCount === undefined || nodeFields.length === 0 || edgeFields.length === 0)
    throw new Error('not a heap snapshot: its beginning does not describe it')
  const types = (value: unknown): string[] => strings(Array.isArray(value) ? (value[0] as unknown) : [])
  return { nodeFields, edgeFields, nodeCount, edgeCount, nodeTypes: types(meta?.['node_types']), edgeTypes: types(meta?.['edge_types']) }
}

/** One scan for two visitors. */
export function both(first: SnapshotVisitor, second: SnapshotVisitor): SnapshotVisitor {
  const wants = (visitor: SnapshotVisitor, index: number): boolean => visitor.wantsString?.(index) === true
  return {
    header(header) {
      first.header(header)
      second.header(header)
    },
    node(row) {
      first.node(row)
      second.node(row)
    },
    edge(row) {
      first.edge?.(row)
      second.edge?.(row)
    },
    wantsString: (index) => wants(first, index) || wants(second, index),
    string(index, bytes) {
      if (wants(first, index)) first.string?.(index, bytes)
      if (wants(second, index)) second.string?.(index, bytes)
    },
  }
}

/** Text of a string as the scanner gives it. */
export function decodeSnapshotString(bytes: Uint8Array): string {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  if (!raw.includes('\\')) return raw
  // A cut in the middle of an escape is taken off.
  const whole = raw.replace(/\\(?:u[0-9a-fA-F]{0,3})?$/, (end) => (/(?:^|[^\\])(?:\\\\)*$/.test(raw.slice(0, -end.length)) ? '' : end))
  try {
    return JSON.parse(`"${whole}"`) as string
  } catch {
    return raw
  }
}
