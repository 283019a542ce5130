import type { Random } from './random.ts'

/** Where the input of a scenario comes from. */
export interface Scenario<I> {
  /** Makes the input, of these random numbers only, so that every run and every implementation gets the same. */
  create(random: Random): I | Promise<I>
  /** Undoes what `create` did outside of memory. */
  dispose?(input: I): void | Promise<void>
  /** What stands for the input in its fingerprint, where the input itself holds what differs from run to run (a path). */
  identity?(input: I): unknown
}

/** A scenario, or just the function that makes its input. */
export type ScenarioSource<I> = Scenario<I> | ((random: Random) => I | Promise<I>)

/** The scenario behind what a benchmark was given. */
export function toScenario<I>(source: ScenarioSource<I>): Scenario<I> {
  return typeof source === 'function' ? { create: source } : source
}
