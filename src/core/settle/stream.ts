import { types } from 'node:util'
import type { Ending } from './ending.ts'
import { watchIterable, watchIterator } from './iterator.ts'
import { isNodeReadable, isWebReadable, watchNodeReadable, watchWebReadable } from './readable.ts'
import { StreamMeter } from './stream-meter.ts'

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
  const watched = ending.guard('stream', () => watchStream(ending, from === undefined ? result : propertyOf(result, from)))
  if (watched !== true) ending.end({ ok: true, result })
  return result
}

function propertyOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}

/** Instruments `stream` in place; false when it is not a stream or cannot be instrumented. */
function watchStream(ending: Ending, stream: unknown): boolean {
  if (typeof stream !== 'object' || stream === null || types.isProxy(stream) || Array.isArray(stream)) return false
  if (isWebReadable(stream)) return watchWebReadable(new StreamMeter(ending), stream)
  if (isNodeReadable(stream)) return watchNodeReadable(new StreamMeter(ending), stream)
  const { iterator, controller, next } = stream as { iterator?: unknown; controller?: { signal?: unknown }; next?: unknown }
  // The Stream classes of openai and anthropic: everything that reads goes through their own property `iterator`.
  if (Object.hasOwn(stream, 'iterator') && typeof iterator === 'function') {
    return watchIterable(new StreamMeter(ending, controller?.signal), stream, 'iterator')
  }
  if (typeof next === 'function') return watchIterator(new StreamMeter(ending), stream)
  if (Symbol.asyncIterator in stream) return watchIterable(new StreamMeter(ending, controller?.signal), stream, Symbol.asyncIterator)
  return false
}
