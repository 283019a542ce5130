// Errors that pass through without being caught. Catching and throwing again would make Node print the agent's line above the stack as the
// place of the throw; `finally` leaves it the app's, but does not tell the error: `uncaughtExceptionMonitor` does, before the process ends.

import { guard } from './guard.ts'

interface Passing {
  uncaught(error: unknown): void
  caught(): void
}

let passing: Passing[] = []

/**
 * For the `finally` an error is passing: `uncaught` is called with the error when nobody catches it, `caught` when somebody did after all
 * (a domain, an app that emits by hand) and the stack is empty.
 */
export function passOn(waiting: Passing): void {
  passing.push(waiting)
  if (passing.length > 1) return
  // Ahead of the listener that ends the recording.
  process.prependListener('uncaughtExceptionMonitor', tell)
  queueMicrotask(() => {
    for (const { caught } of takeAll()) guard('uncaught', caught)
  })
}

function tell(error: unknown): void {
  for (const { uncaught } of takeAll()) guard('uncaught', () => uncaught(error))
}

function takeAll(): Passing[] {
  const all = passing
  passing = []
  process.removeListener('uncaughtExceptionMonitor', tell)
  return all
}
