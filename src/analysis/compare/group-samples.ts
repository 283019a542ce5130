import type { Sample } from '../statistics/compare-samples.ts'
import { sampleGroup, summaryOf } from '../statistics/sample-group.ts'
import type { GroupSamples } from './read-groups.ts'

/** One metric of a group over several sessions as samples, traces as clusters; calls without the metric are left out. */
export function listOf(
  sessions: readonly GroupSamples[],
  metric: 'duration_ms' | 'failed' | 'self_cpu_ms' | 'input_tokens' | 'output_tokens' | 'cost_usd',
): Sample[] {
  return sessions.flatMap((samples) =>
    samples[metric].flatMap((value, i) =>
      value === null ? [] : [{ value, weight: samples.weight[i] ?? 1, cluster: samples.trace[i] ?? i }],
    ),
  )
}

/** Middle, tail and mean of samples, by weight. */
export function summaryOfSamples(samples: readonly Sample[]): { median: number; p95: number; mean: number } {
  return summaryOf(sampleGroup(samples))
}
