import { hiddenState } from './hidden-state.ts'

/** The call that an object was made by. */
export interface Origin {
  readonly self: unknown
  readonly args: readonly unknown[]
}

/** Noted by the wrapper of a function that makes objects (`createPool().query` in a path). */
export const origins = hiddenState<Origin>('origin')

/** The call of the function in `function()` of a path that gave `object`. */
export function originOf(object: object): Origin | undefined {
  return origins.get(object)
}
