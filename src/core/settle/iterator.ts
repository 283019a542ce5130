import { types } from 'node:util'
import { seeingCalls, takeThrown } from '../see-thrown.ts'
import type { StreamMeter } from './stream-meter.ts'

type AnyFunction = (...args: unknown[]) => unknown
type Step = { done?: boolean; value?: unknown }

const promiseThen = Promise.prototype.then

/** Watches the first iterator that the method `key` of `iterable` gives out. */
export function watchIterable(meter: StreamMeter, iterable: object, key: string | symbol): boolean {
  const original: unknown = Reflect.get(iterable, key)
  if (typeof original !== 'function') return false
  let started = false
  const replaced = replaceMethod(iterable, key, function (this: unknown, ...args: unknown[]): unknown {
    const iterator: unknown = Reflect.apply(original, this, args)
    if (started || typeof iterator !== 'object' || iterator === null) return iterator
    started = true
    if (!watchIterator(meter, iterator)) meter.finish('abandoned')
    return iterator
  })
  if (replaced) meter.watchCollection(iterable)
  return replaced
}

/** Watches an iterator, sync or async, through its own `next`, `return` and `throw`. `isNew`: whether a chunk counts. */
export function watchIterator(meter: StreamMeter, iterator: object, isNew?: () => boolean): boolean {
  const { next, return: leave, throw: raise } = iterator as Record<'next' | 'return' | 'throw', unknown>
  if (typeof next !== 'function') return false
  const replaced = replaceMethod(iterator, 'next', stepper(meter, next as AnyFunction, isNew))
  if (!replaced) return false
  for (const [key, original] of [
    ['return', leave],
    ['throw', raise],
  ] as const) {
    if (typeof original !== 'function') continue
    replaceMethod(iterator, key, function (this: unknown, ...args: unknown[]): unknown {
      // Ended first: SDK streams abort their own request here, which must not look like an abort by the app.
      meter.stopped()
      return meter.runInContext(() => Reflect.apply(original, this, args) as unknown)
    })
  }
  meter.watchCollection(iterator)
  return true
}

/**
 * A `next` or `read` that meters its steps. The app gets a promise derived from the source's (observing beside it would
 * mark a rejection as handled), with the same step object.
 */
export function stepper(
  meter: StreamMeter,
  original: AnyFunction,
  isNew: () => boolean = always,
  isLeft: () => boolean = never,
): AnyFunction {
  const onStep = (step: unknown): unknown => {
    const { done, value } = (typeof step === 'object' && step !== null ? step : {}) as Step
    meter.answered()
    if (done === true) {
      if (!isLeft()) meter.exhausted()
    } else if (isNew()) meter.got(value)
    return step
  }
  const noteFailure = (error: unknown): void => {
    meter.answered()
    meter.failed(error)
  }
  const onFailure = (error: unknown): never => {
    noteFailure(error)
    throw error
  }
  return function (this: unknown, ...args: unknown[]): unknown {
    meter.asked()
    const calls = seeingCalls()
    let step: unknown
    let threw = true
    try {
      step = meter.runInContext(() => calls.apply(original, this, args))
      threw = false
    } finally {
      if (threw) noteFailure(takeThrown()?.error)
    }
    if (types.isPromise(step)) return promiseThen.call(step, onStep, onFailure)
    const then: unknown = typeof step === 'object' && step !== null ? Reflect.get(step, 'then') : undefined
    return typeof then === 'function' ? (Reflect.apply(then, step, [onStep, onFailure]) as unknown) : onStep(step)
  }
}

/** Puts an own method on `object`, as visible as the one it stands for; false when that is not possible. */
export function replaceMethod(object: object, key: string | symbol, method: AnyFunction): boolean {
  const own = Object.getOwnPropertyDescriptor(object, key)
  if (own === undefined)
    return Reflect.defineProperty(object, key, { value: method, writable: true, configurable: true, enumerable: false })
  // Only an own property shows in `util.inspect`, by its name.
  const name = (own.value as { name?: string } | undefined)?.name
  if (name !== undefined && name !== '') Object.defineProperty(method, 'name', { value: name, configurable: true })
  return Reflect.defineProperty(object, key, { ...own, value: method })
}

const always = (): boolean => true
const never = (): boolean => false
