import { guard } from './guard.ts'
import { patchPath } from './patch.ts'
import { disguise, wrapOnce } from './wrap.ts'
import type { Invoke } from './wrap.ts'

// Classes that a module does not export show in what its functions give and are given: `connect().request` is the method `request`
// of what `connect` gives, `createServer().emit(stream, *).respond` that of the object a server emits with `stream`.

type AnyFunction = (...args: unknown[]) => unknown

/** One part of such a path, up to a call. */
interface Hop {
  path: string
  /** Where the wanted object is: an argument, or the result. Undefined for the last part. */
  at: number | 'result' | undefined
  /** Texts other arguments must be for this. */
  equal: readonly (readonly [number, string])[]
}

const hops = new WeakMap<object, Hop[]>()

/** As `patchPath`, for a definition whose path may lead through calls; what those reveal is patched before anyone else has it. */
export function patchThrough(exports: unknown, definition: { path: string }, wrap: (original: AnyFunction) => AnyFunction): number {
  if (!definition.path.includes('(')) return patchPath(exports, definition.path, wrap)
  let known = hops.get(definition)
  if (known === undefined) hops.set(definition, (known = parseHops(definition.path)))
  return follow(exports, known, 0, wrap)
}

function follow(root: unknown, path: readonly Hop[], index: number, wrap: (original: AnyFunction) => AnyFunction): number {
  const hop = path[index]
  if (hop === undefined) return 0
  if (hop.at === undefined) return patchPath(root, hop.path, wrap)
  return patchPath(root, hop.path, (original) =>
    wrapOnce(original, hop, (fn) =>
      disguise(
        fn,
        revealing(fn, hop, (prototype) => follow(prototype, path, index + 1, wrap)),
      ),
    ),
  )
}

function revealing(original: AnyFunction, { at, equal }: Hop, found: (prototype: object) => void): Invoke {
  let last: unknown
  const look = (object: unknown): void => {
    if ((typeof object !== 'object' && typeof object !== 'function') || object === null) return
    const prototype = Object.getPrototypeOf(object) as object | null
    if (prototype === last || prototype === null) return
    last = prototype
    guard('reveal', () => found(prototype))
  }
  if (typeof at === 'number') {
    return (self, args) => {
      if (equal.every(([index, text]) => args[index] === text)) look(args[at])
      return Reflect.apply(original, self, args)
    }
  }
  return (self, args) => {
    const result: unknown = Reflect.apply(original, self, args)
    look(result)
    return result
  }
}

/** `createServer().emit(stream, *).respond` → createServer, its result; emit, argument 1 where argument 0 is `stream`; respond. */
function parseHops(path: string): Hop[] {
  const parts = path.split(').')
  return parts.map((part, index) => {
    const open = part.indexOf('(')
    if (open < 0 || index === parts.length - 1) return { path: part, at: undefined, equal: [] }
    const words = part.slice(open + 1).split(',')
    const texts = words.map((word) => word.trim())
    const at = texts.indexOf('*')
    return {
      path: part.slice(0, open),
      at: at < 0 ? 'result' : at,
      equal: texts.flatMap((text, i) => (text === '' || text === '*' ? [] : [[i, text] as const])),
    }
  })
}
