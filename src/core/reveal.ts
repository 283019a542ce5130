import { types } from 'node:util'
import { guard } from './guard.ts'
import { origins } from './origin.ts'
import { patchPath } from './patch.ts'
import { settlePromise } from './settle/promise.ts'
import { disguise, type Invoke } from './disguise.ts'

// Classes that a module does not export show in what its functions give and are given: `connect().request` is the method `request`
// of what `connect` returns or promises, `prepare(=>).execute` that of what `prepare` hands to its
// callback after the error, `transaction(=>0).query` as its first value,
// `createServer().emit(stream, *).respond` that of the object a server emits with `stream`,
// `Client.prototype.get chat().complete` that of the object a client's property `chat` makes.

type AnyFunction = (...args: unknown[]) => unknown

/** One part of such a path, up to a call. */
interface Hop {
  /** `connect()`: what is the same for several definitions is watched once. */
  text: string
  path: string
  /** Where the wanted object is: an argument, the result, a value of the callback. Undefined for the last part. */
  at: number | 'result' | { callback: number } | undefined
  /** Texts other arguments must be for this. */
  equal: readonly (readonly [number, string])[]
}

/** What is to happen with an object that showed: `found` gets the object that has `key`, its class's prototype or itself. */
interface Look {
  key: string
  done: WeakSet<object>
  found: (holder: object) => void
}

/** A function with the wrappers that watch it. */
interface Watched {
  original: AnyFunction
  outermost: AnyFunction
  hops: Map<string, Map<object, Look>>
}

const hops = new WeakMap<object, Hop[]>()
const watched = new WeakMap<AnyFunction, Watched>()

/** As `patchPath`, for a definition whose path may lead through calls; what those reveal is patched before anyone else has it. */
export function patchThrough(
  exports: unknown,
  definition: { path: string; also?: readonly string[] },
  wrap: (original: AnyFunction) => AnyFunction,
): number {
  const { path, also = [] } = definition
  const isThrough = path.includes('(')
  let known = hops.get(definition)
  if (isThrough && known === undefined) hops.set(definition, (known = parseHops(path)))
  const patched = known === undefined ? patchPath(exports, path, wrap) : follow(exports, definition, known, 0, wrap)
  // The same function under another name must stay the same.
  for (const other of also) {
    if (known === undefined) patchPath(exports, other, wrap)
    else follow(exports, definition, [{ ...(known[0] as Hop), path: other }, ...known.slice(1)], 0, wrap)
  }
  return patched
}

function follow(
  root: unknown,
  definition: object,
  path: readonly Hop[],
  index: number,
  wrap: (original: AnyFunction) => AnyFunction,
): number {
  const hop = path[index]
  if (hop === undefined) return 0
  if (hop.at === undefined) return patchPath(root, hop.path, wrap)
  const key = path[index + 1]?.path.split('.', 1)[0] ?? ''
  return patchPath(root, hop.path, (fn) => {
    const found = (holder: object): void => void follow(holder, definition, path, index + 1, wrap)
    return watch(fn, hop, definition, { key, done: new WeakSet(), found })
  })
}

/** The wrapper of `fn` that looks at what it reveals: one for all definitions that go this way. */
function watch(fn: AnyFunction, hop: Hop, definition: object, look: Look): AnyFunction {
  const known = watched.get(fn) ?? { original: fn, outermost: fn, hops: new Map<string, Map<object, Look>>() }
  const outer = fn === known.original ? known.outermost : fn
  const looks = known.hops.get(hop.text)
  if (looks !== undefined) {
    looks.set(definition, look)
    return outer
  }
  const first = new Map([[definition, look]])
  known.hops.set(hop.text, first)
  known.outermost = disguise(outer, revealing(outer, hop, first))
  watched.set(known.original, known)
  watched.set(known.outermost, known)
  return known.outermost
}

function lookAt(object: object, looks: ReadonlyMap<object, Look>): void {
  for (const { key, done, found } of looks.values()) {
    const holder = Object.hasOwn(object, key) ? object : (Object.getPrototypeOf(object) as object | null)
    if (holder === null || done.has(holder)) continue
    done.add(holder)
    found(holder)
  }
}

function revealing(original: AnyFunction, { at, equal }: Hop, looks: ReadonlyMap<object, Look>): Invoke {
  if (typeof at === 'number') {
    return (self, args) => {
      const object = args[at]
      if (isObject(object) && equal.every(([index, text]) => args[index] === text)) guard('reveal', () => lookAt(object, looks))
      return Reflect.apply(original, self, args)
    }
  }
  const seen = (object: unknown, self: unknown, args: readonly unknown[]): void => {
    if (!isObject(object)) return
    guard('reveal', () => {
      origins.set(object, { self, args })
      lookAt(object, looks)
    })
  }
  if (typeof at === 'object') {
    return (self, args) => {
      const callback = args.at(-1)
      if (typeof callback !== 'function') return Reflect.apply(original, self, args)
      const watching = function (this: unknown, ...values: unknown[]): unknown {
        seen(values[at.callback], self, args)
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
    if (open < 0 || index === parts.length - 1) return { text: part, path: part, at: undefined, equal: [] }
    const words = part.slice(open + 1).split(',')
    const texts = words.map((word) => word.trim())
    const at = texts.indexOf('*')
    const callback = /^=>(\d*)$/.exec(texts[0] ?? '')?.[1]
    return {
      text: part,
      path: part.slice(0, open),
      at: at >= 0 ? at : callback !== undefined ? { callback: Number(callback || 1) } : 'result',
      equal: texts.flatMap((text, i) => (text === '' || text === '*' || callback !== undefined ? [] : [[i, text] as const])),
    }
  })
}
