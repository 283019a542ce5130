import { AsyncLocalStorage } from 'node:async_hooks'
import diagnosticsChannel from 'node:diagnostics_channel'
import type { Span } from './span.ts'

// The one AsyncLocalStorage of the agent. One `run` per span; `enterWith` is never used (it leaks out of awaits).
const reflectApply = Reflect.apply
const storage = new AsyncLocalStorage<Span | undefined>()

/** `run` of the one AsyncLocalStorage, for calls that other functions than `runWith` make. */
export const storageRun = storage.run.bind(storage)

/** The span that the running code belongs to, or undefined. */
export function currentSpan(): Span | undefined {
  return storage.getStore()
}

/** Is told when the running code changes its span within one callback; set only while the CPU is profiled. */
export interface SwitchObserver {
  /** Until the `leave` that belongs to it, the code of `span` runs. */
  enter(span: Span | undefined): void
  leave(): void
  /** From here to the end of the callback, or the next call, the code of `span` runs. */
  change(span: Span | undefined): void
  /** A span ends at `endNs`: milliseconds of its own CPU time, to three places; −1 where they are not known. */
  ending(span: Span, endNs: number): number
}

/** The observer, or undefined while nothing is profiled: the one thing the hot path looks at. */
export let switchObserver: SwitchObserver | undefined

/** Sets or removes the observer of this thread. */
export function observeSwitches(observer: SwitchObserver | undefined): void {
  switchObserver = observer
}

/** Calls `fn` with `self` and `args`, with `span` as the current one for everything it starts. */
export function runWith<R>(span: Span | undefined, fn: (...args: never[]) => R, self: unknown, args: readonly unknown[]): R {
  if (switchObserver !== undefined) return runObserved(switchObserver, span, fn, self, args)
  return storage.run(span, reflectApply as (fn: unknown, self: unknown, args: readonly unknown[]) => R, fn, self, args)
}

function runObserved<R>(
  observer: SwitchObserver,
  span: Span | undefined,
  fn: (...args: never[]) => R,
  self: unknown,
  args: readonly unknown[],
): R {
  observer.enter(span)
  try {
    return storage.run(span, reflectApply as (fn: unknown, self: unknown, args: readonly unknown[]) => R, fn, self, args)
  } finally {
    observer.leave()
  }
}

/** What runs within a message of the channel (`runStores`) runs in the span that `begin` gives; without one as it did. */
export function bindSpan(channel: string, begin: (message: object) => Span | undefined): void {
  const bound = diagnosticsChannel.channel(channel) as unknown as {
    bindStore(store: AsyncLocalStorage<Span | undefined>, transform: (message: unknown) => Span | undefined): void
  }
  bound.bindStore(storage, (message) => {
    const span = typeof message === 'object' && message !== null ? begin(message) : undefined
    if (span !== undefined && switchObserver !== undefined) switchObserver.change(span)
    return span ?? currentSpan()
  })
}

type WithScope = { withScope?(store: Span | undefined): Disposable }

/** Makes `span` current until the returned scope is disposed; undefined where Node has no `withScope` (20, 22). */
export function enterScope(span: Span): Disposable | undefined {
  const scope = (storage as unknown as WithScope).withScope?.(span)
  const observer = switchObserver
  if (scope === undefined || observer === undefined) return scope
  observer.change(span)
  return {
    [Symbol.dispose]() {
      scope[Symbol.dispose]()
      observer.change(currentSpan())
    },
  }
}
