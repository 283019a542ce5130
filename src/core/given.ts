import { guard } from './guard.ts'
import type { LoadedModule, Target } from './integration.ts'
import { disguise, wrapOnce, wrapTarget } from './wrap.ts'
import type { Runtime } from './wrap.ts'

type AnyFunction = (...args: unknown[]) => unknown
type AnyTarget = Target<{ self: unknown; args: unknown[]; result: unknown }>

/**
 * The wrapper of a function that is given the one to record: an executor, a handler. `place` is the way to it through the
 * arguments (`1`, `0.executor`); an object on the way is copied, not changed. A function that an object of the library keeps
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
  const keys = place.split('.')
  const wrap = (fn: AnyFunction): AnyFunction => wrapTarget(fn, target, layer, integration, module, runtime)
  return wrapOnce(original, target, (fn) =>
    disguise(fn, (self, args) => {
      if (keys[0] === 'this') {
        guard(integration, () => replaceOn(self, keys[1] ?? '', wrap))
        return Reflect.apply(fn, self, args)
      }
      const given = guard(integration, () => replaceAt(args, keys, wrap)) as unknown[] | undefined
      return Reflect.apply(fn, self, given ?? args)
    }),
  )
}

function replaceOn(self: unknown, key: string, wrap: (fn: AnyFunction) => AnyFunction): void {
  const value: unknown = Reflect.get(self as object, key)
  if (typeof value === 'function') Reflect.set(self as object, key, wrap(value as AnyFunction))
}

/** `root` with the function at `keys` wrapped, or `root` itself when there is none. */
function replaceAt(root: unknown, keys: readonly string[], wrap: (fn: AnyFunction) => AnyFunction): unknown {
  const [key, ...rest] = keys
  if (key === undefined) return typeof root === 'function' ? wrap(root as AnyFunction) : root
  if (typeof root !== 'object' || root === null) return root
  const value: unknown = Reflect.get(root, key)
  const replaced = replaceAt(value, rest, wrap)
  if (replaced === value) return root
  const copy = Object.create(Object.getPrototypeOf(root) as object | null, Object.getOwnPropertyDescriptors(root)) as object
  Object.defineProperty(copy, key, { value: replaced, writable: true, enumerable: true, configurable: true })
  return copy
}
