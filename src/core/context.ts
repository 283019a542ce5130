import { AsyncLocalStorage } from 'node:async_hooks'
import type { Span } from './span.ts'

// The one AsyncLocalStorage of the agent. One `run` per span; `enterWith` is never used (it leaks out of awaits).
const reflectApply = Reflect.apply
const storage = new AsyncLocalStorage<Span | undefined>()

/** The span that the running code belongs to, or undefined. */
export function currentSpan(): Span | undefined {
  return storage.getStore()
}

/** Calls `fn` with `self` and `args`, with `span` as the current one for everything it starts. */
export function runWith<R>(span: Span | undefined, fn: (...args: never[]) => R, self: unknown, args: readonly unknown[]): R {
  return storage.run(span, reflectApply as (fn: unknown, self: unknown, args: readonly unknown[]) => R, fn, self, args)
}

type WithScope = { withScope?(store: Span | undefined): Disposable }

/** Makes `span` current until the returned scope is disposed; undefined where Node has no `withScope` (20, 22). */
export function enterScope(span: Span): Disposable | undefined {
  return (storage as unknown as WithScope).withScope?.(span)
}
