// `@perf/agent/bench`: what an app's benchmarks import.
export { benchmark, type BenchmarkOptions, type ScenarioFor } from './benchmark.ts'
export { scenario, standardScenarios, type StandardInputs, type StandardScenario } from './standard-scenarios.ts'
export type { BenchRecord } from './generate-data.ts'
export type { Random } from './random.ts'
export type { Scenario, ScenarioSource } from './scenario.ts'
export type * from '../analysis/bench/bench-result.ts'
