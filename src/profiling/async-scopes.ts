import { AsyncResource } from 'node:async_hooks'

/** What is told about callbacks inside callbacks. */
export interface ScopeWatcher<Context> {
  /** The context the log is at. */
  logged(): Context
  /** The context of the code that runs. */
  current(): Context
  change(context: Context): void
}

/**
 * `AsyncResource.runInAsyncScope` is a callback inside a callback: when it is over, the outer one goes on, and only an `after` hook would
 * tell. Where contexts are frames (Node 24 and newer) it also enters its own later than the `before` hook. The result undoes it.
 */
export function watchAsyncScopes<Context>(watcher: ScopeWatcher<Context>): () => void {
  const { prototype } = AsyncResource
  const original = prototype.runInAsyncScope as unknown as (...args: unknown[]) => unknown
  const patched = {
    runInAsyncScope(this: AsyncResource, fn: unknown, thisArg: unknown, ...args: unknown[]): unknown {
      const outer = watcher.logged()
      const entering = function (this: unknown, ...given: unknown[]): unknown {
        watcher.change(watcher.current())
        return Reflect.apply(fn as () => unknown, this, given)
      }
      try {
        return Reflect.apply(original, this, [typeof fn === 'function' ? entering : fn, thisArg, ...args])
      } finally {
        watcher.change(outer)
      }
    },
  }
  const descriptor = { value: patched.runInAsyncScope as unknown, writable: true, enumerable: false, configurable: true }
  Object.defineProperty(prototype, 'runInAsyncScope', descriptor)
  return () => {
    if ((prototype.runInAsyncScope as unknown) === patched.runInAsyncScope)
      Object.defineProperty(prototype, 'runInAsyncScope', { ...descriptor, value: original })
  }
}
