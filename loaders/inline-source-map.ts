// Keeps the inline source map of code that another loader compiled (tsx for CommonJS, ts-node) true after insertions.

interface RawMap {
  version: number
  mappings: string
  sources?: string[]
  [key: string]: unknown
}

/** A decoded segment: generated column, then source index, original line and column (from 0), name index. */
type Segment = number[]

export interface InlineSourceMap {
  /** The original position (lines from 1, columns from 1) of a generated one, as far as the map knows. */
  original(line: number, column: number): { line: number; column: number } | undefined
  /** The code with its map moved by the insertions (lines and columns from 0, ascending). */
  shift(code: string, inserted: readonly { line: number; column: number; length: number }[]): string
}

const COMMENT = /\/\/[#@] sourceMappingURL=data:application\/json[^,\n]*;base64,([A-Za-z0-9+/=]+)[ \t]*$/gm

/** The inline map of `source`; undefined when it has none that can be read. */
export function readInlineSourceMap(source: string): InlineSourceMap | undefined {
  if (!source.includes('sourceMappingURL=data:')) return undefined
  const encoded = [...source.matchAll(COMMENT)].at(-1)?.[1]
  if (encoded === undefined) return undefined
  const map = JSON.parse(Buffer.from(encoded, 'base64').toString()) as RawMap
  if (map.version !== 3 || typeof map.mappings !== 'string') return undefined
  const lines = decodeMappings(map.mappings)
  return {
    original: (line, column) => lookUp(lines, line - 1, column - 1),
    shift(code, inserted) {
      const mappings = encodeMappings(shiftColumns(lines, inserted))
      const next = Buffer.from(JSON.stringify({ ...map, mappings })).toString('base64')
      const at = code.lastIndexOf(encoded)
      return code.slice(0, at) + next + code.slice(at + encoded.length)
    },
  }
}

function lookUp(lines: readonly Segment[][], line: number, column: number): { line: number; column: number } | undefined {
  const found = lines[line]?.findLast((segment) => (segment[0] as number) <= column && segment.length >= 4)
  return found === undefined ? undefined : { line: (found[2] as number) + 1, column: (found[3] as number) + 1 }
}

function shiftColumns(lines: readonly Segment[][], inserted: readonly { line: number; column: number; length: number }[]): Segment[][] {
  const result = [...lines]
  for (const line of new Set(inserted.map((insertion) => insertion.line))) {
    const here = inserted.filter((insertion) => insertion.line === line)
    let next = 0
    let moved = 0
    result[line] = (lines[line] ?? []).map(([column = 0, ...rest]) => {
      for (let insertion = here[next]; insertion !== undefined && insertion.column <= column; insertion = here[++next])
        moved += insertion.length
      return [column + moved, ...rest]
    })
  }
  return result
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

// Base64 VLQ, https://tc39.es/ecma426/: fields are relative to the one before; the column starts anew on every line.
function decodeMappings(mappings: string): Segment[][] {
  const state = [0, 0, 0, 0, 0]
  return mappings.split(';').map((line) => {
    state[0] = 0
    return line === ''
      ? []
      : line.split(',').map((text) => decodeVlq(text).map((delta, field) => (state[field] = (state[field] ?? 0) + delta)))
  })
}

function decodeVlq(text: string): number[] {
  const values: number[] = []
  let value = 0
  let scale = 0
  for (const character of text) {
    const digit = DIGITS.indexOf(character)
    value += (digit & 31) << scale
    scale += 5
    if ((digit & 32) !== 0) continue
    values.push((value & 1) === 1 ? -(value >>> 1) : value >>> 1)
    value = 0
    scale = 0
  }
  return values
}

function encodeMappings(lines: readonly Segment[][]): string {
  const state = [0, 0, 0, 0, 0]
  const encodeSegment = (segment: Segment): string => {
    let text = ''
    for (const [field, value] of segment.entries()) {
      text += encodeVlq(value - (state[field] ?? 0))
      state[field] = value
    }
    return text
  }
  return lines
    .map((line) => {
      state[0] = 0
      return line.map(encodeSegment).join(',')
    })
    .join(';')
}

function encodeVlq(value: number): string {
  let rest = value < 0 ? (-value << 1) | 1 : value << 1
  let text = ''
  do {
    const digit = rest & 31
    rest >>>= 5
    text += DIGITS.charAt(rest === 0 ? digit : digit | 32)
  } while (rest !== 0)
  return text
}
