// Percentiles of sampled calls everywhere they are shown: as if every call had been kept.
import { expect, it } from 'vitest'
import { modelUse } from '../../src/analysis/ai/models.ts'
import { pipelineOf } from '../../src/analysis/ai/pipelines.ts'
import { questionReport } from '../../src/analysis/ai/questions.ts'
import { routingWhatIf } from '../../src/analysis/ai/routing.ts'
import { CallFigureReader } from '../../src/analysis/audit/call-figures.ts'
import { aiFigures } from '../../src/analysis/audit/other-figures.ts'
import { measure } from '../../src/analysis/queue/measure.ts'
import { timeline } from '../../src/analysis/timeline.ts'
import { scoreReport } from '../../src/analysis/scoring/score-report.ts'
import { quantileOfCalls, weightedSample } from '../../src/analysis/statistics/weighted-sample.ts'
import { whatIf } from '../../src/analysis/what-if.ts'
import type { SessionReader } from '../../src/store/query.ts'
import { seeded } from '../support/generate-session.ts'
import { recordingOf, type Node } from '../support/recording.ts'

/** Of 620 calls 600 took 100 ms, of which one in 30 was kept, and 20 took 1,000 ms, all kept: p50 and p95 are 100 ms; of the kept ones alone 550 and 1,000. */
const FAST = { ms: 100, weight: 30 }
const SLOW = { ms: 1000, weight: 1 }
const KEPT = [...Array<typeof FAST>(20).fill(FAST), ...Array<typeof FAST>(20).fill(SLOW)]

const chat = (model: string, ms: number): Node => ({
  name: `chat ${model}`, layer: 'ai', ms: [0, ms / 2], payloads: { 'gen_ai.input.messages': ['the same'], 'gen_ai.output.messages': 'x'.repeat(ms) },
  attributes: {
    'gen_ai.operation.name': 'chat', 'gen_ai.request.model': model, 'gen_ai.usage.input_tokens': 100, 'gen_ai.usage.output_tokens': 10, 'perf.ai.cost_usd': 0.01,
    'gen_ai.response.time_to_first_chunk': ms / 4000, 'perf.stream.max_gap_ms': ms / 10,
  },
}) // prettier-ignore
const answer = ({ ms, weight }: typeof FAST): Node => ({
  name: 'answer', layer: 'workflow', kind: 'internal', ms: [0, ms], weight, ...(ms > FAST.ms ? { error: 'Late' } : {}),
  children: [{ ...chat('a', ms), name: 'chat a' }, { ...chat('b', ms), name: 'chat b' }, { name: 'save', layer: 'tool', ms: [ms / 2, ms], ...(ms > FAST.ms ? { error: 'Late' } : {}) }],
}) // prettier-ignore
const recorded = (): Promise<SessionReader> => recordingOf(KEPT.map(answer))

it('what-if', async () => {
  const [row] = (await whatIf(await recorded(), `name = 'save'`, (ms) => ms / 2)).rows
  expect(row).toMatchObject({ name: 'answer', traces: 620, p50_ms: 100, p95_ms: 100, new_p50_ms: 75, new_p95_ms: 75 })
})

it('what the queue measures', async () => {
  const measured = await measure(await recorded(), { of: 'tool_calls', where: { name: 'save' }, measure: 'duration_ms' })
  expect(measured).toMatchObject({ calls: 620, failed: 20, median: 50, p95: 50 })
})

it('models, and models beside each other', async () => {
  const reader = await recorded()
  const { models } = await modelUse(reader, 10)
  const figures = { calls: 620, p50_ms: 50, p95_ms: 50, first_token_p50_ms: 25, gap_p95_ms: 10, tokens_per_second: 400 }
  expect(models).toMatchObject([{ model: 'a', ...figures }, { model: 'b', ...figures }]) // prettier-ignore
  const { experts, total, calls } = await questionReport(reader, 10)
  expect({ total, calls }).toEqual({ total: 620, calls: 1240 })
  const [size] = await reader.rows<{ size: number }>(`SELECT min(size) AS size FROM payloads WHERE role = 'gen_ai.output.messages'`)
  expect(experts).toMatchObject(
    ['a', 'b'].map((model) => ({ model, questions: 620, answered: 620, p50_ms: 50, answer_bytes: size?.size, same_answer: 1 })),
  )
})

it('pipelines: percentiles, counts, cost and shares', async () => {
  const pipeline = await pipelineOf(await recorded(), 'answer')
  expect(pipeline).toMatchObject({ runs: 620, p50_ms: 100, p95_ms: 100, errors: 20, between_ms: 0 })
  const save = pipeline?.stages.find(({ name }) => name === 'save')
  expect(save).toMatchObject({ runs: 620, calls: 620, p50_ms: 50, p95_ms: 50, start_ms: 50, end_ms: 100, errors: 20 })
  expect(save?.share).toBeCloseTo(0.5, 9)
  expect(pipeline?.stages.find(({ name }) => name === 'chat a')?.cost_usd).toBeCloseTo(6.2, 9)
})

it('another model in the place of one', async () => {
  const call = (model: string, ms: number, weight: number): Node => ({
    name: 'ask', layer: 'tool', kind: 'internal', ms: [0, ms], weight,
    children: [{ ...chat(model, 2 * ms), name: `chat ${model}` }],
  }) // prettier-ignore
  const reader = await recordingOf(KEPT.flatMap(({ ms, weight }) => [call('a', ms, weight), call('b', ms - 50, weight)]))
  expect(await routingWhatIf(reader, 10)).toMatchObject([
    { model: 'a', instead: 'b', calls: 620, p50_ms: 100, p95_ms: 100, instead_p50_ms: 50, instead_p95_ms: 50 },
  ])
})

it('the course of the session', async () => {
  const course = await timeline(await recorded())
  expect(course?.overall).toEqual({ p50_ms: 100, p95_ms: 100, p99_ms: 1000, max_ms: 1000 })
  const both = await timeline(await recordingOf(KEPT.map(answer), { everyMs: 0 }))
  expect(both?.latency.p50_ms[0]).toBe(100)
  expect(both?.latency.p95_ms[0]).toBe(100)
})

it('audited figures', async () => {
  const reader = await recorded()
  const threshold = { layer: 'tool', name: 'save', metric: 'p95_ms' as const, max: 1 }
  expect(await new CallFigureReader(reader, false).figures(threshold)).toContainEqual(
    expect.objectContaining({ name: 'save', calls: 620, p50_ms: 50, p95_ms: 50, p99_ms: 500 }),
  )
  expect(await aiFigures(reader, { metric: 'first_token_p95_ms', per: 'session', max: 1 })).toMatchObject([{ value: 25, calls: 1240 }])
})

it('what is computed beside SQL is what SQL gives', async () => {
  const random = seeded(5)
  const calls = Array.from({ length: 60 }, () => ({ ms: Math.ceil(random() ** 3 * 500), weight: 1 + Math.floor(random() * 9) }))
  const reader = await recordingOf(calls.map(({ ms, weight }) => ({ name: 'f', layer: 'function', ms: [0, ms], weight })))
  const sample = weightedSample(calls.map(({ ms, weight }) => ({ value: ms, weight })))
  for (const q of [0, 0.1, 0.37, 0.5, 0.9, 0.95, 0.99, 1]) {
    const [row] = await reader.rows<{ value: number }>(`SELECT weighted_quantile(duration_ms, weight, ${q}) AS value FROM spans`)
    expect(quantileOfCalls(sample, q)).toBeCloseTo(row?.value ?? Number.NaN, 9)
  }
  expect(quantileOfCalls(weightedSample([]), 0.5)).toBeNaN()
})

it('of a caller with more calls than are kept, each kept one stands for more', async () => {
  const call = (name: string, model: string, ms: number): Node => ({
    name, layer: 'tool', kind: 'internal', ms: [0, ms],
    children: [{ name: `chat ${model}`, layer: 'ai', ms: [0, ms], attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': model } }],
  }) // prettier-ignore
  const often = Array.from({ length: 5000 }, () => call('often', 'a', 100))
  const seldom = Array.from({ length: 2500 }, () => call('seldom', 'a', 900))
  const reader = await recordingOf([...often, ...seldom, ...Array.from({ length: 10 }, () => call('often', 'b', 10))], { everyMs: 1 })
  expect(await routingWhatIf(reader, 10)).toMatchObject([{ model: 'a', instead: 'b', calls: 7500, p50_ms: 100 }])
})

it('the share of low scores', async () => {
  const reader = await recordingOf([answer(FAST), answer(SLOW)], {
    insert: [`INSERT INTO store.scores SELECT span_id, 'succeeded', CASE WHEN weight > 1 THEN 1 ELSE 0 END, 1, 'scored', NULL FROM store.spans WHERE name = 'chat a'`],
  }) // prettier-ignore
  const report = await scoreReport(reader, 5)
  expect(report?.scorers).toMatchObject([{ scored: 31, mean: 30 / 31, low: 1 / 31 }])
})
