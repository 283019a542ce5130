// Names for the parts of Babel's tree that the tool transform reads, and small questions about them.
import { parse, type ParserOptions } from '@babel/parser'

export type Tree = ReturnType<typeof parse>
export type Statement = Tree['program']['body'][number]
export type Expression = Extract<Statement, { type: 'ExpressionStatement' }>['expression']
export type VariableDeclaration = Extract<Statement, { type: 'VariableDeclaration' }>
export type ClassNode = Extract<Expression, { type: 'ClassExpression' }> | Extract<Statement, { type: 'ClassDeclaration' }>
export type ObjectNode = Extract<Expression, { type: 'ObjectExpression' }>
export type ArrayNode = Extract<Expression, { type: 'ArrayExpression' }>
export type CallNode = Extract<Expression, { type: 'CallExpression' | 'NewExpression' | 'OptionalCallExpression' }>
export type Member = ClassNode['body']['body'][number]
type MethodNode =
  Extract<Member, { type: 'ClassMethod' | 'ClassPrivateMethod' }> | Extract<ObjectNode['properties'][number], { type: 'ObjectMethod' }>
export type FunctionLiteral = Extract<Expression, { type: 'ArrowFunctionExpression' | 'FunctionExpression' }>
export type FunctionNode = FunctionLiteral | Extract<Statement, { type: 'FunctionDeclaration' }> | MethodNode

/** A token that is no comment. */
export interface Token {
  readonly start: number
  readonly end: number
  readonly isName: boolean
}

export interface Parsed {
  readonly tree: Tree
  readonly tokens: readonly Token[]
}

/** Parses with the first of `modes` that succeeds; throws when none does. */
export function parseFirst(source: string, filename: string, modes: readonly ('script' | 'module' | 'typescript')[]): Parsed {
  let failure: unknown
  for (const mode of modes) {
    try {
      const tree = parse(source, parserOptions(filename, mode))
      return { tree, tokens: toTokens(tree) }
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

function parserOptions(filename: string, mode: 'script' | 'module' | 'typescript'): ParserOptions {
  const plugins: ParserOptions['plugins'] = ['decorators-legacy', 'decoratorAutoAccessors', 'explicitResourceManagement']
  if (mode === 'typescript') plugins.push('typescript')
  if (filename.endsWith('x')) plugins.push('jsx')
  return {
    sourceType: mode === 'script' ? 'script' : 'module',
    plugins,
    tokens: true,
    attachComment: false,
    allowUndeclaredExports: true,
    allowReturnOutsideFunction: mode !== 'module',
    allowNewTargetOutsideFunction: mode !== 'module',
  }
}

interface BabelToken {
  readonly type: string | { readonly label: string }
  readonly start: number
  readonly end: number
}

function toTokens(tree: Tree): Token[] {
  const tokens: Token[] = []
  for (const { type, start, end } of (tree.tokens ?? []) as BabelToken[]) {
    if (typeof type !== 'string' && end > start) tokens.push({ start, end, isName: type.label === 'name' || type.label === 'jsxName' })
  }
  return tokens
}

/** The statements at module level and where they begin. */
export interface ModuleBody {
  readonly body: readonly Statement[]
  readonly directives: readonly { end?: number | null | undefined }[]
  readonly start: number
}

/** The module level of a file; of CommonJS as tsx 4.23 hands it on, `__filename="…";(()=>{ … })()`, the inside of that function. */
export function moduleBody(tree: Tree, source: string, isCompiled: boolean): ModuleBody {
  const { body, directives, interpreter } = tree.program
  const last = body.at(-1)
  if (isCompiled && last?.type === 'ExpressionStatement' && body.slice(0, -1).every(isPathAssignment)) {
    const call = last.expression
    const fn = call.type === 'CallExpression' && call.arguments.length === 0 ? asFunction(call.callee) : undefined
    if (fn?.body.type === 'BlockStatement' && fn.params.length === 0 && fn.async !== true && fn.generator !== true)
      return { body: fn.body.body, directives: fn.body.directives, start: (fn.body.start as number) + 1 }
  }
  return { body, directives, start: interpreter ? source.indexOf('\n') + 1 : 0 }
}

function isPathAssignment(statement: Statement): boolean {
  if (statement.type !== 'ExpressionStatement' || statement.expression.type !== 'AssignmentExpression') return false
  const name = memberPath(statement.expression.left)?.[0]
  return name === '__filename' || name === '__dirname'
}

/** The index of the first token that starts at or after `offset`. */
export function tokenAt(tokens: readonly Token[], offset: number): number {
  let low = 0
  let high = tokens.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((tokens[middle] as Token).start < offset) low = middle + 1
    else high = middle
  }
  return low
}

/** The function literal an expression is, seen through parentheses, type assertions and esbuild's `__name(fn, "n")`. */
export function asFunction(node: { type: string } | null | undefined): FunctionLiteral | undefined {
  const inner = node === null || node === undefined ? undefined : unwrap(node as Expression)
  return inner?.type === 'ArrowFunctionExpression' || inner?.type === 'FunctionExpression' ? inner : undefined
}

/** An expression without what does not change its value. */
export function unwrap(node: Expression): Expression {
  switch (node.type) {
    case 'TSAsExpression':
    case 'TSSatisfiesExpression':
    case 'TSNonNullExpression':
    case 'TSTypeAssertion':
    case 'ParenthesizedExpression':
      return unwrap(node.expression)
    case 'CallExpression': {
      const [first] = node.arguments
      const isNameHelper = node.callee.type === 'Identifier' && node.callee.name === '__name'
      return isNameHelper && first !== undefined ? unwrap(first as Expression) : node
    }
    default:
      return node
  }
}

/** A property's name when it is written out: `a`, `'a'`, `1`. */
export function staticKey(member: { key: { type: string }; computed?: boolean | undefined }): string | undefined {
  const key = member.key as { type: string; name?: unknown; value?: unknown }
  if (key.type === 'StringLiteral') return String(key.value)
  if (member.computed === true) return undefined
  if (key.type === 'Identifier') return String(key.name)
  return key.type === 'NumericLiteral' ? String(key.value) : undefined
}

/** `['exports', 'x']` for `exports.x`; undefined when reading it again could do something else. */
export function memberPath(node: { type: string }): string[] | undefined {
  const inner = node as Expression
  if (inner.type === 'Identifier') return [inner.name]
  if (inner.type === 'ThisExpression') return ['this']
  if (inner.type !== 'MemberExpression') return undefined
  const key = staticKey({ key: inner.property, computed: inner.computed })
  const base = memberPath(inner.object)
  return key === undefined || base === undefined ? undefined : [...base, key]
}
