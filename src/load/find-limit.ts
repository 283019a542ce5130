import type { LoadFigures } from './figures.ts'

/** What a run may not exceed. */
export interface LoadLimits {
  p99Ms: number | undefined
  /** Share of failed requests, 0 to 1. */
  failed: number | undefined
}

/** A step of a stress test: a number of connections or a rate. */
export interface StressStep {
  level: number
  figures: LoadFigures
  /** What it broke, in words; empty when it held. */
  broken: string[]
}

/** The last level that held and the first that did not; `null` when there is none. */
export interface StressResult {
  steps: StressStep[]
  holds: number | null
  breaks: number | null
}

/** What of the limits figures break, in words. */
export function brokenLimits(figures: LoadFigures, limits: LoadLimits): string[] {
  const { p99 } = figures.latency_ms
  const broken: string[] = []
  if (limits.p99Ms !== undefined && p99 > limits.p99Ms) broken.push(`p99 ${Math.round(p99)}ms > ${limits.p99Ms}ms`)
  if (limits.failed !== undefined && figures.failed_share > limits.failed)
    broken.push(`${percent(figures.failed_share)} failed > ${percent(limits.failed)}`)
  if (figures.requests === 0) broken.push('no answer at all')
  return broken
}

const percent = (share: number): string => `${Number((share * 100).toPrecision(3))}%`

/**
 * Doubles the level from `first` until a step breaks a limit or `most` is reached, then halves the distance between the last that held and the
 * first that broke until they are next to each other (a twentieth apart, at least 1).
 * @param step runs one level; `undefined` ends the search
 */
export async function findLimit(
  first: number,
  most: number,
  step: (level: number) => Promise<StressStep | undefined>,
): Promise<StressResult> {
  const result: StressResult = { steps: [], holds: null, breaks: null }
  for (let level: number | undefined = Math.min(first, most); level !== undefined; level = nextLevel(result, level, most)) {
    const done = await step(level)
    if (done === undefined) break
    result.steps.push(done)
    if (done.broken.length === 0) result.holds = level
    else result.breaks = level
  }
  return result
}

function nextLevel({ holds, breaks }: StressResult, level: number, most: number): number | undefined {
  if (breaks === null) return level >= most ? undefined : Math.min(most, level * 2)
  const low = holds ?? 0
  if (breaks - low <= Math.max(1, Math.floor(low * 0.05))) return undefined
  return Math.floor((low + breaks) / 2)
}
