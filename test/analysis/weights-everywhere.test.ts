// A session of which some traces were kept for several says the same as the session in which each of these happened: in every statistic.
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { aiReport } from '../../src/analysis/ai/ai-report.ts'
import { pipelineOf } from '../../src/analysis/ai/pipelines.ts'
import { CallFigureReader } from '../../src/analysis/audit/call-figures.ts'
import { figuresOf } from '../../src/analysis/audit/figures.ts'
import { METRICS } from '../../src/analysis/audit/metrics.ts'
import { dimensions } from '../../src/analysis/compare/dimensions.ts'
import { readTotals } from '../../src/analysis/compare/read-groups.ts'
import { criticalShares } from '../../src/analysis/critical-shares.ts'
import { buildReport } from '../../src/analysis/report.ts'
import { sessionQuality } from '../../src/analysis/scoring/baselines.ts'
import { readScorerSpec } from '../../src/analysis/scoring/scorer-spec.ts'
import { ensureScores } from '../../src/analysis/scoring/ensure-scores.ts'
import { scoreReport } from '../../src/analysis/scoring/score-report.ts'
import { timeline } from '../../src/analysis/timeline.ts'
import { whatIf } from '../../src/analysis/what-if.ts'
import { SpanKindCode, StatusCode } from '../../src/core/layout.ts'
import { openSession, type SessionReader } from '../../src/store/query.ts'
import { readSession } from '../../src/store/session.ts'
import { generateSession, seeded, STARTED_AT } from '../support/generate-session.ts'
import { RecordWriter, type TestSpan } from '../support/record-writer.ts'

const MS = 1_000_000
const TRACES = 60

let dir: string
let sampled: SessionReader
let whole: SessionReader

interface TraceFacts {
  i: number
  startNs: number
  ms: number
  isFailed: boolean
}

beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-everywhere-'))
  const random = seeded(5)
  const [few, all] = [new RecordWriter(), new RecordWriter()]
  const ids = { next: 1n }
  for (let i = 0; i < TRACES; i++) {
    const facts = { i, startNs: i * 100 * MS + 1, ms: Math.round(10 + random() ** 3 * 80), isFailed: random() < 0.2 }
    // Slow ones are kept whole, as tail sampling does.
    const weight = facts.ms > 40 ? 1 : 2 + Math.floor(random() * 4)
    writeTrace(few, ids, facts, weight)
    for (let copy = 0; copy < weight; copy++) writeTrace(all, ids, facts, 1)
  }
  ;[sampled, whole] = [await scored('sampled', few), await scored('whole', all)]
}, 60_000)
afterAll(() => {
  sampled.close()
  whole.close()
  rmSync(dir, { recursive: true, force: true })
})

async function scored(name: string, writer: RecordWriter): Promise<SessionReader> {
  const blocks = [writer.block({ anchor: { monoNs: 0, wallMs: STARTED_AT } })]
  const session = readSession(await generateSession({ dir: path.join(dir, name), name, instances: [{ blocks }] }))
  const { state } = await ensureScores(session, readScorerSpec('succeeded,non-empty,latency(10ms)', dir), { limit: 2000 })
  expect(state).toBe('scored')
  return openSession(session)
}

/** A request: a workflow with a query, a cache that is asked and filled, a tool and a call of a model, all of a conversation. */
function writeTrace(writer: RecordWriter, ids: { next: bigint }, { i, startNs, ms, isFailed }: TraceFacts, weight: number): void {
  const trace = { traceHigh: 1n, traceLow: ids.next++, weight }
  const root = ids.next++
  const flow = ids.next++
  const add = (parentId: bigint, name: string, layer: string, from: number, to: number, rest: Partial<TestSpan> = {}): bigint => {
    const spanId = rest.spanId ?? ids.next++
    writer.span({ ...trace, parentId, name, layer, startNs: startNs + from * ms * MS, endNs: startNs + to * ms * MS, ...rest, spanId })
    return spanId
  }
  const failed = isFailed ? { status: StatusCode.error } : {}
  const model = i % 3 === 0 ? 'large' : 'small'
  const cache = { 'perf.cache.name': { interned: 'answers' }, 'perf.cache.key_hash': String(i % 7) }
  const isHit = i % 4 === 0
  add(flow, 'SELECT orders', 'db', 0.05, 0.2, {
    kind: SpanKindCode.client,
    attributes: {
      'db.system.name': { interned: 'postgresql' },
      'db.query.text': { interned: `SELECT ${i % 2}` },
      'perf.pool.wait_ms': ms / 10,
    },
  })
  add(flow, 'get answers', 'cache', 0.2, 0.21, {
    attributes: { ...cache, 'perf.cache.operation': { interned: 'get' }, 'perf.cache.hit': isHit },
  })
  add(flow, 'find', 'tool', 0.25, 0.4, {
    ...failed,
    attributes: { 'gen_ai.tool.name': { interned: 'find' }, ...(isFailed ? { 'error.type': { interned: `E${i % 2}` } } : {}) },
  })
  add(flow, `chat ${model}`, 'ai', 0.4, 0.8, {
    ...(i % 5 === 0 ? { status: StatusCode.error } : {}),
    kind: SpanKindCode.client,
    attributes: {
      'gen_ai.operation.name': { interned: 'chat' }, 'gen_ai.provider.name': { interned: 'openai' }, 'gen_ai.request.model': { interned: model },
      'gen_ai.usage.input_tokens': 100 + (i % 9), 'gen_ai.usage.output_tokens': 10 + (i % 5), 'perf.ai.cost_usd': (model === 'large' ? 0.01 : 0.001) * (1 + (i % 3)),
      'gen_ai.response.time_to_first_chunk': ms / 4000, 'gen_ai.conversation.id': `chat-${i % 6}`, ...(i % 5 === 0 ? { 'error.type': { interned: '503' } } : {}),
    },
  }) // prettier-ignore
  if (!isHit) add(flow, 'set answers', 'cache', 0.85, 0.86, { attributes: { ...cache, 'perf.cache.operation': { interned: 'set' } } })
  add(flow, 'chat open', 'ai', 0.9, 0.95, { attributes: { 'gen_ai.request.model': { interned: 'small' }, 'gen_ai.usage.input_tokens': 1 } })
  add(root, 'answer', 'workflow', 0.05, 0.98, { spanId: flow })
  writer.event({
    spanId: flow,
    timeNs: startNs + MS,
    name: 'gen_ai.evaluation.result',
    attributes: {
      'gen_ai.evaluation.name': { interned: 'model' },
      'perf.reward.option': { interned: model },
      'gen_ai.evaluation.score.value': ms / 100,
    },
  })
  writer.span({
    ...trace, spanId: root, name: 'GET /ask', layer: 'http', startNs, endNs: startNs + ms * MS, kind: SpanKindCode.server, ...failed,
    attributes: { 'http.request.method': { interned: 'GET' }, 'http.route': { interned: `/ask/${i % 2}` }, 'http.response.status_code': isFailed ? 500 : 200 },
  }) // prettier-ignore
}

/** What says which trace or span, or how much was recorded, differs; sums of floating-point numbers differ in their last digits. */
const IDS =
  /^(trace_id|trace|span_id|spans|traces_kept|traces|waterfall|session|evidence|id|recorded_spans|recorded_traces|recorded|samples|n|query|data|list|hidden|cpu|based_on)$/
const said = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (key, entry: unknown) => {
      if (key !== '' && IDS.test(key) && key !== 'list') return undefined
      return typeof entry === 'number' ? Number(entry.toPrecision(6)) : entry
    }),
  )

it('the report', async () => {
  const both = [await buildReport(sampled), await buildReport(whole)].map(({ findings: _findings, traces: _traces, ...report }) => report)
  expect(said(both[0])).toEqual(said(both[1]))
})

it('the AI pages', async () => {
  const both = [await aiReport(sampled, 10), await aiReport(whole, 10)].map(({ findings: _findings, ...report }) => report)
  expect(said(both[0])).toEqual(said(both[1]))
  expect(both[0]?.choices).toHaveLength(1)
  expect(both[0]?.conversations.list[0]?.turns).toBeGreaterThan(10)
})

it('pipelines, the what-if and the charts', async () => {
  expect(said(await pipelineOf(sampled, 'answer'))).toEqual(said(await pipelineOf(whole, 'answer')))
  const halved = async (reader: SessionReader): Promise<unknown> => {
    const { rows, ...rest } = await whatIf(reader, `name = 'find'`, (ms) => ms / 2)
    return said({ ...rest, calls: [rest.spans, rest.touched, rest.replayed], rows: rows.map((row) => ({ ...row, of: row.traces })) })
  }
  expect(await halved(sampled)).toEqual(await halved(whole))
  // How fine the steps are goes by what was recorded.
  const charts = async (reader: SessionReader): Promise<unknown> => {
    const found = await timeline(reader)
    const sum = (values: readonly (number | null)[] = []): number => values.reduce<number>((total, value) => total + (value ?? 0), 0)
    return said({
      overall: found?.overall,
      distribution: found?.distribution,
      sums: [
        found?.latency.count,
        found?.latency.errors,
        found?.ai?.calls,
        found?.ai?.input_tokens,
        found?.ai?.output_tokens,
        found?.ai?.usd,
      ].map(sum),
    })
  }
  expect(await charts(sampled)).toEqual(await charts(whole))
})

it('the audit and comparisons', async () => {
  for (const metric of Object.keys(METRICS) as (keyof typeof METRICS)[]) {
    if (metric === 'findings') continue
    const figures = async (reader: SessionReader): Promise<unknown> =>
      said(await figuresOf(reader, new CallFigureReader(reader, false), { metric, per: 'name' }, 0))
    expect(await figures(sampled), metric).toEqual(await figures(whole))
  }
  for (const { key, layer = 's.layer', where = 'true' } of Object.values(dimensions)) {
    if (key === 's.session') continue
    const totals = (reader: SessionReader) => readTotals(reader, { key, layer, where }, 'true')
    expect(said(await totals(sampled)), key).toEqual(said(await totals(whole)))
  }
  expect(said((await criticalShares(sampled)).names)).toEqual(said((await criticalShares(whole)).names))
})

it('the quality', async () => {
  expect(said({ ...(await scoreReport(sampled, 5)), lowest: 0 })).toEqual(said({ ...(await scoreReport(whole, 5)), lowest: 0 }))
  const means = async (reader: SessionReader): Promise<unknown> =>
    said(
      [...(await sessionQuality(reader)).groups].map(([key, { mean, scorers }]) => [
        key,
        mean,
        [...scorers].map(([name, one]) => [name, one.mean, one.weight]),
      ]),
    )
  expect(await means(sampled)).toEqual(await means(whole))
})

it('the views of caches and variants, and what compare reads', async () => {
  for (const view of ['caches', 'conversations'])
    expect(said(await sampled.rows(`SELECT * FROM ${view} ORDER BY 1`)), view).toEqual(
      said(await whole.rows(`SELECT * FROM ${view} ORDER BY 1`)),
    )
})
