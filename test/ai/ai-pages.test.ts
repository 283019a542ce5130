// The AI pages over generated sessions whose truth is known.
import { describe, expect, it } from 'vitest'
import { aiReport } from '../../src/analysis/ai/ai-report.ts'
import { reportOf } from '../../src/analysis/ai/choices.ts'
import { columnsOf } from '../../src/analysis/ai/pipeline-columns.ts'
import { pipelineKinds, pipelineOf, type Stage } from '../../src/analysis/ai/pipelines.ts'
import { renderAiReport } from '../../src/cli/render/ai/ai-pages.ts'
import { pipelineSvg } from '../../src/cli/render/ai/pipeline-svg.ts'
import { renderPipeline } from '../../src/cli/render/ai/pipeline-text.ts'
import { terminalOf } from '../../src/cli/render/terminal.ts'
import { describeWithChromium, startChromium } from '../support/chromium.ts'
import { seeded } from '../support/generate-session.ts'
import { recordingOf, type Node } from '../support/recording.ts'

interface Call {
  model: string
  ms?: readonly [number, number]
  input?: number
  output?: number
  usd?: number
  firstTokenSeconds?: number
  error?: string
  weight?: number
}

const ai = ({ model, ms = [1, 101], input = 100, output = 20, usd, firstTokenSeconds, error, weight = 1 }: Call): Node => ({
  name: `chat ${model}`, layer: 'ai', ms, weight, ...(error === undefined ? {} : { error }),
  attributes: {
    'gen_ai.operation.name': 'chat', 'gen_ai.request.model': model, ...(error === undefined ? { 'gen_ai.usage.input_tokens': input, 'gen_ai.usage.output_tokens': output } : {}),
    ...(usd === undefined ? {} : { 'perf.ai.cost_usd': usd }), ...(firstTokenSeconds === undefined ? {} : { 'gen_ai.response.time_to_first_chunk': firstTokenSeconds }),
  },
}) // prettier-ignore
const within = (name: string, layer: string, children: readonly Node[], ms: Node['ms'] = [0, 1000]): Node => ({
  name,
  layer,
  ms,
  children,
  kind: 'internal',
})
const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i))
const plain = { ...terminalOf({ isTTY: false, columns: 80 }, {}), width: 80 }

describe('by model', () => {
  it('gives cost by thousand tokens, speed after the first token, and success', async () => {
    const calls = [
      ...times(9, (i) => ai({ model: 'gpt-4o', input: 900, output: 100, usd: 0.01, ms: [0, 1000 + i], firstTokenSeconds: 0.5 })),
      ai({ model: 'gpt-4o', error: '500' }),
    ]
    const { models, calls: n } = await aiReport(await recordingOf(calls.map((call) => within('GET /', 'http', [call]))), 10)
    expect(n).toBe(10)
    expect(models).toMatchObject([
      { model: 'gpt-4o', calls: 10, input_tokens: 8100, output_tokens: 900, first_token_p50_ms: 500, errors: 1, fallbacks_from: 0 },
    ])
    expect(models[0]?.usd_per_1k).toBeCloseTo(0.01, 9)
    expect(models[0]?.success).toBeCloseTo(0.9, 6)
    expect(models[0]?.tokens_per_second).toBeCloseTo(100 / 0.504, 3)
  })

  it('counts what stands for more calls as often', async () => {
    const { models, calls } = await aiReport(await recordingOf([within('GET /', 'http', [ai({ model: 'm', weight: 4, usd: 0.5 })])]), 10)
    expect([calls, models[0]?.calls, models[0]?.input_tokens, models[0]?.cost_usd]).toEqual([4, 4, 400, 2])
  })

  it('counts a fallback where another model follows a failed call at the same place, and nothing else', async () => {
    const traces = [
      within('falls back', 'step', [ai({ model: 'a', error: '429', ms: [0, 50] }), ai({ model: 'b', ms: [60, 90] })]),
      within('retries', 'step', [ai({ model: 'a', error: '429', ms: [0, 50] }), ai({ model: 'a', ms: [60, 90] })]),
      within('asks both at once', 'step', [ai({ model: 'a', error: '429', ms: [0, 50] }), ai({ model: 'b', ms: [1, 90] })]),
      within('goes on', 'step', [ai({ model: 'a', ms: [0, 50] }), ai({ model: 'b', ms: [60, 90] })]),
      within('elsewhere', 'workflow', [within('one', 'step', [ai({ model: 'a', error: '500', ms: [0, 50] })]), within('two', 'step', [ai({ model: 'b', ms: [60, 90] })])]),
    ] // prettier-ignore
    const { fallbacks, models } = await aiReport(await recordingOf(traces), 10)
    expect(models.find(({ model }) => model === 'a')).toMatchObject({ retries: 1, fallbacks_from: 1, errors: 4 })
    expect(fallbacks).toMatchObject([{ model: 'a', to: 'b', error_type: '429', count: 1, saved: 1, lost_ms: 50 }])
  })
})

describe('routing what-if', () => {
  it('finds the prices of the other model in its own calls and moves its latency by the tokens', async () => {
    const random = seeded(5)
    const call = (model: string, rate: number, slope: number) => (i: number): Node => {
      const [input, output] = [100 + Math.floor(random() * 900), (model === 'big' ? 200 : 100) + (i % 10)]
      return within('GET /ask', 'http', [ai({ model, input, output, usd: (input * rate + output * rate * 4) / 1e6, ms: [0, 100 + slope * output] })])
    } // prettier-ignore
    const traces = [...times(30, call('big', 10, 5)), ...times(30, call('small', 1, 2))]
    const { routing } = await aiReport(await recordingOf(traces), 10)
    const [row] = routing.list
    expect(row).toMatchObject({ model: 'big', instead: 'small', calls: 30, shared_callers: ['GET /ask'], based_on: 30 })
    expect((row?.instead_usd ?? 0) / (row?.cost_usd ?? 1)).toBeCloseTo(0.1, 6)
    expect(row?.p50_ms).toBeCloseTo(100 + 5 * 204.5, 6)
    expect(row?.instead_p50_ms).toBeCloseTo(100 + 2 * 204.5, 6)
  })

  it('says nothing of models that cost and take more, or were hardly used', async () => {
    const traces = [
      ...times(10, () => within('GET /', 'http', [ai({ model: 'cheap', usd: 0.001, ms: [0, 10] })])),
      ...times(2, () => within('GET /', 'http', [ai({ model: 'rare', usd: 0, ms: [0, 1] })])),
    ]
    expect((await aiReport(await recordingOf(traces), 10)).routing.list).toEqual([])
  })
})

describe('choices and rewards', () => {
  const row = (option: string, value: number, best: number | null = null) => ({ option, value, best, weight: 1 })

  it('looks at each reward a few times, however many options there are', () => {
    let looks = 0
    const rows = times(1000, (i) => ({ ...row('', i % 7), get option() { looks++; return `o${i}` } })) // prettier-ignore
    expect(reportOf('x', rows).options).toHaveLength(1000)
    expect(looks).toBeLessThan(20 * rows.length)
  })

  it('gives regret as the gaps times how often, and convergence by window', () => {
    const rows = [...times(50, (i) => row(i % 2 ? 'good' : 'bad', i % 2 ? 0.9 : 0.4)), ...times(50, () => row('good', 0.9))]
    const report = reportOf('router', rows)
    expect(report).toMatchObject({ rewards: 100, best: 'good', regret_by: 'best known' })
    expect(report.regret).toBeCloseTo(25 * 0.5, 9)
    expect(report.options.map(({ option, times: n, shares }) => [option, n, shares])).toEqual([
      ['good', 75, [0.5, 0.5, 0.5, 0.5, 0.5, 1, 1, 1, 1, 1]],
      ['bad', 25, [0.5, 0.5, 0.5, 0.5, 0.5, 0, 0, 0, 0, 0]],
    ])
    expect(report.regret_course.at(-1)).toBeCloseTo(12.5, 9)
    expect(report.regret_course[4]).toBeCloseTo(12.5, 9)
  })

  it('takes what the app says the best would have been, weighs samples, and calls nothing best after a few tries', () => {
    expect(
      reportOf(
        'x',
        times(4, () => row('a', 0.5, 0.75)),
      ),
    ).toMatchObject({ regret_by: 'told', regret: 1, best: null })
    expect(
      reportOf(
        'x',
        times(4, () => row('a', 0.5)),
      ),
    ).toMatchObject({ best: null, regret: 0 })
    expect(reportOf('x', [...times(6, () => ({ ...row('a', 1), weight: 3 })), row('b', 9)])).toMatchObject({
      rewards: 19,
      best: 'a',
      regret: 0,
    })
  })
})

describe('several models for one question', () => {
  it('are those under one perf.ai.question, wherever they were asked', async () => {
    const asked = (id: string, model: string): Node => ({
      ...within('ask', 'step', [ai({ model, usd: 0.01 })]),
      attributes: { 'perf.ai.question': id },
    })
    const traces = [asked('q1', 'a'), asked('q1', 'b'), asked('q2', 'a'), asked('q2', 'a'), within('ask', 'step', [ai({ model: 'c' })])]
    const { questions } = await aiReport(await recordingOf(traces), 10)
    expect(questions).toMatchObject({ total: 1, calls: 2, experts: [{ model: 'a', questions: 1 }, { model: 'b', questions: 1 }] }) // prettier-ignore
    expect(questions.extra_usd).toBeCloseTo(0.01, 9)
  })
})

describe('pipelines', () => {
  const voice = (i: number): Node => within('voice', 'workflow', [
    within('stt', 'step', [], [0, 100 + i]), { ...within('memory', 'step', [], [110 + i, 160 + i]) },
    { ...within('intent', 'tool', [], [112 + i, 165 + i]), payloads: { 'tool.arguments': 'x'.repeat(100), 'tool.result': 'y'.repeat(40) } },
    within('llm', 'step', [within('GET', 'http', [ai({ model: 'gpt-4o', ms: [180, 480], usd: 0.01 })], [175, 490])], [170 + i, 500]),
    within('tts', 'step', [], [500, 600]),
  ], [0, 620]) // prettier-ignore

  it('follow each other, or run beside each other, with times and sizes; other layers are gone through', async () => {
    const reader = await recordingOf(times(11, voice))
    expect(await pipelineKinds(reader, 5)).toMatchObject([{ name: 'voice', layer: 'workflow', runs: 11, stages: 5 }])
    const pipeline = await pipelineOf(reader, 'voice')
    expect(columnsOf(pipeline?.stages ?? []).map((stages) => stages.map(({ name }) => name))).toEqual([
      ['stt'],
      ['memory', 'intent'],
      ['llm'],
      ['tts'],
    ])
    expect(pipeline).toMatchObject({ runs: 11, p50_ms: 620, errors: 0 })
    expect(pipeline?.stages.find(({ name }) => name === 'intent')).toMatchObject({
      in_bytes: 100,
      out_bytes: 40,
      start_ms: 117,
      end_ms: 170,
      p50_ms: 53,
    })
    expect(pipeline?.stages.find(({ name }) => name === 'llm')?.children).toMatchObject([{ name: 'chat gpt-4o', layer: 'ai', p50_ms: 300 }])
    const text = renderPipeline(plain, pipeline as NonNullable<typeof pipeline>)
    expect(text.split('\n').every((line) => line.length <= 80)).toBe(true)
    expect(text).toMatch(/\+ memory .*\n\+ intent .* 100 B > 40.0 B/)
    expect(await pipelineOf(reader, 'no such')).toBeUndefined()
  })

  it('are none where nothing has stages', async () => {
    expect(await pipelineKinds(await recordingOf(times(3, () => within('GET /', 'http', [within('SELECT', 'db', [])]))), 5)).toEqual([])
  })
})

describeWithChromium('the picture of a pipeline', () => {
  it('is valid SVG, readable in light and dark, whatever the names are', async () => {
    const stage = (name: string, start: number, end: number, children: Stage[] = []): Stage => ({
      path: [name], name, layer: 'step', depth: 1, runs: 3, calls: 4, start_ms: start, end_ms: end, p50_ms: end - start, p95_ms: end - start, share: 0.001, errors: 1,
      in_bytes: 10, out_bytes: null, cost_usd: 0.1, children,
    }) // prettier-ignore
    const stages = [
      stage('a <b> & "c" \u0000\u001b[31m', 0, 10, [stage('inner', 1, 2)]),
      stage('beside', 1, 9),
      ...times(6, (i) => stage(`step ${i}`, 10 + i * 10, 20 + i * 10)),
    ]
    const svg = pipelineSvg({
      name: '</svg><script>',
      layer: 'workflow',
      runs: 3,
      p50_ms: 80,
      p95_ms: 90,
      errors: 0,
      between_ms: 1,
      stages,
    })
    const browser = await startChromium()
    try {
      const seen: string[] = []
      for (const colorScheme of ['light', 'dark'] as const) {
        const page = await browser.newPage({ colorScheme })
        await page.goto(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`)
        const found =
          await page.evaluate(`({ errors: document.querySelectorAll('parsererror').length, boxes: document.querySelectorAll('rect.box').length, arrows: document.querySelectorAll('path.flow').length,
          page: getComputedStyle(document.querySelector('rect.paper')).fill, text: getComputedStyle(document.querySelector('text.name')).fill,
          outside: [...document.querySelectorAll('rect.box, text')].filter((one) => { const box = one.getBBox(); return box.x < 0 || box.x + box.width > document.documentElement.viewBox.baseVal.width || box.y + box.height > document.documentElement.viewBox.baseVal.height }).length })`)
        expect(found).toMatchObject({ errors: 0, boxes: 8, arrows: 2 + 5, outside: 0 })
        const { page: background, text } = found as { page: string; text: string }
        seen.push(background, text)
      }
      expect(new Set(seen).size).toBe(4)
    } finally {
      await browser.close()
    }
  })
})

describe('a session without AI calls', () => {
  it('says so', async () => {
    const data = await aiReport(await recordingOf([within('GET /', 'http', [])]), 10)
    expect(renderAiReport(plain, data)).toContain('No AI call was recorded')
  })
})
