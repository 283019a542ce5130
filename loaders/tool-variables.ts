// `const`, `let` and `var` at module level: a function among them is assigned again, wrapped, right after its statement.
import type { Scan } from './tool-scan.ts'
import type { VariableDeclaration } from './tool-ast.ts'
import { asFunction } from './tool-ast.ts'
import { visit } from './tool-expressions.ts'
import { addTool, isHelperName, namesBetween, readsOwnStatics, wrapInPlace } from './tool-scan.ts'

/** Functions that can be assigned to again after the declaration: their wrappers are. The rest is visited as an expression. */
export function visitVariables(scan: Scan, declaration: VariableDeclaration): { local: string; index: number }[] {
  const again: { local: string; index: number }[] = []
  if (declaration.declare === true) return again
  const canAssign = makeAssignable(scan, declaration)
  for (const [position, { id, init }] of declaration.declarations.entries()) {
    if (init === null || init === undefined) continue
    const local = id.type === 'Identifier' ? id.name : undefined
    const fn = asFunction(init)
    if (fn === undefined || local === undefined) {
      if (fn === undefined) visit(scan, init, local)
      continue
    }
    if (isHelperName(local) || readsOwnStatics(scan, fn)) continue
    const rest = declaration.declarations[position + 1]
    const isTaken = rest !== undefined && [...namesBetween(scan, rest.start as number, declaration.end as number)].includes(local)
    if (!canAssign || isTaken) wrapInPlace(scan, fn, local, local)
    else {
      const index = addTool(scan, local, fn)
      if (index !== undefined) again.push({ local, index })
    }
  }
  if (again.length !== 0 && declaration.kind === 'const')
    scan.edits.overwrite(declaration.start as number, (declaration.start as number) + 5, 'let')
  return again
}

// `const` becomes `let  ` when nothing in the file assigns to its names, which would have to go on failing.
function makeAssignable(scan: Scan, declaration: VariableDeclaration): boolean {
  if (declaration.kind === 'let' || declaration.kind === 'var') return true
  if (declaration.kind !== 'const' || !scan.source.startsWith('const', declaration.start as number)) return false
  const names = new Set<string>()
  for (const { id } of declaration.declarations) {
    if (id.type !== 'Identifier') return false
    names.add(id.name)
  }
  return !isAssignedOutside(scan, names, declaration)
}

function isAssignedOutside(scan: Scan, names: ReadonlySet<string>, declaration: VariableDeclaration): boolean {
  const own = new Set(declaration.declarations.map(({ id }) => id.start))
  return scan.tokens.some((token, index) => {
    if (!token.isName || own.has(token.start) || !names.has(scan.source.slice(token.start, token.end))) return false
    const text = (at: number): string => {
      const near = scan.tokens[at]
      return near === undefined ? '' : scan.source.slice(near.start, near.end)
    }
    if (text(index - 1) === '.' || text(index - 1) === '?.') return false
    return (
      (/^(?:[-+*/%&|^<>?]*=|\+\+|--)$/.test(text(index + 1)) && !/^[<>]=$/.test(text(index + 1))) || /^(?:\+\+|--)$/.test(text(index - 1))
    )
  })
}
