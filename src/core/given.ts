import { guard } from './guard.ts'
import type { LoadedModule, Target } from './integration.ts'
import { derivedFrom, originalOf, standInFor } from './stand-in.ts'
import { disguise, wrapOnce, type Invoke } from './disguise.ts'
import type { Runtime } from './runtime.ts'
import { targetInvoke } from './wrap.ts'

type AnyFunction = (...args: unknown[]) => unknown
type AnyTarget = Target<{ self: unknown; args: unknown[]; result: unknown }>

/**
 * The wrapper of a function that is given the one to record: an executor, a handler. `place` is the way to it through the
 * arguments (`1`, `0.executor`, `0.tools.*.execute`) or from `this` (`this.settings.model.generate`); what is on the way is not
 * changed: something else that looks like it is passed on in its place. A function that an object of the library keeps
 * (`this.eachMessage`) is replaced there.
 */
export function wrapGiven(
  original: AnyFunction,
  target: AnyTarget,
  place: string,
  layer: string,
  integration: string,
  module: LoadedModule,
  runtime: Runtime,
): AnyFunction {
  if (place === 'result') return wrapMade(original, target, layer, integration, module, runtime)
  const keys = place.split('.')
  const wrap = (fn: AnyFunction, key: string | undefined): AnyFunction => {
    const keyed = key === undefined ? target : targetAt(target, key)
    return wrapOnce(fn, keyed, () => {
      const invoke = targetInvoke(fn, keyed, layer, integration, module, runtime)
      return disguise(fn, (self, args) => invoke(originalOf(self), args))
    })
  }
  return wrapOnce(original, target, (fn) =>
    disguise(fn, (self, args) => {
      if (keys[0] !== 'this') {
        const given = guard(integration, () => replaceAt(args, keys, 0, undefined, wrap)) as unknown[] | undefined
        return Reflect.apply(fn, self, given ?? args)
      }
      const kept = keys.length === 2 ? keys[1] : undefined
      if (kept === undefined)
        return Reflect.apply(fn, guard(integration, () => replaceAt(self, keys, 1, undefined, wrap, derivedFrom)) ?? self, args)
      guard(integration, () => replaceOn(self, kept, wrap))
      return Reflect.apply(fn, self, args)
    }),
  )
}

/** The wrapper of a function that makes the one to record; the calls of that know what it was made of. */
function wrapMade(
  original: AnyFunction,
  target: AnyTarget,
  layer: string,
  integration: string,
  module: LoadedModule,
  runtime: Runtime,
): AnyFunction {
  return wrapOnce(original, target, (fn) =>
    disguise(fn, (self, args) => {
      const madeOf = [...args]
      const made: unknown = Reflect.apply(fn, self, args)
      if (typeof made !== 'function') return made
      const wrap = () => {
        const invoke = targetInvoke(made as AnyFunction, target, layer, integration, module, runtime, madeOf)
        return target.onlyCalled === true ? undisguised(invoke) : disguise(made as AnyFunction, invoke)
      }
      return guard(integration, wrap) ?? made
    }),
  )
}

function undisguised(invoke: Invoke): AnyFunction {
  return function (this: unknown, ...args: unknown[]): unknown {
    return invoke(this, args)
  }
}

type Wrap = (fn: AnyFunction, key: string | undefined) => AnyFunction

function replaceOn(self: unknown, key: string, wrap: Wrap): void {
  const value: unknown = Reflect.get(self as object, key)
  if (typeof value === 'function') Reflect.set(self as object, key, wrap(value as AnyFunction, undefined))
}

/** `root` with the functions at `keys` wrapped, or `root` itself when there is none. */
function replaceAt(
  root: unknown,
  keys: readonly string[],
  depth: number,
  star: string | undefined,
  wrap: Wrap,
  replace = standInFor,
): unknown {
  const key = keys[depth]
  if (key === undefined) return typeof root === 'function' ? wrap(root as AnyFunction, star) : root
  if (typeof root !== 'object' || root === null) return root
  let replaced: Map<string, unknown> | undefined
  for (const name of key === '*' ? Object.keys(root) : [key]) {
    const value: unknown = Reflect.get(root, name)
    const next = replaceAt(value, keys, depth + 1, key === '*' ? name : star, wrap)
    if (next !== value) (replaced ??= new Map<string, unknown>()).set(name, next)
  }
  return replaced === undefined ? root : replace(root, replaced)
}

const atKeys = new WeakMap<AnyTarget, Map<string, AnyTarget>>()

/** The target of the functions at one key of a table; the same for the same key, by which a function keeps its wrapper. */
function targetAt(target: AnyTarget, key: string): AnyTarget {
  let known = atKeys.get(target)
  if (known === undefined) atKeys.set(target, (known = new Map()))
  let keyed = known.get(key)
  if (keyed === undefined) known.set(key, (keyed = { ...target, key }))
  return keyed
}
