import { types } from 'node:util'
import { guard } from './guard.ts'
import { origins } from './origin.ts'
import { patchPath } from './patch.ts'
import { settlePromise } from './settle/promise.ts'
import { disguise, wrapOnce } from './wrap.ts'
import type { Invoke } from './wrap.ts'

// Classes that a module does not export show in what its functions give and are given: `connect().request` is the method `request`
// of what `connect` returns or promises, `prepare(=>).execute` that of what `prepare` hands to its callback,
// `createServer().emit(stream, *).respond` that of the object a server emits with `stream`.

type AnyFunction = (...args: unknown[]) => unknown

/** One part of such a path, up to a call. */
interface Hop {
  path: string
  /** Where the wanted object is: an argument, the result, the second value of the callback. Undefined for the last part. */
  at: number | 'result' | 'callback' | undefined
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
        revealing(fn, hop, firstKey(path[index + 1]), (holder) => follow(holder, path, index + 1, wrap)),
      ),
    ),
  )
}

function firstKey(hop: Hop | undefined): string {
  return hop?.path.split('.', 1)[0] ?? ''
}

function revealing(original: AnyFunction, { at, equal }: Hop, key: string, found: (holder: object) => void): Invoke {
  const done = new WeakSet<object>()
  const look = (object: object): void => {
    const own = Object.hasOwn(object, key)
    const holder = own ? object : (Object.getPrototypeOf(object) as object | null)
    if (holder === null || done.has(holder)) return
    done.add(holder)
    found(holder)
  }
  const seen = (object: unknown, self: unknown, args: readonly unknown[]): void => {
    if (!isObject(object)) return
    guard('reveal', () => {
      origins.set(object, { self, args })
      look(object)
    })
  }
  if (typeof at === 'number') {
    return (self, args) => {
      const object = args[at]
      if (isObject(object) && equal.every(([index, text]) => args[index] === text)) guard('reveal', () => look(object))
      return Reflect.apply(original, self, args)
    }
  }
  if (at === 'callback') {
    return (self, args) => {
      const callback = args.at(-1)
      if (typeof callback !== 'function') return Reflect.apply(original, self, args)
      const watching = function (this: unknown, ...values: unknown[]): unknown {
        seen(values[1], self, args)
        return Reflect.apply(callback as AnyFunction, this, values)
      }
      return Reflect.apply(original, self, [...args.slice(0, -1), watching])
    }
  }
  return (self, args) => {
    const result: unknown = Reflect.apply(original, self, args)
    if (types.isPromise(result))
      return settlePromise({ end: (outcome) => (outcome.ok ? seen(outcome.result, self, args) : undefined) }, result)
    seen(result, self, args)
    return result
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' || typeof value === 'function') && value !== null
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
      at: at >= 0 ? at : texts[0] === '=>' ? 'callback' : 'result',
      equal: texts.flatMap((text, i) => (['', '*', '=>'].includes(text) ? [] : [[i, text] as const])),
    }
  })
}
