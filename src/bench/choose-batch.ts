import { setImmediate } from 'node:timers/promises'
import type { Loop } from './compile-loop.ts'
import type { MeasureOptions } from './measure-scenario.ts'

/** How a scenario is measured, the same for all implementations. */
export interface Plan {
  /** Calls per sample. */
  batch: number
  /** Samples per turn. */
  samples: number
  rounds: number
}

const DEFAULT_ROUNDS = 20
const LEAST_ROUNDS = 8
/** A sample of the fastest implementation is at least so long: the clock's own 50 ns are then a ten-thousandth. */
const LEAST_SAMPLE_MS = 0.5
/** … unless a sample of the slowest one would become longer than this. */
const MOST_SAMPLE_MS = 50
/** Copies of the input that are held at once. */
const MOST_COPIES = 100

/** Runs every implementation until its duration is known, and chooses by the fastest and the slowest; those that throw do not count. */
export async function chooseBatch(
  loops: readonly Loop[],
  inputs: (count: number) => unknown,
  options: MeasureOptions,
  isCopied: boolean,
): Promise<Plan> {
  const durations: number[] = []
  for (const loop of loops) {
    try {
      durations.push(await durationOf(loop, inputs, isCopied ? MOST_COPIES : 1e6))
    } catch {
      // It throws again when it is warmed up, and is reported there.
    }
    await setImmediate()
  }
  const fastest = Math.max(1e-6, Math.min(1e3, ...durations))
  const slowest = Math.max(fastest, ...durations)
  const wanted = Math.min(LEAST_SAMPLE_MS / fastest, MOST_SAMPLE_MS / slowest, isCopied ? MOST_COPIES : Infinity)
  const batch = options.batch ?? roundUp(Math.max(1, wanted))
  const rounds = options.rounds ?? Math.max(LEAST_ROUNDS, Math.min(DEFAULT_ROUNDS, Math.floor(options.timeMs / (slowest * batch))))
  const samples = Math.max(1, Math.min(100, Math.round(options.timeMs / rounds / (slowest * batch))))
  return { batch, samples, rounds }
}

/** Compiled code is several times faster than what runs at first. */
const LEAST_TRIAL_MS = 30

/** Milliseconds per call, of the last and longest of some runs that grow until they took `LEAST_TRIAL_MS` together. */
async function durationOf(loop: Loop, inputs: (count: number) => unknown, most: number): Promise<number> {
  let spent = 0
  for (let count = 1; ;) {
    const input = inputs(count)
    const startedAt = performance.now()
    await loop(input, count)
    const ms = performance.now() - startedAt
    spent += ms
    if (spent >= LEAST_TRIAL_MS || (count >= most && ms < 0.01)) return ms / count
    if (ms < LEAST_TRIAL_MS / 4) count = Math.min(most, count * 4)
  }
}

/** 1, 2, 5, 10, 20, …: so that two runs mostly choose the same. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return power * ([1, 2, 5, 10].find((step) => step * power >= value * 0.999) ?? 10)
}
