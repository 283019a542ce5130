import { hiddenState } from './hidden-state.ts'

/** The call that an object was made by. */
export interface Origin {
  readonly self: unknown
  readonly args: readonly unknown[]
}

/** Noted where a path leads through a call (`createPool().query`). */
export const origins = hiddenState<Origin>('origin')

/** The call that returned `object`, promised it or handed it to its callback. */
export function originOf(object: object): Origin | undefined {
  return origins.get(object)
}
