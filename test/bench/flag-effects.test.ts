// What flags do, on generated runs whose truth is known.
import { expect, it } from 'vitest'
import { flagEffects, type FlagRun } from '../../src/analysis/bench/flag-effects.ts'
import { randomFrom } from '../../src/bench/random.ts'

const FLAGS = ['CACHE', 'BATCH', 'LOG']

/** Runs of every combination: 100 ms times the factors, with noise of some per cent. */
function runsOf(factor: (on: boolean[]) => number, rounds: number, noise: number, seed = 'flags'): FlagRun[] {
  const random = randomFrom(seed)
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next())
  return Array.from({ length: 8 * rounds }, (_, i) => {
    const on = FLAGS.map((_flag, k) => ((i >> k) & 1) === 1)
    return { on, value: 100 * factor(on) * Math.exp(noise * normal()) }
  })
}

const named = (effects: ReturnType<typeof flagEffects>): Record<string, string> =>
  Object.fromEntries(effects.map(({ flags, verdict }) => [flags.join('+'), verdict]))

it('tells main effects and interactions apart, and what does nothing from both', () => {
  // CACHE halves the time, LOG adds 20 %, CACHE and BATCH together take 1.5 times what each alone would give.
  const runs = runsOf(([cache, batch, log]) => (cache ? 0.5 : 1) * (log ? 1.2 : 1) * (cache && batch ? 1.5 : 1), 5, 0.02)
  const effects = flagEffects(FLAGS, runs, 0.02)
  const ratio = (name: string): number => effects.find(({ flags }) => flags.join('+') === name)?.ratio ?? 0
  expect(effects.map(({ flags }) => flags.length)).toEqual([1, 1, 1, 2, 2, 2, 3])
  expect(named(effects)).toMatchObject({ CACHE: 'faster', BATCH: 'slower', LOG: 'slower', 'CACHE+BATCH': 'slower' })
  // Over both values of BATCH: once 0.5, once 0.75; of BATCH once 1, once 1.5.
  expect(ratio('CACHE')).toBeCloseTo(Math.sqrt(0.5 * 0.75), 1)
  expect(ratio('BATCH')).toBeCloseTo(Math.sqrt(1.5), 1)
  expect(ratio('LOG')).toBeCloseTo(1.2, 1)
  expect(ratio('CACHE+BATCH')).toBeCloseTo(1.5, 1)
  for (const name of ['CACHE+LOG', 'BATCH+LOG', 'CACHE+BATCH+LOG'])
    expect([name, named(effects)[name]]).not.toEqual([name, expect.stringMatching(/faster|slower/)])
  const exact = flagEffects(
    FLAGS,
    runsOf(([cache, batch]) => (cache && batch ? 1.5 : 1), 2, 1e-9),
    0.02,
  )
  expect(exact.find(({ flags }) => flags.join('+') === 'CACHE+BATCH')?.ratio).toBeCloseTo(1.5, 6)
})

it('claims nothing in 95 of 100 matrices of noise, and says "same" where it is small enough', () => {
  let claims = 0
  for (let i = 0; i < 100; i++) {
    const effects = flagEffects(
      FLAGS,
      runsOf(() => 1, 5, 0.1, `null ${i}`),
      0.02,
    )
    if (effects.some(({ verdict }) => verdict === 'faster' || verdict === 'slower')) claims++
  }
  expect(claims).toBeLessThanOrEqual(8)
  expect(
    new Set(
      Object.values(
        named(
          flagEffects(
            FLAGS.slice(0, 3),
            runsOf(() => 1, 5, 0.002),
            0.02,
          ),
        ),
      ),
    ),
  ).toEqual(new Set(['same']))
})

it('knows nothing from one run of each combination', () => {
  const effects = flagEffects(
    FLAGS,
    runsOf(([cache]) => (cache ? 0.1 : 1), 1, 0.01),
    0.02,
  )
  expect(effects.map(({ verdict, interval }) => [verdict, interval])).toEqual(effects.map(() => ['not enough data', null]))
})
