import { types } from 'node:util'
import { guard, isSwitchedOff } from './guard.ts'
import type { LoadedModule, Target } from './integration.ts'
import { replaceMethod } from './settle/iterator.ts'
import { beginCall, planOf, type ActiveCall } from './active-call.ts'
import { disguise, wrapOnce } from './disguise.ts'
import type { Runtime } from './runtime.ts'

type AnyFunction = (...args: unknown[]) => unknown
type AnyTarget = Target<{ self: unknown; args: unknown[]; result: unknown }>

const promiseThen = Promise.prototype.then

/**
 * The wrapper of a function that gives an async iterator whose every value is recorded as a call of its own: from when the app gets
 * it until the app asks for the next one or leaves. The loop's body is not run from here, so what it calls is not below that span.
 */
export function wrapItems(
  original: AnyFunction,
  target: AnyTarget,
  layer: string,
  integration: string,
  module: LoadedModule,
  runtime: Runtime,
): AnyFunction {
  return wrapOnce(original, target, (fn) =>
    disguise(fn, (self, args) => {
      const iterator = Reflect.apply(fn, self, args)
      if (runtime.recording && typeof iterator === 'object' && iterator !== null) {
        const begin = (value: unknown) => beginCall({ self, args: [value], module }, planOf(target), layer, integration, runtime, true)
        guard(integration, () => watchItems(iterator, begin, runtime, integration))
      }
      return iterator
    }),
  )
}

function watchItems(iterator: object, begin: (value: unknown) => ActiveCall | undefined, runtime: Runtime, integration: string): void {
  const { next, return: leave, throw: raise } = iterator as Record<'next' | 'return' | 'throw', unknown>
  if (typeof next !== 'function') return
  let current: ActiveCall | undefined
  const finish = (): void => {
    current?.end({ ok: true, result: undefined })
    current = undefined
  }
  const arrived = (step: unknown): unknown => {
    const { done, value } = step as { done?: boolean; value?: unknown }
    if (done !== true && runtime.recording && !isSwitchedOff(integration)) current = begin(value)
    return step
  }
  replaceMethod(iterator, 'next', function (this: unknown, ...args: unknown[]): unknown {
    finish()
    const step: unknown = Reflect.apply(next, this, args)
    return types.isPromise(step) ? promiseThen.call(step, arrived) : step
  })
  for (const [key, method] of [
    ['return', leave],
    ['throw', raise],
  ] as const) {
    if (typeof method !== 'function') continue
    replaceMethod(iterator, key, function (this: unknown, ...args: unknown[]): unknown {
      finish()
      return Reflect.apply(method, this, args)
    })
  }
}
