// Finds the functions of a tool file that are at module level and decides how each one gets its wrapper.
//
// What follows a function on its line decides whether its columns stay true, so the wrapper comes after it wherever the language allows:
//   const f = async () => {}          let   f = async () => {};f=__perf$(0,f);
//   exports.f = () => {}              exports.f = () => {};__perf$o([["f",0]],exports);
//   { f: () => {}, g: { h() {} } }    { f: () => {}, g: { h() {} },get[__perf$k()](){return __perf$o([["f",0],["g","h",1]],this)}}[__perf$k()]
//   [() => {}]                        [() => {}].map(__perf$a([[0,0]]))
//   register(() => {})                register(__perf$(0,() => {}))      the one that moves columns, unless the function begins its line
import type { ArrayNode, CallNode, Expression, ObjectNode } from './tool-ast.ts'
import { asFunction, memberPath, staticKey, unwrap } from './tool-ast.ts'
import { addTool, entryKey, isHelperName, nameOf, readsOwnStatics, wrapInPlace, type Scan } from './tool-scan.ts'

/** Visits an expression; `name` is what a function found there is called. */
export function visit(scan: Scan, expression: Expression, name: string | undefined): void {
  const node = unwrap(expression)
  switch (node.type) {
    case 'ArrowFunctionExpression':
    case 'FunctionExpression':
      return wrapInPlace(scan, node, name ?? nameOf(node))
    case 'ClassExpression':
      return scan.visitClass(scan, node, node.id?.name ?? name ?? 'default')
    case 'ObjectExpression':
      return visitObject(scan, node, name)
    case 'ArrayExpression':
      return visitArray(scan, node, name)
    case 'CallExpression':
    case 'NewExpression':
    case 'OptionalCallExpression':
      return visitCall(scan, node, name)
    case 'ConditionalExpression':
      visit(scan, node.consequent, name)
      return visit(scan, node.alternate, name)
    case 'LogicalExpression':
      visit(scan, node.left, name)
      return visit(scan, node.right, name)
    case 'SequenceExpression':
      return node.expressions.forEach((part) => visit(scan, part, name))
    case 'AssignmentExpression':
      return visit(scan, node.right, name ?? memberPath(node.left)?.at(-1))
    case 'AwaitExpression':
      return visit(scan, node.argument, name)
    default:
  }
}

// Literals inside a literal are wrapped together with it, at its end: a suffix of their own would move what follows on the line.
function visitObject(scan: Scan, node: ObjectNode, name: string | undefined): void {
  const entries = collectObject(scan, node, name)
  if (entries.length === 0) return
  const last = node.properties.at(-1)
  scan.edits.insert(last?.end as number, `,get[__perf$k()](){return __perf$o([${entries.join()}],this)}`)
  scan.edits.insert(node.end as number, '[__perf$k()]')
}

function visitArray(scan: Scan, node: ArrayNode, name: string | undefined): void {
  const entries = collectArray(scan, node, name)
  if (entries.length !== 0) scan.edits.insert(node.end as number, `.map(__perf$a([${entries.join()}]))`)
}

/** The entries `[key, …, number]` of the functions in a literal, as source text; `path` leads from the outermost one. */
function collectObject(scan: Scan, node: ObjectNode, name: string | undefined, path = ''): string[] {
  const entries: string[] = []
  for (const [position, property] of node.properties.entries()) {
    if (property.type === 'SpreadElement') {
      visit(scan, property.argument, name)
      continue
    }
    const key = entryKey(scan, property)
    // A function under a computed key takes its name from there, which a call around it would prevent.
    if (key?.label === '__proto__' || (key === undefined && property.type === 'ObjectProperty' && asFunction(property.value) !== undefined))
      continue
    const label = key === undefined ? name : name === undefined ? key.label : `${name}.${key.label}`
    const isFixed = key !== undefined && isLastWord(node, position, key.label)
    if (property.type === 'ObjectProperty')
      entries.push(...collectValue(scan, property.value as Expression, label, isFixed ? path + key.code : undefined, key?.label))
    else if (property.kind === 'method' && isFixed) {
      const index = addTool(scan, label ?? key.label, property)
      if (index !== undefined) entries.push(`[${path}${key.code},${index}]`)
    }
  }
  return entries
}

function collectArray(scan: Scan, node: ArrayNode, name: string | undefined, path = ''): string[] {
  const entries: string[] = []
  let hasFixedPlace = true
  for (const [position, element] of node.elements.entries()) {
    if (element?.type === 'SpreadElement') {
      hasFixedPlace = false
      visit(scan, element.argument, name)
    } else if (element !== null) {
      const fn = asFunction(element)
      const label = (fn === undefined ? nameProperty(element) : nameOf(fn)) ?? `${name ?? ''}[${position}]`
      entries.push(...collectValue(scan, element, label, hasFixedPlace ? `${path}${position}` : undefined))
    }
  }
  return entries
}

/** Entries of what stands at `path`; without one, a function is wrapped where it stands. */
function collectValue(scan: Scan, value: Expression, label: string | undefined, path: string | undefined, inferredName?: string): string[] {
  const node = unwrap(value)
  if (node.type === 'ObjectExpression' && path !== undefined) return collectObject(scan, node, label, `${path},`)
  if (node.type === 'ArrayExpression' && path !== undefined) return collectArray(scan, node, label, `${path},`)
  const fn = asFunction(node)
  if (fn === undefined) visit(scan, node, label)
  else if (path === undefined) wrapInPlace(scan, fn, label, inferredName)
  else if (!readsOwnStatics(scan, fn)) {
    const index = addTool(scan, label ?? 'anonymous', fn)
    if (index !== undefined) return [`[${path},${index}]`]
  }
  return []
}

// A later spread or equal key may put something else there.
function isLastWord(node: ObjectNode, position: number, key: string): boolean {
  return node.properties.slice(position + 1).every((later) => later.type !== 'SpreadElement' && staticKey(later) !== key)
}

/** Functions handed to these run as part of the caller's expression or as event callbacks; they are no tools. */
const NO_TOOL_CALLEES = new Set(
  (
    'map filter reduce reduceRight forEach find findIndex findLast findLastIndex some every sort toSorted flatMap from fromEntries groupBy ' +
    'then catch finally Promise Proxy setTimeout setInterval setImmediate queueMicrotask nextTick on once addListener addEventListener ' +
    'replace replaceAll refine superRefine transform preprocess lazy check default pipe overwrite defineProperty defineProperties'
  ).split(' '),
)

function visitCall(scan: Scan, node: CallNode, name: string | undefined): void {
  const callee = node.callee as Expression
  const member = callee.type === 'MemberExpression' || callee.type === 'OptionalMemberExpression' ? callee : undefined
  const called = callee.type === 'Identifier' ? callee.name : member && staticKey({ key: member.property, computed: member.computed })
  if (called !== undefined && isHelperName(called)) return
  if (member !== undefined) visit(scan, member.object as Expression, name)
  else if (callee.type === 'CallExpression') visit(scan, callee, name)
  if (called !== undefined && NO_TOOL_CALLEES.has(called)) return
  const [first] = node.arguments
  const title = first?.type === 'StringLiteral' ? first.value : undefined
  for (const argument of node.arguments) {
    const inner = argument.type === 'SpreadElement' ? argument.argument : (argument as Expression)
    const fn = asFunction(inner)
    if (fn === undefined) visit(scan, inner, title ?? name ?? nameProperty(inner) ?? called)
    else wrapInPlace(scan, fn, title ?? name ?? nameOf(fn) ?? siblingName(node) ?? called)
  }
}

// `tool(fn, { name: 'search' })`
function siblingName(node: CallNode): string | undefined {
  for (const argument of node.arguments) {
    const found = nameProperty(argument as Expression)
    if (found !== undefined) return found
  }
  return undefined
}

// `{ name: 'search', … }`
function nameProperty(expression: Expression): string | undefined {
  const node = unwrap(expression)
  if (node.type !== 'ObjectExpression') return undefined
  const property = node.properties.find((candidate) => candidate.type === 'ObjectProperty' && staticKey(candidate) === 'name')
  return property?.type === 'ObjectProperty' && property.value.type === 'StringLiteral' ? property.value.value : undefined
}
