import { setTimeout as sleep } from 'node:timers/promises'

/** Asks again and again until `read` gives something; throws after `timeoutMs`. For conditions of which nobody tells. */
export async function waitFor<T>(
  what: string,
  read: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 45_000,
): Promise<T> {
  for (const deadline = performance.now() + timeoutMs; ;) {
    const value = await read()
    if (value !== undefined && value !== false) return value
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`)
    await sleep(20)
  }
}
