// The statements of a tool file: what is a function there, and where its wrapper can be assigned without moving user code on a line.
import type { Expression, FunctionNode, Statement, Token } from './tool-ast.ts'
import { asFunction, memberPath, tokenAt } from './tool-ast.ts'
import { visitClass } from './tool-classes.ts'
import { visit } from './tool-expressions.ts'
import { placeAfter, startOf } from './tool-placement.ts'
import { addTool, isHelperName, readsOwnStatics, wrapInPlace, type Scan } from './tool-scan.ts'
import { visitVariables } from './tool-variables.ts'

/** Stands in for the name an anonymous default export lacks. */
export const DEFAULT_LOCAL = '__perf_d'

/** What the statements need besides their own edits. */
export interface ModuleWork {
  /** Assignments that must run before the first statement that could hand a declared function on. */
  readonly hoisted: string
  /** True when the end of the file has to export `DEFAULT_LOCAL`. */
  readonly exportsDefault: boolean
}

/** Writes the edits of all statements of a module. */
export function visitStatements(scan: Scan, body: readonly Statement[]): ModuleWork {
  const hoisted = new Map<string, string>()
  let exportsDefault = false
  for (const [position, outer] of body.entries()) {
    const inner = outer.type === 'ExportNamedDeclaration' ? outer.declaration : outer
    if (inner === null || inner === undefined) continue
    if (inner.type === 'FunctionDeclaration') hoist(scan, hoisted, inner.id?.name, inner)
    else if (inner.type === 'ClassDeclaration') visitClass(scan, inner, inner.id?.name ?? 'default')
    else if (inner.type === 'VariableDeclaration') assignAgain(scan, body, position, visitVariables(scan, inner))
    else if (inner.type === 'ExpressionStatement') visitExpressionStatement(scan, body, position, inner.expression)
    else if (inner.type === 'TSExportAssignment') visit(scan, inner.expression, 'default')
    else if (inner.type === 'ExportDefaultDeclaration') exportsDefault = visitDefault(scan, hoisted, body, position) || exportsDefault
  }
  return { hoisted: [...hoisted.values()].join(''), exportsDefault }
}

function hoist(scan: Scan, hoisted: Map<string, string>, local: string | undefined, node: FunctionNode): void {
  if (local === undefined || isHelperName(local)) return
  const index = addTool(scan, local, node)
  if (index !== undefined) hoisted.set(local, `${local}=__perf$(${index},${local});`)
}

function assignAgain(scan: Scan, body: readonly Statement[], position: number, again: readonly { local: string; index: number }[]): void {
  if (again.length === 0) return
  const text = again.map(({ local, index }) => `${local}=__perf$(${index},${local});`).join('')
  scan.edits.insert(placeAfter(scan, body, position, new Set(again.map(({ local }) => local))), `;${text}`)
}

// `exports.a = exports.b = () => {}`
function visitExpressionStatement(scan: Scan, body: readonly Statement[], position: number, expression: Expression): void {
  const targets: { path: string[]; text: string }[] = []
  let value = expression
  while (value.type === 'AssignmentExpression' && value.operator === '=') {
    const path = memberPath(value.left)
    if (path === undefined) return visit(scan, expression, undefined)
    targets.push({ path, text: scan.source.slice(value.left.start as number, value.left.end as number) })
    value = value.right
  }
  const fn = asFunction(value)
  const target = targets[0]
  if (target === undefined) return visit(scan, expression, undefined)
  const name = nameOfTarget(target.path)
  if (fn === undefined) return visit(scan, value, name)
  if (target.path.some(isHelperName) || readsOwnStatics(scan, fn)) return
  const index = addTool(scan, name ?? 'default', fn)
  if (index === undefined) return
  const calls = targets.map(({ path, text }) => {
    const key = path.at(-1) as string
    return path.length === 1
      ? `${text}=__perf$(${index},${text});`
      : `__perf$o(${JSON.stringify([[key, index]])},${path.slice(0, -1).reduce(appendKey)});`
  })
  scan.edits.insert(placeAfter(scan, body, position, new Set(targets.map(({ path }) => path[0] as string))), `;${calls.join('')}`)
}

const appendKey = (base: string, key: string): string => `${base}[${JSON.stringify(key)}]`

// `exports.a` → a, `module.exports` → undefined, `K.prototype.m` → K.m
function nameOfTarget(path: readonly string[]): string | undefined {
  const isModule = path[0] === 'module' && path[1] === 'exports'
  const rest = isModule
    ? path.slice(2)
    : path[0] === 'exports' || path[0] === 'this'
      ? path.slice(1)
      : path.filter((key) => key !== 'prototype')
  return rest.length === 0 ? undefined : rest.join('.')
}

/** True when the default export now goes by `DEFAULT_LOCAL`. */
function visitDefault(scan: Scan, hoisted: Map<string, string>, body: readonly Statement[], position: number): boolean {
  const statement = body[position]
  if (statement?.type !== 'ExportDefaultDeclaration') return false
  const node = statement.declaration
  if (node.type === 'ClassDeclaration') visitClass(scan, node, node.id?.name ?? 'default')
  else if (node.type === 'FunctionDeclaration' && node.id) hoist(scan, hoisted, node.id.name, node)
  else if (node.type === 'FunctionDeclaration') return nameDefaultFunction(scan, hoisted, body, position, node)
  else if (node.type !== 'TSDeclareFunction') return visitDefaultExpression(scan, body, position, node)
  return false
}

const EXPORT_DEFAULT = 'export default'

// `export default async function (q) {}` → `async function __perf_d       (q) {}`: still hoisted, and `(` keeps its column.
function nameDefaultFunction(
  scan: Scan,
  hoisted: Map<string, string>,
  body: readonly Statement[],
  position: number,
  node: FunctionNode,
): boolean {
  const start = startOf(body[position] as Statement)
  const hasOverloads = body[position - 1]?.type === 'ExportDefaultDeclaration'
  let at = tokenAt(scan.tokens, node.start as number)
  while (/^(?:async|function|\*)$/.test(textOf(scan, scan.tokens[at]))) at++
  const open = (scan.tokens[at] as Token).start
  const head = scan.source.slice(start, open)
  if (hasOverloads || !/^export default (?:async )?function *\*? *$/.test(head)) return false
  const index = addTool(scan, 'default', node)
  if (index === undefined) return false
  scan.edits.overwrite(start, open, `${head.slice(EXPORT_DEFAULT.length + 1).trimEnd()} ${DEFAULT_LOCAL}`)
  hoisted.set(DEFAULT_LOCAL, `${DEFAULT_LOCAL}=__perf$(${index},${DEFAULT_LOCAL},"default");`)
  return true
}

// `export default async () => {}` → `let __perf_d = async () => {};__perf_d=__perf$(0,__perf_d,"default");`
function visitDefaultExpression(scan: Scan, body: readonly Statement[], position: number, node: Expression): boolean {
  const fn = asFunction(node)
  if (fn === undefined) {
    visit(scan, node, 'default')
    return false
  }
  const start = startOf(body[position] as Statement)
  if (!scan.source.startsWith(EXPORT_DEFAULT, start)) {
    wrapInPlace(scan, fn, 'default', 'default')
    return false
  }
  if (readsOwnStatics(scan, fn)) return false
  const index = addTool(scan, 'default', fn)
  if (index === undefined) return false
  const rename = fn.type === 'FunctionExpression' && fn.id ? '' : ',"default"'
  scan.edits.overwrite(start, start + EXPORT_DEFAULT.length, `let ${DEFAULT_LOCAL} =`)
  scan.edits.insert(placeAfter(scan, body, position, new Set()), `;${DEFAULT_LOCAL}=__perf$(${index},${DEFAULT_LOCAL}${rename});`)
  return true
}

const textOf = (scan: Scan, token: Token | undefined): string => (token === undefined ? '' : scan.source.slice(token.start, token.end))
