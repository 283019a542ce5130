import { types } from 'node:util'

type AnyFunction = (...args: unknown[]) => unknown

const wrappers = new WeakMap<AnyFunction, Map<object, AnyFunction>>()
const wrapped = new WeakMap<AnyFunction, Set<object>>()

/** One wrapper per function and definition: an inherited function (`emit`) has several, one for each class that is patched. */
export function wrapOnce(original: AnyFunction, definition: object, make: (original: AnyFunction) => AnyFunction): AnyFunction {
  if (wrapped.get(original)?.has(definition) === true) return original
  let known = wrappers.get(original)
  if (known === undefined) wrappers.set(original, (known = new Map()))
  const existing = known.get(definition)
  if (existing !== undefined) return existing
  const wrapper = make(original)
  known.set(definition, wrapper)
  wrapped.set(wrapper, new Set([...(wrapped.get(original) ?? []), definition]))
  return wrapper
}

/** What runs in place of a wrapped function. */
export type Invoke = (self: unknown, args: unknown[]) => unknown

/** A function that calls `invoke` and looks like `original`: name, length, prototype, own properties, constructibility. */
export function disguise(original: AnyFunction, invoke: Invoke): AnyFunction {
  let result: AnyFunction
  if (isConstructible(original)) {
    const construct = function (this: unknown, ...args: unknown[]): unknown {
      if (new.target === undefined) return invoke(this, args)
      return Reflect.construct(original, args, new.target === (construct as unknown) ? original : new.target)
    }
    result = construct
  } else {
    result = {
      method(this: unknown, ...args: unknown[]): unknown {
        return invoke(this, args)
      },
    }.method
  }
  return dress(result, original)
}

/** Makes `result` look like `original`: name, length, prototype, own properties. */
export function dress(result: AnyFunction, original: AnyFunction): AnyFunction {
  for (const key of Reflect.ownKeys(original)) {
    const descriptor = Object.getOwnPropertyDescriptor(original, key)
    if (descriptor === undefined) continue
    const own = Object.getOwnPropertyDescriptor(result, key)
    if (own !== undefined && !own.configurable) {
      if (own.writable && 'value' in descriptor) Reflect.set(result, key, descriptor.value)
      continue
    }
    Reflect.defineProperty(result, key, descriptor)
  }
  const prototype: unknown = Object.getPrototypeOf(original)
  if (Object.getPrototypeOf(result) !== prototype) Object.setPrototypeOf(result, prototype as object | null)
  return result
}

function isConstructible(fn: AnyFunction): boolean {
  return Object.hasOwn(fn, 'prototype') && !types.isGeneratorFunction(fn) && !types.isAsyncFunction(fn)
}
