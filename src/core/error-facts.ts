import { recordedMessage } from './error-messages.ts'
import { ownText } from './payload.ts'

/** `error.type` of a thrown value: its `code` when it is a system error, else its class name. */
export function errorType(error: unknown): string {
  if (typeof error !== 'object' || error === null) return typeof error === 'string' ? 'string' : '_OTHER'
  const name = textOf(error, 'name')
  if (name !== '' && name !== 'Error') return name
  const constructor = (Object.getPrototypeOf(error) as { constructor?: unknown } | null)?.constructor
  const className = typeof constructor === 'function' ? constructor.name : ''
  return className !== '' && className !== 'Object' ? className : name || '_OTHER'
}

/** The message of an error as it may be recorded; no getter of the app is run. */
export function errorMessage(error: object): string | undefined {
  return recordedMessage(error, textOf(error, 'message'))
}

/**
 * Text of an error. Name and message of a DOMException (`TimeoutError`, `AbortError`: what `fetch` and `AbortSignal.timeout` reject with) are getters of the
 * platform's prototype; of all others only values are read.
 */
function textOf(error: object, key: 'name' | 'message'): string {
  const prototype: unknown = Object.getPrototypeOf(error)
  const owned = ownText(error, key)
  if (owned !== '' || !(error instanceof Error) || prototype !== globalThis.DOMException?.prototype) return owned
  try {
    const value: unknown = Object.getOwnPropertyDescriptor(prototype, key)?.get?.call(error)
    return typeof value === 'string' ? value : ''
  } catch {
    // An object of the app that only looks like one.
    return ''
  }
}
