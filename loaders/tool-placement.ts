// Where text can be inserted among the statements of a file without moving user code on a line.
import type { ModuleBody, Statement } from './tool-ast.ts'
import { asFunction } from './tool-ast.ts'
import { namesBetween, type Scan } from './tool-scan.ts'

/** Where hoisted assignments run before anything can hand a declared function on, and, if there is such a place, move no user code. */
export function placeHoisted(scan: Scan, { body, directives, start }: ModuleBody): number {
  const declared = new Set<string>()
  for (const statement of body) {
    const inner =
      statement.type === 'ExportNamedDeclaration' || statement.type === 'ExportDefaultDeclaration' ? statement.declaration : statement
    if (inner?.type === 'FunctionDeclaration' && inner.id) declared.add(inner.id.name)
  }
  let place = directives.at(-1)?.end ?? start
  for (const statement of body) {
    if (!scan.isCompiled && scan.source.slice(place, startOf(statement)).includes('\n')) return place
    const canPass = !scan.isCompiled && !isOverload(statement) && (isInert(statement) || !mentions(scan, statement, declared))
    if (!canPass) return place
    place = endOf(statement)
  }
  return place
}

// Nothing may stand between an overload and what it belongs to.
function isOverload(statement: Statement): boolean {
  return statement.type === 'ExportNamedDeclaration'
    ? statement.declaration?.type === 'TSDeclareFunction'
    : statement.type === 'TSDeclareFunction'
}

function mentions(scan: Scan, statement: Statement, names: ReadonlySet<string>): boolean {
  for (const name of namesBetween(scan, startOf(statement), endOf(statement))) if (names.has(name)) return true
  return false
}

/** After the statement; after the line's other declarations when they cannot see the difference. */
export function placeAfter(scan: Scan, body: readonly Statement[], position: number, names: ReadonlySet<string>): number {
  let end = endOf(body[position])
  for (const next of body.slice(position + 1)) {
    if (scan.source.slice(end, startOf(next)).includes('\n')) return end
    if (!isDeclaration(next) || mentions(scan, next, names)) break
    end = endOf(next)
  }
  return end
}

function isDeclaration(statement: Statement): boolean {
  const inner = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement
  if (inner?.type === 'VariableDeclaration') return inner.declarations.every(({ init }) => asFunction(init) !== undefined)
  return isInert(statement)
}

/** Statements that run nothing. */
function isInert(statement: Statement): boolean {
  switch (statement.type) {
    case 'ImportDeclaration':
    case 'ExportAllDeclaration':
    case 'EmptyStatement':
    case 'FunctionDeclaration':
    case 'TSInterfaceDeclaration':
    case 'TSTypeAliasDeclaration':
      return true
    case 'ExportNamedDeclaration':
      return statement.declaration === null || statement.declaration === undefined || isInert(statement.declaration)
    case 'ExportDefaultDeclaration':
      return statement.declaration.type === 'FunctionDeclaration'
    default:
      return false
  }
}

export const startOf = (statement: Statement): number => statement.start as number
const endOf = (statement: Statement | undefined): number => statement?.end as number
