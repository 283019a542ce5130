import { types } from 'node:util'
import { currentSpan, runWith } from '../context.ts'
import type { Ending } from './ending.ts'

/** All that is needed of the span here. */
type End = Pick<Ending, 'end'> & Partial<Pick<Ending, 'ended' | 'runInContext'>>

// How the end of a promise is seen without changing what the app sees: docs/decisions/promises.md.

const promiseThen = Promise.prototype.then
const observed = new WeakMap<object, Promise<unknown>>()

/**
 * Ends the span when `result` settles and returns what the app gets.
 * A native promise gives a derived one (side-observing it would mark a rejection as handled and hide it from the app's
 * `unhandledRejection`); the same promise always gives the same derived one. Any other thenable is returned itself and
 * watched through the app's own `then`. A plain value ends the span at once.
 */
export function settlePromise(ending: End, result: unknown): unknown {
  if (typeof result !== 'object' || result === null) {
    ending.end({ ok: true, result })
    return result
  }
  if (types.isPromise(result) && Object.getPrototypeOf(result) === Promise.prototype && !Object.hasOwn(result, 'then')) {
    return settleNative(ending, result)
  }
  if (types.isProxy(result)) {
    ending.end({ ok: true, result })
    return result
  }
  const then: unknown = Reflect.get(result, 'then')
  if (typeof then === 'function') watchThen(ending, result, then as Then)
  else ending.end({ ok: true, result })
  return result
}

/** As `settlePromise`, for a promise whose taker handles its rejection: watched beside it and handed on as it is, in the same order. */
export function settleBeside(ending: End, result: unknown): unknown {
  if (!types.isPromise(result)) return settlePromise(ending, result)
  void promiseThen.call(
    result,
    (value: unknown) => ending.end({ ok: true, result: value }),
    (error: unknown) => ending.end({ ok: false, error }),
  )
  return result
}

function settleNative(ending: End, promise: Promise<unknown>): Promise<unknown> {
  const known = observed.get(promise)
  const derived = promiseThen.call(
    promise,
    (value: unknown) => {
      ending.end({ ok: true, result: value })
      return value
    },
    (error: unknown) => {
      ending.end({ ok: false, error })
      throw error
    },
  )
  if (known !== undefined) {
    // A memoised promise: hand out the first derived one again; this one must not become an unhandled rejection of ours.
    void promiseThen.call(derived, undefined, ignore)
    return known
  }
  observed.set(promise, derived)
  return derived
}

function ignore(): void {}

type Then = (onFulfilled?: unknown, onRejected?: unknown) => unknown
const abandoned = new FinalizationRegistry<End>((ending) => ending.end({ ok: true, result: undefined }))

/**
 * Puts an own `then` on the object that notes how it settled when the app itself asks. A lazy one (a query) begins its work there: it
 * belongs into the span, what the app does with the value does not.
 */
function watchThen(ending: End, thenable: object, then: Then): void {
  const watching: Then = function (this: unknown, onFulfilled, onRejected) {
    const caller = currentSpan()
    const given = [
      (value: unknown): unknown => {
        ending.end({ ok: true, result: value })
        return typeof onFulfilled === 'function' ? runWith(caller, onFulfilled as (value: unknown) => unknown, undefined, [value]) : value
      },
      (error: unknown): unknown => {
        ending.end({ ok: false, error })
        if (typeof onRejected === 'function') return runWith(caller, onRejected as (error: unknown) => unknown, undefined, [error])
        throw error
      },
    ]
    const ask = (): unknown => Reflect.apply(then, this, given)
    return ending.ended === true || ending.runInContext === undefined ? ask() : ending.runInContext(ask)
  }
  const defined = Reflect.defineProperty(thenable, 'then', { value: watching, configurable: true, writable: true, enumerable: false })
  if (defined) abandoned.register(thenable, ending)
  else ending.end({ ok: true, result: undefined })
}
