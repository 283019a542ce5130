import { guard } from './guard.ts'

/** Makes a message without the values it held. */
export type MessageMask = (message: string) => string

interface Mask {
  integration: string
  mask: MessageMask
}

const masks = new WeakMap<object, Mask>()

/** From now on messages of errors of this class, and of those derived from it, are recorded as `mask` makes them, by whichever span. */
export function maskMessagesOf(errorClass: unknown, integration: string, mask: MessageMask): void {
  const prototype: unknown = typeof errorClass === 'function' ? (errorClass as { prototype?: unknown }).prototype : undefined
  if (typeof prototype === 'object' && prototype !== null) masks.set(prototype, { integration, mask })
}

/** What is recorded of `message`, the message of `error`. */
export function recordedMessage(error: object, message: string | undefined): string | undefined {
  if (message === undefined) return undefined
  for (let prototype: unknown = error; prototype !== null && prototype !== Error.prototype;) {
    const known = masks.get(prototype as object)
    if (known !== undefined) return guard(known.integration, () => known.mask(message)) ?? ''
    prototype = Object.getPrototypeOf(prototype)
  }
  return message
}
