import { isDeepStrictEqual } from 'node:util'
import type { FailedResult, WrongResult } from '../analysis/bench/bench-result.ts'
import { firstDifference } from './first-difference.ts'

/** A function that is measured: from the scenario's input to its output. */
export type Implementation = (input: never) => unknown

/** What one call of each implementation showed. */
export interface Checked {
  /** Those that gave the right output, in the given order, with whether they are asynchronous. */
  right: { name: string; call: Implementation; isAsync: boolean }[]
  rejected: (WrongResult | FailedResult)[]
  /** One of them changes its input. */
  changesInput: boolean
}

/**
 * Calls every implementation once, each with its own copy of the input, and compares the outputs with that of the first one that does not
 * throw. `isEqual` replaces deep equality.
 */
export async function checkOutputs(
  implementations: Readonly<Record<string, Implementation>>,
  input: unknown,
  isEqual: (expected: unknown, actual: unknown) => boolean = isDeepStrictEqual,
): Promise<Checked> {
  const checked: Checked = { right: [], rejected: [], changesInput: false }
  const copy = copierOf(input)
  let reference: { output: unknown } | undefined
  for (const [name, call] of Object.entries(implementations)) {
    const own = copy()
    let output: unknown
    let isAsync = false
    try {
      output = call(own as never)
      isAsync = isThenable(output)
      if (isAsync) output = await output
    } catch (error) {
      checked.rejected.push({ name, status: 'failed', error: messageOf(error) })
      continue
    }
    // An output that is the input changed in place is what it is now, not what a later call makes of it.
    if (!isDeepStrictEqual(own, input)) checked.changesInput = true
    reference ??= { output }
    if (isEqual(reference.output, output)) checked.right.push({ name, call, isAsync })
    else checked.rejected.push({ name, status: 'wrong', ...differenceOf(reference.output, output) })
  }
  return checked
}

/**
 * Gives deep copies of `value`; `value` itself where a copy would not be equal to it: functions, streams and instances of classes cannot be
 * copied, so implementations share them.
 */
export function copierOf(value: unknown): () => unknown {
  try {
    if (isDeepStrictEqual(structuredClone(value), value)) return () => structuredClone(value)
  } catch {
    // not to be cloned
  }
  return () => value
}

/** The message of whatever was thrown, on one line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return text.replace(/\s+/g, ' ').slice(0, 300)
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

function differenceOf(expected: unknown, actual: unknown): { path: string; expected: string; actual: string } {
  return firstDifference(expected, actual) ?? { path: '', expected: 'equal by the benchmark’s own `isEqual`', actual: 'not equal' }
}
