import { AsyncLocalStorage } from 'node:async_hooks'
import diagnosticsChannel from 'node:diagnostics_channel'
import type { Span } from './span.ts'

// The one AsyncLocalStorage of the agent. One `run` per span; `enterWith` is never used (it leaks out of awaits).
const reflectApply = Reflect.apply
const storage = new AsyncLocalStorage<Span | undefined>()

/** `run` of the one AsyncLocalStorage, for calls that other functions than `runWith` make; only while `storesSpans`. */
export const storageRun = storage.run.bind(storage)

/** The span that the running code belongs to, or undefined. */
export function currentSpan(): Span | undefined {
  const stored = storage.getStore()
  return hasHolders && stored !== undefined ? ((stored as SpanHolder).span ?? stored) : stored
}

/** Stands in the storage for a span, where a native sampler that reads the storage itself finds what it needs. */
export interface SpanHolder {
  span?: Span
}

/** How a native sampler comes to know the span of the code it interrupts. */
export interface StorageReader {
  /** The storage, which is its key in the frames of contexts. */
  storage: object
  /** From now on spans stand in the storage as what `make` gives for their id, if anything; undefined: as themselves again. It must not throw. */
  hold(make: MakeHolder | undefined): void
}

type MakeHolder = (idHigh: number, idLow: number) => SpanHolder | undefined

let makeHolder: MakeHolder | undefined
/** Whether holders were ever made: what was stored lives on. */
let hasHolders = false

/** For the sampler of `PERF_CPU_SAMPLER=pprof`. */
export const storageReader: StorageReader = {
  storage,
  hold(make) {
    makeHolder = make
    if (make !== undefined) hasHolders = true
  },
}

/** What stands in the storage for `span`. */
function storedFor(span: Span | undefined): Span | undefined {
  if (makeHolder === undefined || span === undefined) return span
  let { holder } = span
  if (holder === undefined) {
    holder = makeHolder(span.idHigh, span.idLow)
    if (holder === undefined) return span
    holder.span = span
    span.holder = holder
  }
  return holder as Span
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

/** The observer, or undefined while nothing is profiled. */
export let switchObserver: SwitchObserver | undefined

/** Whether a span stands in the storage as itself, and nobody is told of changes. */
export function storesSpans(): boolean {
  return switchObserver === undefined && makeHolder === undefined
}

/** Sets or removes the observer of this thread. */
export function observeSwitches(observer: SwitchObserver | undefined): void {
  switchObserver = observer
}

/** Calls `fn` with `self` and `args`, with `span` as the current one for everything it starts. */
export function runWith<R>(span: Span | undefined, fn: (...args: never[]) => R, self: unknown, args: readonly unknown[]): R {
  if (switchObserver !== undefined) return runObserved(switchObserver, span, fn, self, args)
  return storage.run(storedFor(span), reflectApply as (fn: unknown, self: unknown, args: readonly unknown[]) => R, fn, self, args)
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
    return storage.run(storedFor(span), reflectApply as (fn: unknown, self: unknown, args: readonly unknown[]) => R, fn, self, args)
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
    return span === undefined ? storage.getStore() : storedFor(span)
  })
}

type WithScope = { withScope?(store: Span | undefined): Disposable }

/** Makes `span` current until the returned scope is disposed; undefined where Node has no `withScope` (20, 22). */
export function enterScope(span: Span): Disposable | undefined {
  const scope = (storage as unknown as WithScope).withScope?.(storedFor(span))
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
