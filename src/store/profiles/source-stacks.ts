import { SourceLocations } from './source-locations.ts'

/** A frame as V8 writes it: what stands before the place, file or URL, line and column (from 1), what stands behind. */
const FRAME = /^(\s*at (?:async )?)(?:(.*) \((.+):(\d+):(\d+)\)|(\S.*):(\d+):(\d+))$/

/** Stacks of one process as text, told by their source: source maps inline and beside the script are read when first needed. */
export class SourceStacks {
  #locations: SourceLocations | undefined
  /** Stacks of one place come again and again. */
  readonly #known = new Map<string, string>()

  /**
   * The same stack with functions, files and lines of the source. What has no map stays as it is.
   * @param beforeMs when the stack was taken (ms since the epoch): maps of scripts that were written later are left alone, for all stacks
   */
  mapped(stack: string, beforeMs: number): string {
    let text = this.#known.get(stack)
    if (text === undefined) {
      this.#locations ??= new SourceLocations(undefined, new Map(), beforeMs)
      text = mapFrames(stack.split('\n'), this.#locations).join('\n')
      if (this.#known.size < MAX_KNOWN) this.#known.set(stack, text)
    }
    return text
  }
}

const MAX_KNOWN = 1000

function mapFrames(lines: readonly string[], locations: SourceLocations): string[] {
  const calls = lines.map((line) => FRAME.exec(line)).map((match) => (match === null ? undefined : readFrame(match)))
  return lines.map((line, i) => {
    const frame = calls[i]
    const found = frame === undefined ? undefined : locations.position(frame.file, frame.line, frame.column)
    if (frame === undefined || found === undefined) return line
    const caller = calls[i + 1]
    // A function's name in the source is that which its caller's code has there.
    const name = caller === undefined ? undefined : locations.nameAt(caller.file, caller.line, caller.column, lastName(frame.name))
    const shown = name === undefined ? frame.name : frame.name.slice(0, frame.name.length - lastName(frame.name).length) + name
    const place = `${found.file}:${found.line}:${found.column}`
    return shown === '' ? `${frame.head}${place}` : `${frame.head}${shown} (${place})`
  })
}

interface StackFrame {
  head: string
  name: string
  file: string
  line: number
  column: number
}

function readFrame([, head = '', name = '', ...place]: RegExpExecArray): StackFrame {
  const [file = '', line, column] = place[0] === undefined ? place.slice(3) : place
  return { head, name, file, line: Number(line), column: Number(column) }
}

/** `fn` of `Type.fn`, `async fn` and `new fn`; empty for names that say more. */
const lastName = (name: string): string => /[\w$]+$/.exec(name)?.[0] ?? ''
