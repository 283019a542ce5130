import { types } from 'node:util'
import type { Ending } from './ending.ts'
import { replaceMethod } from './iterator.ts'
import { settlePromise } from './promise.ts'
import { isAbortError } from './stream-meter.ts'
import { settleStream } from './stream.ts'
import { isWrappedPromise, settleWrapped } from './wrapped-promise.ts'

type AnyFunction = (...args: unknown[]) => unknown

/** The lazy promise of the Stainless SDKs (openai 4 to 7, @anthropic-ai/sdk): it parses the body when it is first asked for. */
interface LazyPromise extends Promise<unknown> {
  responsePromise: Promise<Parts>
  parseResponse: AnyFunction
  parse(): Promise<unknown>
  asResponse(): Promise<unknown>
  _thenUnwrap(transform: AnyFunction): LazyPromise
}

/** What `responsePromise` resolves to, as far as it is read here. */
interface Parts {
  response?: unknown
  options?: { stream?: unknown }
}

/** What is known about one call, shared by every promise that was unwrapped from the first. Holds no promise. */
interface Watch {
  readonly ending: Ending
  /** The app asked for the parsed body. */
  parsing: boolean
  /** The app asked for the parsed body or for the raw response. */
  asked: boolean
  /** The parsed value was seen. */
  arrived: boolean
  /** Promises of this call that are not garbage yet. */
  promises: number
}

/** Ends the spans of calls whose promises nobody ever asked. */
const unasked = new FinalizationRegistry<Watch>((watch) => {
  if (--watch.promises > 0 || watch.asked) return
  watch.ending.end({ ok: true, result: undefined }, { attributes: { 'perf.call.end': 'abandoned' }, status: 'unset' })
})

/**
 * Ends the span where the SDK itself parses, and returns the same object: nothing is awaited, read or requested that the
 * app did not ask for. A call that resolves to a stream ends with the stream. See docs/decisions/ai-promises.md.
 */
export function settleLazy(ending: Ending, result: unknown): unknown {
  if (!isLazy(result)) return settleOther(ending, result)
  observe({ ending, parsing: false, asked: false, arrived: false, promises: 0 }, result)
  return result
}

/** What other SDKs, and older versions, give in its place. */
function settleOther(ending: Ending, result: unknown): unknown {
  if (isWrappedPromise(result)) settleWrapped(ending, result)
  else if (ending.streamReading === undefined || !types.isPromise(result)) return settlePromise(ending, result)
  else return settleStream(ending, result)
  return result
}

function isLazy(value: unknown): value is LazyPromise {
  if (!(value instanceof Promise)) return false
  const { responsePromise, parseResponse, parse, asResponse } = value as Partial<LazyPromise>
  return (
    responsePromise instanceof Promise &&
    typeof parseResponse === 'function' &&
    typeof parse === 'function' &&
    typeof asResponse === 'function'
  )
}

function observe(watch: Watch, lazy: LazyPromise): void {
  watch.promises++
  unasked.register(lazy, watch)
  observeParsing(watch, lazy)
  const { parse, asResponse, _thenUnwrap: unwrap } = lazy
  // `then`, `catch`, `finally` and `withResponse` all go through `parse`.
  replaceMethod(lazy, 'parse', function (this: unknown, ...args: unknown[]): unknown {
    watch.parsing = true
    return asked(watch, lazy, () => Reflect.apply(parse, this, args))
  })
  replaceMethod(lazy, 'asResponse', function (this: unknown, ...args: unknown[]): unknown {
    return asked(watch, lazy, () => Reflect.apply(asResponse, this, args), endWithResponse)
  })
  if (typeof unwrap === 'function') {
    replaceMethod(lazy, '_thenUnwrap', function (this: unknown, transform: unknown): unknown {
      const derived = Reflect.apply(unwrap, this, [observedTransform(watch, transform as AnyFunction)])
      watch.ending.guard('lazy.unwrap', () => isLazy(derived) && observe(watch, derived))
      return derived
    })
  }
  observeProps(watch, lazy)
}

/** Sees the outcome of the SDK's own parsing. Its promise is always consumed by the SDK, so watching it hides no rejection. */
function observeParsing(watch: Watch, lazy: LazyPromise): void {
  const { parseResponse } = lazy
  replaceMethod(lazy, 'parseResponse', function (this: unknown, ...args: unknown[]): unknown {
    watch.parsing = true
    // In the span's context: openai 7 sends the request again from here when reading the body times out.
    const parsed: unknown = watch.ending.runInContext(() => Reflect.apply(parseResponse, this, args))
    if (parsed instanceof Promise)
      void parsed.then(
        (value) => arrived(watch, value),
        (error: unknown) => failed(watch, error),
      )
    else arrived(watch, parsed)
    return parsed
  })
}

/** openai 7 unwraps without calling `parseResponse` of the first promise: the value is seen on its way to `transform`. */
function observedTransform(watch: Watch, transform: AnyFunction): AnyFunction {
  return (value, ...rest) => {
    arrived(watch, value)
    return transform(value, ...rest)
  }
}

/** The parsed value, before the app gets it. */
function arrived(watch: Watch, value: unknown): void {
  const { ending } = watch
  if (ending.ended || watch.arrived) return
  watch.arrived = true
  if (ending.streamReading === undefined) ending.end({ ok: true, result: value })
  else settleStream(ending, value)
}

function failed(watch: Watch, error: unknown): void {
  watch.ending.end({ ok: false, error }, isAbortError(error) ? { status: 'unset' } : undefined)
}

/**
 * Runs what the app asked for and then watches `responsePromise`. Only now: the SDK has just subscribed to it for the
 * app, so it counts as handled by the app's own doing and an unhandled rejection stays one.
 */
function asked(watch: Watch, lazy: LazyPromise, ask: () => unknown, onResponse?: (watch: Watch, parts: Parts) => void): unknown {
  const first = !watch.asked
  watch.asked = true
  const answer = ask()
  if (first || onResponse !== undefined) {
    void lazy.responsePromise.then(
      (parts) => onResponse?.(watch, parts),
      (error: unknown) => failed(watch, error),
    )
  }
  return answer
}

/** The app took the raw response: its body is the app's, so the span ends with the headers. */
function endWithResponse(watch: Watch, parts: Parts): void {
  if (!watch.parsing) watch.ending.end({ ok: true, result: parts.response })
}

/** `_responseProps` (@anthropic-ai/sdk 1): message threads take the response apart to build a stream on another promise. */
function observeProps(watch: Watch, lazy: LazyPromise): void {
  const original = (lazy as { _responseProps?: unknown })._responseProps
  if (typeof original !== 'function') return
  replaceMethod(lazy, '_responseProps', function (this: unknown, ...args: unknown[]): unknown {
    return asked(
      watch,
      lazy,
      () => Reflect.apply(original, this, args) as unknown,
      (_, parts) => {
        if (parts.options?.stream) endWithResponse(watch, parts)
      },
    )
  })
}
