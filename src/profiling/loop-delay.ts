import type { AddMetric } from './process-metrics.ts'

/** Adds the distribution of how long questions of the writer thread waited for the app's event loop in the last round; nothing without one. */
export function addDelays(add: AddMetric, delaysNs: readonly number[]): void {
  if (delaysNs.length === 0) return
  const sorted = [...delaysNs].sort((a, b) => a - b)
  const at = (share: number): number => (sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0) / 1e9
  add('nodejs.eventloop.delay.min', at(0.000_001))
  add('nodejs.eventloop.delay.max', at(1))
  add('nodejs.eventloop.delay.mean', sorted.reduce((sum, delay) => sum + delay, 0) / sorted.length / 1e9)
  add('nodejs.eventloop.delay.p50', at(0.5))
  add('nodejs.eventloop.delay.p90', at(0.9))
  add('nodejs.eventloop.delay.p99', at(0.99))
}
