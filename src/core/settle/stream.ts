import { types } from 'node:util'
import type { Ending } from './ending.ts'
import { watchIterable, watchIterator } from './iterator.ts'
import { isNodeReadable, isWebReadable, watchNodeReadable, watchWebReadable } from './readable.ts'
import { StreamMeter, isAbortError } from './stream-meter.ts'

const promiseThen = Promise.prototype.then

/**
 * Ends the span when the stream in `result` ends, in one of six ways, and returns what the app gets: the same object,
 * instrumented on the instance; for a native promise of a stream a promise derived from it. What is not a stream ends
 * the span at once. See docs/decisions/ai-promises.md.
 */
export function settleStream(ending: Ending, result: unknown): unknown {
  if (types.isPromise(result) && Object.getPrototypeOf(result) === Promise.prototype) {
    return promiseThen.call(
      result,
      (value: unknown) => settleStream(ending, value),
      (error: unknown) => {
        ending.end({ ok: false, error })
        throw error
      },
    )
  }
  const from = ending.streamReading?.from
  const watched = ending.guard('stream', () => watchStream(ending, from === undefined ? result : propertyOf(result, from), result))
  if (watched !== true) ending.end({ ok: true, result })
  return result
}

function propertyOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}

function watchCompletion(ending: Ending, completion: Promise<unknown>, result: unknown): boolean {
  void promiseThen.call(
    completion,
    () => ending.end({ ok: true, result }),
    (error: unknown) => ending.end({ ok: false, error }, isAbortError(error) ? { status: 'unset' } : undefined),
  )
  return true
}

/** Instruments `stream` in place; false when it is not a stream or cannot be instrumented. */
function watchStream(ending: Ending, stream: unknown, result: unknown): boolean {
  // Only a property: a promise that the library has handled itself.
  if (stream !== result && types.isPromise(stream)) return watchCompletion(ending, stream, result)
  if (typeof stream !== 'object' || stream === null || types.isProxy(stream) || Array.isArray(stream)) return false
  if (isWebReadable(stream)) return watchWebReadable(new StreamMeter(ending, ending.streamSignal), stream)
  if (isNodeReadable(stream)) return watchNodeReadable(new StreamMeter(ending), stream)
  const { iterator, controller, next } = stream as { iterator?: unknown; controller?: { signal?: unknown }; next?: unknown }
  const signal = ending.streamSignal ?? controller?.signal
  // The Stream classes of openai and anthropic: everything that reads goes through their own property `iterator`.
  if (Object.hasOwn(stream, 'iterator') && typeof iterator === 'function') {
    return watchIterable(new StreamMeter(ending, signal), stream, 'iterator')
  }
  if (typeof next === 'function') return watchIterator(new StreamMeter(ending, ending.streamSignal), stream)
  if (Symbol.asyncIterator in stream) return watchIterable(new StreamMeter(ending, signal), stream, Symbol.asyncIterator)
  return false
}
