import type { Savings } from './candidate.ts'

/**
 * What a candidate would save per 1,000 traces, in points: one point is a second that somebody waits, a second of CPU, a US cent, 1,000 tokens
 * whose price is not known, or a call that fails. Per traces, so that a long session weighs no more than a short one; two digits.
 */
export function priorityOf(saves: Savings, traces: number): number {
  const points = saves.ms / 1000 + saves.cpu_ms / 1000 + saves.usd * 100 + (saves.usd > 0 ? 0 : saves.tokens / 1000) + saves.failures
  const value = (Math.max(0, points) * 1000) / Math.max(1, traces)
  return Number(value.toPrecision(2))
}
