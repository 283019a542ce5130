// What a page leaves out or breaks in two so that it stays within 80 columns.
import { expect, it } from 'vitest'
import type { ConversationStep } from '../../src/analysis/ai/conversations.ts'
import type { Stage } from '../../src/analysis/ai/pipelines.ts'
import type { BenchmarkComparison, ImplementationComparison } from '../../src/analysis/bench/compare-implementations.ts'
import type { OptimizeOutcome } from '../../src/analysis/optimize/optimize.ts'
import type { Candidate } from '../../src/analysis/queue/candidate.ts'
import type { TrendsData } from '../../src/analysis/compare/trends.ts'
import { renderCourse } from '../../src/cli/render/ai/course.ts'
import { renderPipeline } from '../../src/cli/render/ai/pipeline-text.ts'
import { renderBenchmark, renderLegend } from '../../src/cli/render/bench.ts'
import { renderOutcome } from '../../src/cli/render/optimize.ts'
import { trendsText } from '../../src/cli/render/trends.ts'
import { terminalOf } from '../../src/cli/render/terminal.ts'

const terminal = { ...terminalOf(), width: 80, unicode: false }
const widest = (text: string): number => Math.max(...text.split('\n').map((line) => line.length))

it('the course of a conversation has no column that is empty throughout', () => {
  const step = (at: number, rest: Partial<ConversationStep> = {}): ConversationStep => ({
    turn: 1, span_id: 'a', trace_id: 'b'.repeat(32), at_ms: at, layer: 'ai', name: 'a-model-with-a-name', duration_ms: 12, first_token_ms: null, input_tokens: 1000, output_tokens: 100,
    cached_tokens: null, cost_usd: 0.01, status: 'ok', error_type: null, finish_reasons: ['stop'], so_far_usd: 0.01, ...rest,
  }) // prettier-ignore
  const plain = renderCourse(terminal, 'c', [step(0), step(1)])
  expect(plain).toContain('a-model-with-a-name')
  expect(plain).not.toMatch(/cached|first/)
  expect(widest(plain)).toBeLessThanOrEqual(80)
  expect(renderCourse(terminal, 'c', [step(0), step(1, { cached_tokens: 5, first_token_ms: 3 })])).toMatch(/ first +in +cached +out /)
})

it('what is known of a stage goes on in a line of its own', () => {
  const stage = (name: string, runs: number): Stage => ({
    path: [name], name, layer: 'ai', depth: 1, runs, calls: 2 * runs, start_ms: 0, end_ms: 100, p50_ms: 100, p95_ms: 120, share: 0.5, errors: 3, in_bytes: 2000, out_bytes: 3000,
    cost_usd: 0.012, children: [],
  }) // prettier-ignore
  const stages = [stage('one', 5), stage('two', 10)]
  const text = renderPipeline(terminal, {
    name: 'p',
    layer: 'workflow',
    runs: 10,
    p50_ms: 100,
    p95_ms: 120,
    errors: 0,
    between_ms: 0,
    stages,
  })
  expect(widest(text)).toBeLessThanOrEqual(80)
  expect(text).toContain('1.95 KB > 2.93 KB 2.0 calls a run in 50% of runs $0.012 3 errors')
})

it('a verdict that only the means give is marked, where the interval of the medians holds 1', () => {
  const row = (implementation: string, rest: Partial<ImplementationComparison> = {}): ImplementationComparison => ({
    implementation, is_baseline: false, rounds: 20, calls: 100, median_ms: 1, p95_ms: 2, ops_per_second: 1000, processes: [], ratio: 1.1, interval: [0.83, 1.14], p: 0.001,
    minimum_detectable: 0.1, verdict: 'slower', allocated_bytes: null, collections: 0, collection_share: 0, ...rest,
  }) // prettier-ignore
  const implementations = [
    row('first', { is_baseline: true, interval: null, verdict: null }),
    row('tail'),
    row('clear', { interval: [1.05, 1.2] }),
  ]
  const scenario = { scenario: 's', fingerprint: 'f', calls_per_sample: 1, copies_input: false, implementations, rejected: [] }
  const comparison: BenchmarkComparison = { benchmark: 'b', seed: '1', node: 'v20', processes: 1, same_within: 0.02, scenarios: [scenario] }
  const text = renderBenchmark(terminal, comparison)
  expect(text).toMatch(/^tail .* slower\* /m)
  expect(text).toMatch(/^clear .* slower /m)
  expect(renderLegend(terminal, [comparison])).toContain('*: in some rounds only')
})

it('what optimize changed stays in its columns, however long the paths', () => {
  const outcome: OptimizeOutcome = {
    verdict: 'kept', reason: 'loadAll: median 10 ms', tests: 'passed', benchmark: null, rejected_files: null,
    changes: Array.from({ length: 21 }, (_, i) => ({ kind: 'added', path: `packages/${'deep/'.repeat(30)}file-${i}.ts` })),
  } // prettier-ignore
  const text = renderOutcome(terminal, { id: 'n-plus-one-00000000' } as Candidate, outcome)
  expect(widest(text)).toBeLessThanOrEqual(80)
  expect(text).toMatch(/^ {10}added {4}packages\/deep/m)
  expect(text).toContain('+ 1 more file\n')
})

it('trends of sessions in which nothing was recorded are a sentence', () => {
  const nothing: TrendsData = { metric: 'p95', sessions: [], names: [], left_out: 0, problems: [] }
  expect(trendsText(terminal, 'shop', nothing)).toBe('No call in the sessions of shop has a figure for p95.\n')
})
