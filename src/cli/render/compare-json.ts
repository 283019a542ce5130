import type { Json } from '@duckdb/node-api'
import type { CompareData, ComparedGroup } from '../../analysis/compare/compare-selections.ts'
import type { RateComparison } from '../../analysis/statistics/compare-rates.ts'
import type { SampleComparison } from '../../analysis/statistics/compare-samples.ts'

/** What `perf-agent compare --json` prints: docs/compare.md describes it. */
export function compareJson(data: CompareData, sameWithin: number): Json {
  return {
    by: data.by,
    same_within: sameWithin,
    a: { ...data.sides[0] },
    b: { ...data.sides[1] },
    groups: data.groups.map(groupJson),
    only_a: data.only[0].map((group) => ({ ...group })),
    only_b: data.only[1].map((group) => ({ ...group })),
    left_out: data.left_out,
  }
}

function groupJson({ layer, key, calls, total_ms, duration, errors, usage }: ComparedGroup): Json {
  return {
    layer,
    key,
    verdict: duration.verdict,
    calls,
    total_ms,
    duration_ms: samplesJson(duration),
    errors: errors === null ? null : ratesJson(errors),
    ...Object.fromEntries(Object.entries(usage).map(([metric, comparison]) => [metric, samplesJson(comparison)])),
  }
}

/** A comparison of samples; what is not finite is null. */
export function samplesJson(comparison: SampleComparison): Json {
  const { counts, clusters, medians, p95s, means, difference, interval, p, effect, verdict } = comparison
  return {
    samples: counts,
    independent_samples: clusters,
    medians: medians.map(finite),
    p95s: p95s.map(finite),
    means: means.map(finite),
    difference: finite(difference),
    interval: interval.map(finite),
    mean_difference: finite(comparison.meanDifference),
    p,
    effect,
    minimum_detectable: finite(comparison.minimumDetectable),
    verdict,
  }
}

function ratesJson({ rates, difference, interval, p, verdict }: RateComparison): Json {
  return { rates, difference, interval, p, verdict: verdict === 'slower' ? 'more' : verdict === 'faster' ? 'fewer' : verdict }
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null)
