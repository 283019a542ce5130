import type { AddMetric } from './process-metrics.ts'

/**
 * Adds the distribution of how long questions of the writer thread waited for an event loop of the app in the last round; nothing without one.
 * @param keyOf the series of `min`, `max`, `mean` and so on
 */
export function addDelays(
  add: AddMetric,
  delaysNs: readonly number[],
  keyOf: (part: string) => string = (part) => `nodejs.eventloop.delay.${part}`,
): void {
  if (delaysNs.length === 0) return
  const sorted = [...delaysNs].sort((a, b) => a - b)
  const at = (share: number): number => (sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0) / 1e9
  add(keyOf('min'), at(0.000_001))
  add(keyOf('max'), at(1))
  add(keyOf('mean'), sorted.reduce((sum, delay) => sum + delay, 0) / sorted.length / 1e9)
  add(keyOf('p50'), at(0.5))
  add(keyOf('p90'), at(0.9))
  add(keyOf('p99'), at(0.99))
}
