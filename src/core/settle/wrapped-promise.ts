import type { Ending } from './ending.ts'
import { replaceMethod } from './iterator.ts'
import { isAbortError } from './stream-meter.ts'
import { settleStream } from './stream.ts'

type AnyFunction = (...args: unknown[]) => unknown

/** The promise of the SDKs that Fern makes (cohere-ai): it holds the promise of `{ data, rawResponse }` and takes the data out when it is asked. */
interface WrappedPromise extends Promise<unknown> {
  innerPromise: Promise<{ data?: unknown } | undefined>
  unwrap: AnyFunction
  withRawResponse: AnyFunction
}

/** Ends the spans of calls whose promises nobody ever asked. */
const unasked = new FinalizationRegistry<{ ending: Ending; asked: boolean }>((watch) => {
  if (!watch.asked) watch.ending.end({ ok: true, result: undefined }, { attributes: { 'perf.call.end': 'abandoned' }, status: 'unset' })
})

/** True for a promise of `HttpResponsePromise`, by its fields. */
export function isWrappedPromise(value: unknown): value is WrappedPromise {
  if (!(value instanceof Promise)) return false
  const { innerPromise, unwrap, withRawResponse } = value as Partial<WrappedPromise>
  return innerPromise instanceof Promise && typeof unwrap === 'function' && typeof withRawResponse === 'function'
}

/**
 * Ends the span with the data, or with its stream. The inner promise is watched only after the app's own call made the SDK subscribe to it:
 * what nobody handles stays unhandled. Ours comes second there, so a stream is watched before the app has it.
 */
export function settleWrapped(ending: Ending, promise: WrappedPromise): void {
  const watch = { ending, asked: false }
  unasked.register(promise, watch)
  // `then`, `catch` and `finally` all go through `unwrap`.
  for (const key of ['unwrap', 'withRawResponse'] as const) {
    const original = promise[key]
    replaceMethod(promise, key, function (this: unknown, ...args: unknown[]): unknown {
      const answer = Reflect.apply(original, this, args)
      if (!watch.asked) {
        watch.asked = true
        void promise.innerPromise.then(
          (parts) => arrived(ending, parts?.data),
          (error: unknown) => ending.end({ ok: false, error }, isAbortError(error) ? { status: 'unset' } : undefined),
        )
      }
      return answer
    })
  }
}

function arrived(ending: Ending, data: unknown): void {
  if (ending.streamReading === undefined) ending.end({ ok: true, result: data })
  else settleStream(ending, data)
}
