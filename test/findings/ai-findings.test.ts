import { describe, expect, it } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import type { FindingKind } from '../../src/analysis/finding.ts'
import cheaperModel from '../../src/analysis/findings/cheaper-model.ts'
import duplicatePrompt from '../../src/analysis/findings/duplicate-prompt.ts'
import missingStreaming from '../../src/analysis/findings/missing-streaming.ts'
import oversizedContext from '../../src/analysis/findings/oversized-context.ts'
import promptCacheMiss from '../../src/analysis/findings/prompt-cache-miss.ts'
import slowFirstToken from '../../src/analysis/findings/slow-first-token.ts'
import unusedTools from '../../src/analysis/findings/unused-tools.ts'
import type { Finding } from '../../src/analysis/finding.ts'
import { recordingOf, type Node } from '../support/recording.ts'

interface Call {
  model?: string
  ms?: number
  input?: number
  output?: number
  cached?: number
  usd?: number
  messages?: string[]
  instructions?: string
  tools?: string[]
  toolCalls?: string[]
  firstTokenSeconds?: number
  error?: string
  /** Calls it stands for. */
  weight?: number
}

const ask = (call: Call): Node => ({
  name: 'POST /ask', layer: 'http', weight: call.weight ?? 1, ms: [0, (call.ms ?? 100) + 2], attributes: { 'http.request.method': 'POST', 'http.route': '/ask' },
  children: [
    {
      name: `chat ${call.model ?? 'gpt-4o'}`, layer: 'ai', ms: [1, 1 + (call.ms ?? 100)], ...(call.error === undefined ? {} : { error: call.error }),
      attributes: {
        'gen_ai.operation.name': 'chat', 'gen_ai.request.model': call.model ?? 'gpt-4o', 'gen_ai.usage.input_tokens': call.input ?? 100,
        'gen_ai.usage.output_tokens': call.output ?? 20, 'gen_ai.usage.cache_read.input_tokens': call.cached ?? 0, 'perf.ai.cost_usd': call.usd ?? 0.01,
        ...(call.tools === undefined ? {} : { 'perf.ai.tool_definitions': call.tools.length }),
        ...(call.toolCalls === undefined ? {} : { 'perf.ai.tool_calls': call.toolCalls }),
        ...(call.firstTokenSeconds === undefined ? {} : { 'gen_ai.response.time_to_first_chunk': call.firstTokenSeconds, 'gen_ai.request.stream': true }),
      },
      payloads: {
        ...(call.messages === undefined ? {} : { 'gen_ai.input.messages': call.messages }),
        ...(call.instructions === undefined ? {} : { 'gen_ai.system_instructions': call.instructions }),
        ...(call.tools === undefined ? {} : { 'gen_ai.tool.definitions': call.tools }),
      },
    },
  ],
}) // prettier-ignore

const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i))
const findings = async (kind: FindingKind, calls: Call[]): Promise<Finding[]> => findAll(await recordingOf(calls.map(ask)), [kind])

describe('duplicate-prompt', () => {
  it('finds the same prompt sent again, with what the repeats cost', async () => {
    const [finding, ...rest] = await findings(
      duplicatePrompt,
      times(6, (i) => ({ messages: ['be kind', `question ${i % 2}`], usd: 0.02, input: 500, output: 100 })),
    )
    expect(rest).toEqual([])
    expect(finding).toMatchObject({ cost: { calls: 4, tokens: 2400 }, evidence: { facts: { prompts: 2, caller: 'POST /ask' } } })
    expect(finding?.cost.usd).toBeCloseTo(0.08, 9)
  })

  it('is silent about different prompts, other instructions, other models and failed attempts', async () => {
    const calls = [
      ...times(4, (i) => ({ messages: [`question ${i}`] })),
      { messages: ['x'], instructions: 'a' }, { messages: ['x'], instructions: 'b' }, { messages: ['x'], instructions: 'a', model: 'gpt-4o-mini' },
      { messages: ['y'], error: '429' }, { messages: ['y'] },
    ] // prettier-ignore
    expect(await findings(duplicatePrompt, calls)).toEqual([])
  })
})

describe('prompt-cache-miss', () => {
  it.each([
    ['message 1', (i: number): Call => ({ messages: [`Now is 10:0${i}`, 'long guide', `question ${i}`] })],
    ['the system instructions', (i: number): Call => ({ messages: ['long guide', `question ${i}`], instructions: `Now is 10:0${i}` })],
    ['the tool definitions', (i: number): Call => ({ messages: ['long guide', `question ${i}`], tools: i % 2 ? ['a', 'b'] : ['b', 'a'] })],
  ])('names %s as what differs first', async (where, call) => {
    const [finding] = await findings(
      promptCacheMiss,
      times(8, (i) => ({ input: 4000, ...call(i) })),
    )
    expect(finding).toMatchObject({
      severity: 'medium',
      cost: { calls: 7, tokens: 28_000 },
      evidence: { facts: { first_difference: where, cached_share: 0 } },
    })
  })

  it('names what differs in most calls, of which few may have been kept', async () => {
    const calls = times(8, (i): Call => ({
      input: 4000,
      messages: ['long guide', `question ${i}`],
      instructions: i < 5 ? `Now is 10:0${i}` : 'the same',
      tools: [`tool ${Math.max(4, i)}`],
      weight: i < 5 ? 1 : 10,
    }))
    expect(await findings(promptCacheMiss, calls)).toMatchObject([{ evidence: { facts: { first_difference: 'the tool definitions' } } }])
  })

  it('names a later message where more lies behind it than before it', async () => {
    const guide = 'long guide '.repeat(50)
    const drifting = (i: number): Call => ({ input: 4000, messages: ['be kind', `Now is 10:0${i}`, guide, `question ${i}`] })
    expect(await findings(promptCacheMiss, times(8, drifting))).toMatchObject([{ evidence: { facts: { first_difference: 'message 2' } } }])
    // A history that drops its oldest turns.
    const turn = (i: number): string => `turn ${i} ${'word '.repeat(20)}`
    const sliding = (i: number): Call => ({ input: 4000, messages: ['be kind', ...times(6, (n) => turn(i + n))] })
    expect(await findings(promptCacheMiss, times(8, sliding))).toMatchObject([{ evidence: { facts: { first_difference: 'message 2' } } }])
    const late = (i: number): Call => ({ input: 4000, messages: [guide, `Now is 10:0${i}`, 'answer in a word'] })
    const growing = (i: number): Call => ({ input: 4000, messages: ['be kind', ...times(i + 1, turn)] })
    for (const call of [late, growing]) expect(await findings(promptCacheMiss, times(8, call))).toEqual([])
  })

  it('is silent when the beginning stays, when the cache serves it, when prompts are short, and when nothing is shared', async () => {
    const silent: ((i: number) => Call)[] = [
      (i) => ({ input: 4000, messages: ['long guide', `question ${i}`] }),
      (i) => ({ input: 4000, cached: 3500, messages: [`Now is 10:0${i}`, 'long guide'] }),
      (i) => ({ input: 300, messages: [`Now is 10:0${i}`, 'short guide'] }),
      (i) => ({ input: 4000, messages: [`document ${i}`, `question ${i}`] }),
    ]
    for (const call of silent) expect(await findings(promptCacheMiss, times(8, call))).toEqual([])
  })
})

describe('unused-tools', () => {
  const tools = times(10, (i) => `{"name":"tool_${i}"}${' '.repeat(380)}`)

  it('finds tools that are offered and never called', async () => {
    const [finding] = await findings(
      unusedTools,
      times(12, (i) => ({ tools, toolCalls: [`tool_${i % 2}`] })),
    )
    expect(finding).toMatchObject({ cost: { calls: 12 }, evidence: { facts: { offered: 10, called: ['tool_0', 'tool_1'] } } })
    expect(finding?.cost.tokens).toBeGreaterThan(8000)
    expect(finding?.cost.tokens).toBeLessThan(12_000)
  })

  it('is silent when most are used, or only a few calls are known', async () => {
    expect(
      await findings(
        unusedTools,
        times(12, (i) => ({ tools, toolCalls: [`tool_${i % 8}`] })),
      ),
    ).toEqual([])
    expect(
      await findings(
        unusedTools,
        times(4, () => ({ tools, toolCalls: ['tool_1'] })),
      ),
    ).toEqual([])
  })
})

describe('oversized-context', () => {
  it('finds large prompts for short answers', async () => {
    expect(
      await findings(
        oversizedContext,
        times(4, () => ({ input: 20_000, output: 50 })),
      ),
    ).toMatchObject([{ cost: { calls: 4, tokens: 80_000 } }])
  })

  it('is silent about small prompts, long answers, and what the cache serves', async () => {
    for (const call of [
      { input: 500, output: 5 },
      { input: 20_000, output: 2000 },
      { input: 20_000, output: 50, cached: 18_000 },
    ])
      expect(
        await findings(
          oversizedContext,
          times(4, () => call),
        ),
      ).toEqual([])
  })
})

describe('cheaper-model', () => {
  const calls = (cheapError?: string): Call[] => [
    ...times(10, () => ({ model: 'gpt-4o', usd: 0.03, input: 1000, output: 200 })),
    ...times(10, () => ({
      model: 'gpt-4o-mini',
      usd: 0.002,
      input: 1100,
      output: 200,
      ...(cheapError === undefined ? {} : { error: cheapError }),
    })),
  ]

  it('finds the model that already does the same work for less', async () => {
    const [finding] = await findings(cheaperModel, calls())
    expect(finding).toMatchObject({ severity: 'medium', evidence: { facts: { model: 'gpt-4o', cheaper: 'gpt-4o-mini' } } })
    expect(finding?.cost.usd).toBeCloseTo(10 * (0.03 - (0.002 / 1300) * 1200), 6)
  })

  it('is silent when the cheaper one fails more often, or is used for other sizes of prompt', async () => {
    expect(await findings(cheaperModel, calls('400'))).toEqual([])
    expect(
      await findings(
        cheaperModel,
        calls().map((call) => (call.model === 'gpt-4o' ? { ...call, input: 30_000 } : call)),
      ),
    ).toEqual([])
  })
})

describe('missing-streaming', () => {
  it('finds requests that wait for a whole answer', async () => {
    expect(
      await findings(
        missingStreaming,
        times(3, () => ({ ms: 4000, output: 400 })),
      ),
    ).toMatchObject([{ title: expect.stringContaining('POST /ask waits 4.0 s') }])
  })

  it('names the request that waits, not one further down that the call itself made', async () => {
    const own = { name: 'POST /v1', layer: 'http', kind: 'server', ms: [10, 3900], attributes: { 'http.request.method': 'POST' } } as const
    const waits = (): Node => {
      const request = ask({ ms: 4000, output: 400 })
      return { ...request, children: request.children?.map((call) => ({ ...call, children: [own] })) ?? [] }
    }
    const found = await findAll(await recordingOf([waits(), waits(), waits()]), [missingStreaming])
    expect(found.map(({ title }) => title)).toEqual([expect.stringContaining('POST /ask waits 4.0 s')])
  })

  it('is silent about streams, short answers, and calls that only choose a tool', async () => {
    for (const call of [
      { ms: 4000, output: 400, firstTokenSeconds: 0.2 },
      { ms: 500, output: 400 },
      { ms: 4000, output: 400, toolCalls: ['search'] },
    ])
      expect(
        await findings(
          missingStreaming,
          times(3, () => call),
        ),
      ).toEqual([])
  })
})

describe('slow-first-token', () => {
  it('finds streams that begin late', async () => {
    expect(
      await findings(
        slowFirstToken,
        times(3, () => ({ ms: 5000, firstTokenSeconds: 3 })),
      ),
    ).toMatchObject([{ cost: { calls: 3, total_ms: 9000 } }])
  })

  it('is silent about those that begin soon', async () => {
    expect(
      await findings(
        slowFirstToken,
        times(3, () => ({ ms: 5000, firstTokenSeconds: 0.3 })),
      ),
    ).toEqual([])
  })
})
