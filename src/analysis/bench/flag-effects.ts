import { studentQuantile, studentTails } from '../statistics/distributions.ts'
import type { Verdict } from '../statistics/compare-samples.ts'

/** One run under a combination of flags. */
export interface FlagRun {
  /** Which flags are on, in their order. */
  on: readonly boolean[]
  /** Greater than 0. */
  value: number
}

/** What a flag does to the value, or what several do together beyond what each does alone. */
export interface FlagEffect {
  flags: string[]
  /**
   * Of one flag: on by off, as a geometric mean over the other flags. Of two: what both together do by what the two alone would.
   */
  ratio: number
  /** 95 % confidence interval of the ratio; null without repeated runs. */
  interval: [number, number] | null
  /** Of no effect, corrected for the number of effects (Holm). */
  p: number
  /** `not enough data` also where an effect cannot be told apart from noise. */
  verdict: Verdict
}

/**
 * Effects of a full two-level factorial design with the same number of runs of each combination, on logarithms, so that effects are factors:
 * contrasts of means, tested by Student's t against the variance within combinations (Box, Hunter and Hunter, Statistics for
 * Experimenters, 2005, chapter 5). Main effects first, then interactions of two, of three and so on.
 */
export function flagEffects(flags: readonly string[], runs: readonly FlagRun[], sameWithin: number, alpha = 0.05): FlagEffect[] {
  const logs = runs.map(({ on, value }) => ({ on, y: Math.log(Math.max(value, Number.MIN_VALUE)) }))
  const { variance, df } = varianceWithin(logs)
  const error = 2 * Math.sqrt(variance / logs.length)
  const effects = subsetsOf(flags.length).map((members) => {
    const plus = logs.filter(({ on }) => signOf(on, members) > 0).map(({ y }) => y)
    const minus = logs.filter(({ on }) => signOf(on, members) < 0).map(({ y }) => y)
    const effect = mean(plus) - mean(minus)
    const p = df < 1 ? 1 : error === 0 ? Number(effect === 0) : studentTails(effect / error, df)
    return { members, effect, p }
  })
  const corrected = holm(effects.map(({ p }) => p))
  const reach = df < 1 ? Infinity : studentQuantile(alpha, df) * error
  return effects.map(({ members, effect }, i) => {
    // Of an interaction the contrast is the half (of three, the quarter) of what multiplies the effects of each.
    const scale = 2 ** (members.length - 1)
    const [low, high] = [Math.exp((effect - reach) * scale), Math.exp((effect + reach) * scale)]
    const p = corrected[i] as number
    const isSame = low >= 1 - sameWithin && high <= 1 + sameWithin
    return {
      flags: members.map((member) => flags[member] as string),
      ratio: Math.exp(effect * scale),
      interval: df < 1 ? null : [low, high],
      p,
      verdict: isSame ? 'same' : p > alpha ? 'not enough data' : effect > 0 ? 'slower' : 'faster',
    }
  })
}

interface LogRun {
  on: readonly boolean[]
  y: number
}

function varianceWithin(logs: readonly LogRun[]): { variance: number; df: number } {
  const cells = cellsOf(logs)
  let sum = 0
  for (const cell of cells.values()) {
    const center = mean(cell.map(({ y }) => y))
    for (const { y } of cell) sum += (y - center) ** 2
  }
  const df = logs.length - cells.size
  return { variance: df < 1 ? 0 : sum / df, df }
}

function cellsOf(logs: readonly LogRun[]): Map<string, LogRun[]> {
  const cells = new Map<string, LogRun[]>()
  for (const run of logs) cells.set(run.on.join(), [...(cells.get(run.on.join()) ?? []), run])
  return cells
}

/** Which flags an effect is of: [0], [1], [0, 1], …: those of one first. */
function subsetsOf(count: number): number[][] {
  const all = Array.from({ length: 2 ** count - 1 }, (_, i) =>
    Array.from({ length: count }, (_flag, k) => k).filter((k) => ((i + 1) >> k) & 1),
  )
  return all.toSorted((a, b) => a.length - b.length)
}

/** +1 where an even number of these flags is off, else −1. */
const signOf = (on: readonly boolean[], members: readonly number[]): number =>
  members.reduce((sign, member) => (on[member] === true ? sign : -sign), 1)

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

function holm(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).toSorted((a, b) => (values[a] as number) - (values[b] as number))
  const adjusted: number[] = []
  let largest = 0
  for (const [rank, i] of order.entries()) {
    largest = Math.min(1, Math.max(largest, (values[i] as number) * (values.length - rank)))
    adjusted[i] = largest
  }
  return adjusted
}
