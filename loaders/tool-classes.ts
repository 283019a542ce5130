// Methods and function fields of classes. Nothing is inserted before a member on its line:
//   class K {static{__perf$o([["m",0]],this.prototype)}       at the end of the line of `{`, else before the last `}`
//     async m() {}
//     #p() {}                      → #q() {} and a field #p=__perf$(1,this.#q,"#p") in the first line: a private method cannot be assigned to
//     run = async () => {};#__perf0=void __perf$o([["run",2]],this);
//   }
import type { ClassNode, Expression, Member } from './tool-ast.ts'
import { asFunction, staticKey } from './tool-ast.ts'
import { visit } from './tool-expressions.ts'
import { addTool, entryKey, readsOwnStatics, type Scan } from './tool-scan.ts'

type PrivateMethod = Extract<Member, { type: 'ClassPrivateMethod' }>

/** Writes what wraps the methods of a class; `name` stands before the dot. */
export function visitClass(scan: Scan, node: ClassNode, name: string): void {
  const { body } = node.body
  const first = body[0]
  const open = (node.body.start as number) + 1
  if (first === undefined) return
  const isMultiline = scan.isCompiled || scan.source.slice(open, startOf(first)).includes('\n')
  const canAddFirstField = isMultiline || body.every((member) => member.type === 'ClassMethod' || member.type === 'ClassPrivateMethod')
  const ofInstance: string[] = []
  const ofClass: string[] = []
  let fields = ''
  for (const [position, member] of body.entries()) {
    if (member.type === 'ClassMethod') addMethod(scan, member, name, member.static === true ? ofClass : ofInstance)
    else if (member.type === 'ClassPrivateMethod' && canAddFirstField) fields += renamePrivate(scan, member, name)
    else if (member.type === 'ClassProperty' || member.type === 'ClassPrivateProperty')
      visitField(scan, member, name, endOfLine(scan, body, position))
  }
  const text = fields + staticBlock(ofInstance, ofClass)
  if (text === '') return
  if (isMultiline) scan.edits.insert(open, text)
  else scan.edits.insert((node.body.end as number) - 1, `;${text}`)
}

// With decorators a member starts before its own range.
const startOf = (member: Member): number => {
  const decorators = 'decorators' in member ? member.decorators : undefined
  return (decorators?.[0]?.start ?? member.start) as number
}

function staticBlock(ofInstance: string[], ofClass: string[]): string {
  if (ofInstance.length + ofClass.length === 0) return ''
  const own = (entries: string[], target: string): string => (entries.length === 0 ? '' : `__perf$o([${entries.join()}],${target});`)
  return `static{${own(ofInstance, 'this.prototype')}${own(ofClass, 'this')}}`
}

function addMethod(scan: Scan, method: Extract<Member, { type: 'ClassMethod' }>, name: string, entries: string[]): void {
  const key = entryKey(scan, method)
  if (method.kind !== 'method' || method.abstract === true || key === undefined) return
  const index = addTool(scan, `${name}.${key.label}`, method)
  if (index !== undefined) entries.push(`[${key.code},${index}]`)
}

// The field takes the name, so `this.#p()` and `#p in o` go on working; it comes first, before any other field could call it.
function renamePrivate(scan: Scan, method: PrivateMethod, name: string): string {
  const { name: own, start } = method.key.id
  if (method.kind !== 'method' || (method.decorators?.length ?? 0) !== 0 || !scan.source.startsWith(own, start as number)) return ''
  const spare = spareName(scan, own)
  const index = spare === undefined ? undefined : addTool(scan, `${name}.#${own}`, method)
  if (spare === undefined || index === undefined) return ''
  scan.edits.overwrite(start as number, (start as number) + own.length, spare)
  scan.takenNames.add(spare)
  return `${method.static === true ? 'static ' : ''}#${own}=__perf$(${index},this.#${spare},"#${own}");`
}

/** A private name of equal length that the file does not use. */
function spareName(scan: Scan, name: string): string | undefined {
  for (const character of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_$') {
    const candidate = name.slice(0, -1) + character
    if (candidate !== 'constructor' && !scan.takenNames.has(candidate) && !scan.source.includes(`#${candidate}`)) return candidate
  }
  return undefined
}

// After the other members on the line, so that they do not move.
function endOfLine(scan: Scan, body: readonly Member[], position: number): number {
  let end = body[position]?.end as number
  for (const next of body.slice(position + 1)) {
    if (scan.isCompiled || scan.source.slice(end, startOf(next)).includes('\n')) break
    end = next.end as number
  }
  return end
}

type Field = Extract<Member, { type: 'ClassProperty' | 'ClassPrivateProperty' }>

function visitField(scan: Scan, field: Field, name: string, end: number): void {
  const isPrivate = field.type === 'ClassPrivateProperty'
  const key = field.type === 'ClassPrivateProperty' ? `#${field.key.id.name}` : staticKey(field)
  if (key === undefined || field.value === null || field.value === undefined) return
  if ((field.decorators?.length ?? 0) !== 0 || ('declare' in field && field.declare === true)) return
  const fn = asFunction(field.value)
  if (fn === undefined) {
    // What an instance holds is made anew for each one: too many wrappers.
    if (field.static === true) visit(scan, field.value as Expression, `${name}.${key}`)
    return
  }
  const index = readsOwnStatics(scan, fn) ? undefined : addTool(scan, `${name}.${key}`, fn)
  if (index === undefined) return
  const call = isPrivate ? `this.${key}=__perf$(${index},this.${key})` : `__perf$o(${JSON.stringify([[key, index]])},this)`
  scan.edits.insert(end, field.static === true ? `;static{${call}}` : `;#__perf${index}=void(${call});`)
}
