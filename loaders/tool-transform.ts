// Wraps the user's tool functions by inserting text at load; lines stay, and columns wherever a wrapper can follow its function.
import { createHash } from 'node:crypto'
import type { ToolFileMeta, ToolKind, ToolMeta, ToolRow } from '../src/core/tool-runtime.ts'
import { readInlineSourceMap, type InlineSourceMap } from './inline-source-map.ts'
import { moduleBody, parseFirst, tokenAt, type Parsed, type Token } from './tool-ast.ts'
import { visitClass } from './tool-classes.ts'
import { applyEdits, createEdits, insertedColumns } from './tool-edits.ts'
import { MARKER, writeEpilogue } from './tool-epilogue.ts'
import type { FoundTool, Scan } from './tool-scan.ts'
import { placeHoisted } from './tool-placement.ts'
import { DEFAULT_LOCAL, visitStatements } from './tool-statements.ts'

export type { ToolMeta } from '../src/core/tool-runtime.ts'

/** Node's names for what a loader handed over. */
export type ToolFormat = 'module' | 'commonjs' | 'module-typescript' | 'commonjs-typescript'

export interface TransformOptions {
  /** Path of the file, as the user knows it. */
  readonly filename: string
  readonly format: ToolFormat
  /** Whether a function of this name is a tool; asked with `Class.method` and then with `method`. */
  readonly matchesName: (name: string) => boolean
}

export interface TransformedTools {
  readonly code: string
  readonly tools: readonly ToolMeta[]
}

/** Files above this size are bundles, not tools. */
const MAX_CHARACTERS = 2_000_000

/** The source with its tools wrapped; undefined (use the original) when there is nothing to wrap, it is done already, or anything fails. */
export function transformTools(source: string, options: TransformOptions): TransformedTools | undefined {
  if (source.length > MAX_CHARACTERS || source.includes(MARKER) || source.includes(DEFAULT_LOCAL)) return undefined
  try {
    return transform(source, options)
  } catch {
    return undefined
  }
}

function transform(source: string, { filename, format, matchesName }: TransformOptions): TransformedTools | undefined {
  const map = readInlineSourceMap(source)
  const isTypeScript = map === undefined && (format.endsWith('-typescript') || (format === 'module' && /\.[cm]?tsx?$/.test(filename)))
  const parsed = parseFirst(source, filename, parseModes(format, isTypeScript, filename))
  const level = moduleBody(parsed.tree, source, map !== undefined)
  const edits = createEdits()
  const found: FoundTool[] = []
  const scan: Scan = {
    source,
    tokens: parsed.tokens,
    edits,
    found,
    matchesName,
    visitClass,
    isCompiled: map !== undefined,
    takenNames: new Set(),
  }
  const { hoisted, exportsDefault } = visitStatements(scan, level.body)
  if (found.length === 0) return undefined
  if (hoisted !== '') edits.insert(placeHoisted(scan, level), `;${hoisted}`)
  const tools = found.map((tool) => toMeta(tool, source, parsed.tokens, map))
  const language: ToolFileMeta['language'] = map !== undefined ? 'compiled' : isTypeScript ? 'typescript' : 'javascript'
  const file = { file: filename, fileHash: hashTokens(source, parsed.tokens, 0, source.length), language, tools: tools.map(toRow) }
  const edited = applyEdits(source, edits)
  const code = map === undefined ? edited : map.shift(edited, insertedColumns(source, edits))
  return { code: `${code}\n;${writeEpilogue(file, exportsDefault ? DEFAULT_LOCAL : undefined)}\n`, tools }
}

// CommonJS that turns out to be a module is one: Node decides that by the syntax as well.
function parseModes(format: ToolFormat, isTypeScript: boolean, filename: string): ('script' | 'module' | 'typescript')[] {
  const plain: ('script' | 'module')[] = format.startsWith('module') ? ['module'] : ['script', 'module']
  if (isTypeScript) return ['typescript', ...plain]
  return /\.[cm]?tsx?$/.test(filename) ? [...plain, 'typescript'] : plain
}

function toMeta({ name, node }: FoundTool, source: string, tokens: readonly Token[], map: InlineSourceMap | undefined): ToolMeta {
  const start = node.start as number
  const end = node.end as number
  const here = { line: node.loc?.start.line ?? 1, column: (node.loc?.start.column ?? 0) + 1 }
  const { line, column } = map?.original(here.line, here.column) ?? here
  const kind: ToolKind =
    node.generator === true ? (node.async === true ? 'async-generator' : 'generator') : node.async === true ? 'async' : 'sync'
  return { name, line, column, start, end, hash: hashTokens(source, tokens, start, end), kind }
}

const toRow = ({ name, line, column, start, end, hash, kind }: ToolMeta): ToolRow => [name, line, column, start, end, hash, kind]

function hashTokens(source: string, tokens: Parsed['tokens'], start: number, end: number): string {
  const hash = createHash('sha256')
  for (let index = tokenAt(tokens, start); index < tokens.length; index++) {
    const token = tokens[index] as Token
    if (token.start >= end) break
    hash.update(source.slice(token.start, token.end)).update('\n')
  }
  return hash.digest('hex').slice(0, 32)
}
