import { guard } from './guard.ts'
import type { Finds, LoadedModule, Target } from './integration.ts'
import { disguise, wrapOnce } from './disguise.ts'
import type { Runtime } from './runtime.ts'
import { wrapTarget } from './wrap.ts'

type AnyFunction = (...args: unknown[]) => unknown
type AnyTarget = Target<{ self: unknown; args: unknown[]; result: unknown }>

const searched = new WeakMap<Finds<never>, WeakSet<object>>()

/** Replaces the functions that `finds` names, once per root (a schema's resolvers), by wrappers that record them. */
export function replaceFound(
  finds: Finds<never>,
  seen: unknown,
  layer: string,
  integration: string,
  module: LoadedModule,
  runtime: Runtime,
): void {
  const { root: rootOf, places, target } = finds as unknown as Finds<unknown>
  guard(integration, () => {
    const root = rootOf(seen)
    if (root === undefined) return
    let roots = searched.get(finds)
    if (roots === undefined) searched.set(finds, (roots = new WeakSet()))
    if (roots.has(root)) return
    roots.add(root)
    for (const [owner, key] of places(root)) {
      const value: unknown = Reflect.get(owner, key)
      if (typeof value !== 'function') continue
      Reflect.set(owner, key, wrapTarget(value as AnyFunction, target as unknown as AnyTarget, layer, integration, module, runtime))
    }
  })
}

/** The wrapper of a function in whose arguments others are found before it runs. */
export function wrapFinding(
  original: AnyFunction,
  finds: Finds<never>,
  layer: string,
  integration: string,
  module: LoadedModule,
  runtime: Runtime,
): AnyFunction {
  return wrapOnce(original, finds, (fn) =>
    disguise(fn, (self, args) => {
      if (runtime.recording) replaceFound(finds, { self, args, module }, layer, integration, module, runtime)
      return Reflect.apply(fn, self, args)
    }),
  )
}
