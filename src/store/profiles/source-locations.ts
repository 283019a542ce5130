import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { GREATEST_LOWER_BOUND, LEAST_UPPER_BOUND, originalPositionFor, TraceMap } from '@jridgewell/trace-mapping'
import type { CpuProfileNode } from '../../core/profile-format.ts'
import type { Frame } from './stack-table.ts'

/** Where functions stand in the source: source maps inline and beside the script are read when first needed. */
export class SourceLocations {
  readonly #cwd: string | undefined
  readonly #knownMaps: ReadonlyMap<string, object>
  readonly #beforeMs: number
  readonly #scripts = new Map<string, Script>()
  readonly #frames = new Map<CpuProfileNode, Frame>()

  /**
   * @param cwd files below it are named relative to it
   * @param knownMaps maps of scripts that were compiled in the process, by their URL
   * @param beforeMs a script written later than this (ms since the epoch) is not the one that ran: its map is left alone
   */
  constructor(cwd: string | undefined, knownMaps: ReadonlyMap<string, object>, beforeMs: number) {
    this.#cwd = cwd
    this.#knownMaps = knownMaps
    this.#beforeMs = beforeMs
  }

  /** The function of a node. */
  frame(node: CpuProfileNode): Frame {
    let frame = this.#frames.get(node)
    if (frame === undefined) this.#frames.set(node, (frame = this.#locate(node)))
    return frame
  }

  /** The source line of a line (from 1) of a node's script; null where its map does not know. */
  line(node: CpuProfileNode, line: number): number | null {
    const { map } = this.#script(node.callFrame.url)
    if (map === undefined) return line
    // A line of minified code is many lines of source; the tick may be of any of them.
    if (line === node.callFrame.lineNumber + 1) return this.frame(node).line
    return originalPositionFor(map, { line, column: 0, bias: LEAST_UPPER_BOUND }).line
  }

  /** The place in the source of a place in a script (file or URL; line and column from 1); undefined where no map knows it. */
  position(url: string, line: number, column: number): { file: string; line: number; column: number } | undefined {
    const script = this.#script(url)
    if (script.map === undefined) return undefined
    const found = originalPositionFor(script.map, { line, column: column - 1 })
    if (found.line === null || found.source === null) return undefined
    return { file: this.#shown(sourceFile(script.file, found.source)), line: found.line, column: found.column + 1 }
  }

  /** The name in the source of an identifier, where the script has it at that place (line and column from 1). */
  nameAt(url: string, line: number, column: number, identifier: string): string | undefined {
    const script = this.#script(url)
    if (identifier === '' || script.map === undefined || !hasAt(script.lines[line - 1] ?? '', column - 1, identifier)) return undefined
    return originalPositionFor(script.map, { line, column: column - 1 }).name ?? undefined
  }

  #locate(node: CpuProfileNode): Frame {
    const { functionName, url, lineNumber, columnNumber } = node.callFrame
    const isModule = functionName === '' && lineNumber === 0 && columnNumber === 0
    const name = functionName || (isModule ? '(module)' : '(anonymous)')
    if (url === '') return { function: name, file: null, line: null, column: null }
    const script = this.#script(url)
    const own = { function: name, file: this.#shown(script.file), line: lineNumber + 1, column: columnNumber + 1 }
    const { map } = script
    if (map === undefined) return own
    const only = map.sources.length === 1 ? map.sources[0] : undefined
    if (isModule) return typeof only === 'string' ? { ...own, file: this.#shown(sourceFile(script.file, only)) } : own
    const at = { line: lineNumber + 1, column: columnNumber }
    const found = originalPositionFor(map, { ...at, bias: GREATEST_LOWER_BOUND })
    const position = found.line === null ? originalPositionFor(map, { ...at, bias: LEAST_UPPER_BOUND }) : found
    if (position.line === null || position.source === null) return own
    return {
      function: originalName(script, node) ?? name,
      file: this.#shown(sourceFile(script.file, position.source)),
      line: position.line,
      column: position.column + 1,
    }
  }

  #script(url: string): Script {
    let script = this.#scripts.get(url)
    if (script === undefined) this.#scripts.set(url, (script = readScript(url, this.#knownMaps, this.#beforeMs)))
    return script
  }

  #shown(file: string): string {
    if (this.#cwd === undefined || !path.isAbsolute(file)) return file
    const relative = path.relative(this.#cwd, file)
    return relative.startsWith('..') || path.isAbsolute(relative) ? file : relative
  }
}

interface Script {
  file: string
  map: TraceMap | undefined
  /** Lines of the code that ran; only with a map from disk. */
  lines: string[]
}

function readScript(url: string, knownMaps: ReadonlyMap<string, object>, beforeMs: number): Script {
  const file = url.startsWith('file:') ? pathOfUrl(url) : url.replace(/\?.*$/, '')
  const known = knownMaps.get(url)
  if (known !== undefined) return { file, map: traceMap(known), lines: [] }
  const none = { file, map: undefined, lines: [] }
  if (!path.isAbsolute(file)) return none
  try {
    if (statSync(file).mtimeMs > beforeMs) return none
    const code = readFileSync(file, 'utf8')
    const map = readMap(file, code, beforeMs)
    return map === undefined ? none : { file, map: traceMap(map), lines: code.split('\n') }
  } catch {
    return none
  }
}

const COMMENT = /^\s*(?:\/\/|\/\*)[#@]\s*sourceMappingURL=([^\s*]+)/gm

function readMap(file: string, code: string, beforeMs: number): object | undefined {
  const reference = [...code.matchAll(COMMENT)].at(-1)?.[1]
  if (reference === undefined) return undefined
  const inline = /^data:application\/json[^,]*?(;base64)?,(.*)$/s.exec(reference)
  if (inline !== null) {
    const text = inline[2] ?? ''
    return JSON.parse(inline[1] === undefined ? decodeURIComponent(text) : Buffer.from(text, 'base64').toString()) as object
  }
  if (/^[a-z]+:/i.test(reference) && !reference.startsWith('file:')) return undefined
  const mapFile = reference.startsWith('file:') ? fileURLToPath(reference) : path.resolve(path.dirname(file), decodeURIComponent(reference))
  return statSync(mapFile).mtimeMs > beforeMs ? undefined : (JSON.parse(readFileSync(mapFile, 'utf8')) as object)
}

function traceMap(map: object): TraceMap | undefined {
  try {
    return new TraceMap(map as ConstructorParameters<typeof TraceMap>[0])
  } catch {
    return undefined
  }
}

/** Whether the identifier itself stands there, not one that begins with it. */
function hasAt(line: string, at: number, identifier: string): boolean {
  return line.startsWith(identifier, at) && !/[\w$]/.test(line[at + identifier.length] ?? '')
}

/** V8 names the place behind a function's name: the name in the source is that of the identifier before it. */
function originalName(script: Script, node: CpuProfileNode): string | undefined {
  const { functionName, lineNumber, columnNumber } = node.callFrame
  const own = functionName.split(/[. ]/).at(-1) ?? ''
  const from = columnNumber - own.length
  if (own === '' || script.map === undefined || script.lines[lineNumber]?.slice(from, columnNumber) !== own) return undefined
  const { name } = originalPositionFor(script.map, { line: lineNumber + 1, column: from })
  return name === null ? undefined : functionName.slice(0, functionName.length - own.length) + name
}

function sourceFile(script: string, source: string): string {
  if (source.startsWith('file:')) return pathOfUrl(source)
  if (/^[a-z][a-z+.-]+:/i.test(source)) return source
  return path.resolve(path.dirname(script), source)
}

function pathOfUrl(url: string): string {
  try {
    return fileURLToPath(url)
  } catch {
    return url
  }
}
