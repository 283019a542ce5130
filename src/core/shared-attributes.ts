import type { Attributes } from './integration.ts'

/** Where shared attributes keep how they are encoded in the ring of this thread. */
export const ENCODED: unique symbol = Symbol.for('perf.agent.attributes.encoded') as never

export interface Shared<Ring> {
  readonly [ENCODED]?: { ring: Ring | undefined; bytes: Uint8Array; count: number }
}

const NO_BYTES = new Uint8Array(0)

/** Freezes attributes that many spans have in common: they are encoded once, and copied from then on. */
export function sharedAttributes(attributes: Attributes): Attributes {
  // Not enumerable: a copy with something added (`{ ...attributes }`) is encoded by itself.
  Object.defineProperty(attributes, ENCODED, { value: { ring: undefined, bytes: NO_BYTES, count: 0 } })
  return Object.freeze(attributes)
}
