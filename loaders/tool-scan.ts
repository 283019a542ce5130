// What the visitors of a tool file share: the source, the edits, the functions found so far.
import type { Expression, FunctionLiteral, FunctionNode, Token } from './tool-ast.ts'
import { memberPath, staticKey, tokenAt } from './tool-ast.ts'
import type { Edits } from './tool-edits.ts'

/** A function that gets a wrapper; its position in `Scan.found` is its number in the inserted code. */
export interface FoundTool {
  readonly name: string
  readonly node: FunctionNode
}

export interface Scan {
  readonly source: string
  readonly tokens: readonly Token[]
  readonly edits: Edits
  readonly found: FoundTool[]
  readonly matchesName: (name: string) => boolean
  /** True for another loader's output with a source map: columns are the map's business then. */
  readonly isCompiled: boolean
  /** Private names given to methods so far. */
  readonly takenNames: Set<string>
  /** Writes the classes among the expressions; given from outside because the two visit each other. */
  readonly visitClass: (scan: Scan, node: Extract<Expression, { type: 'ClassExpression' }>, name: string) => void
}

/** Compilers' helpers: `__name`, `__export`, `__toESM`, `__awaiter`, … */
export const isHelperName = (name: string): boolean => /^__[A-Za-z]/.test(name)

/** Takes a function in when its name is wanted: its number, else undefined. */
export function addTool(scan: Scan, name: string, node: FunctionNode): number | undefined {
  const last = name.slice(name.lastIndexOf('.') + 1)
  if (isHelperName(last) || !(scan.matchesName(name) || (last !== name && scan.matchesName(last)))) return undefined
  return scan.found.push({ name, node }) - 1
}

/** A member's key as it is called and as it can be written again; undefined for a key that must not be evaluated twice. */
export function entryKey(
  scan: Scan,
  member: { key: { type: string; start?: number | null; end?: number | null }; computed?: boolean | undefined },
): { label: string; code: string } | undefined {
  const key = staticKey(member)
  if (key !== undefined) return { label: key, code: JSON.stringify(key) }
  const path = member.computed === true ? memberPath(member.key) : undefined
  if (path === undefined || path[0] === 'this' || path[0] === 'Symbol') return undefined
  return { label: path.join('.'), code: scan.source.slice(member.key.start as number, member.key.end as number) }
}

/** The text of the identifier tokens between two offsets. */
export function* namesBetween(scan: Scan, start: number, end: number): Generator<string> {
  for (let index = tokenAt(scan.tokens, start); index < scan.tokens.length; index++) {
    const token = scan.tokens[index] as Token
    if (token.start >= end) return
    if (token.isName) yield scan.source.slice(token.start, token.end)
  }
}

/** The name a function expression carries itself. */
export const nameOf = (node: FunctionLiteral): string | undefined => (node.type === 'FunctionExpression' ? node.id?.name : undefined)

/** Writes the call around a function. On a line of its own it stays where it is: the call opens at the end of the line before. */
export function wrapInPlace(scan: Scan, node: FunctionLiteral, name: string | undefined, inferredName?: string): void {
  if (readsOwnStatics(scan, node)) return
  const index = addTool(scan, name ?? 'anonymous', node)
  if (index === undefined) return
  const before = scan.tokens[tokenAt(scan.tokens, node.start as number) - 1]
  const start = node.start as number
  const beginsLine = before !== undefined && scan.source.slice(before.end, start).includes('\n')
  scan.edits.insert(beginsLine ? before.end : start, `__perf$(${index},`)
  const isAnonymous = nameOf(node) === undefined
  scan.edits.insert(node.end as number, inferredName !== undefined && isAnonymous ? `,${JSON.stringify(inferredName)})` : ')')
}

/** True for `function f() { f.calls++ }` as an expression: what others put on the wrapper, it would look for on itself. */
export function readsOwnStatics(scan: Scan, node: FunctionLiteral): boolean {
  const own = nameOf(node)
  if (own === undefined) return false
  for (let index = tokenAt(scan.tokens, node.body.start as number); index < scan.tokens.length; index++) {
    const token = scan.tokens[index] as Token
    if (token.start >= (node.end as number)) return false
    const next = scan.tokens[index + 1]
    if (
      next !== undefined &&
      token.isName &&
      scan.source.slice(token.start, token.end) === own &&
      /^[.[?]/.test(scan.source.slice(next.start, next.end))
    )
      return true
  }
  return false
}
