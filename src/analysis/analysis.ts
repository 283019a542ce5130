// `@perf/agent/analysis`: what the commands conclude from sessions, for programs. Readers of sessions come from `@perf/agent/store`.
export { buildReport, type ReportData, type Timing } from './report.ts'
export { findAll } from './find.ts'
export type { Evidence, Finding, FindingCost, Place, Severity } from './finding.ts'
export { whatIf, type WhatIf, type WhatIfRow } from './what-if.ts'
export { readSelection, type Selection } from './compare/selection.ts'
export { compareSelections, type CompareData, type CompareSelectionsOptions } from './compare/compare-selections.ts'
export { readTrends, type TrendsData, type TrendsOptions } from './compare/trends.ts'
export {
  adjustComparisons,
  compareSamples,
  type CompareOptions,
  type SampleComparison,
  type Verdict,
} from './statistics/compare-samples.ts'
export type { Sample } from './statistics/weighted-sample.ts'
