// A model that is asked beside others: found where something tells that its answer is not used, silent without that.
import { describe, expect, it } from 'vitest'
import { findAll } from '../../src/analysis/find.ts'
import type { Finding } from '../../src/analysis/finding.ts'
import unusedExpert from '../../src/analysis/findings/unused-expert.ts'
import { recordingOf, type Node } from '../support/recording.ts'

interface Answer {
  model: string
  usd: number
  ms?: number
  error?: string
}

const MODELS: Answer[] = [{ model: 'gpt-4o', usd: 0.02 }, { model: 'gpt-4o-mini', usd: 0.001 }, { model: 'gpt-5', usd: 0.05, ms: 300 }] // prettier-ignore
const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i))

/** A question to several models at once, and a later call whose prompt holds what the app took over. */
function panel(
  i: number,
  options: { answers?: Answer[]; question?: (model: string) => string; taken?: string; answer?: (model: string) => string } = {},
): Node {
  const { answers = MODELS, question = () => `question ${i}`, taken, answer = (model) => `answer of ${model} to ${i}` } = options
  const asked = answers.map(({ model, usd, ms = 100, error }): Node => ({
    name: `chat ${model}`, layer: 'ai', ms: [1, 1 + ms], ...(error === undefined ? {} : { error }),
    attributes: {
      'gen_ai.operation.name': 'chat', 'gen_ai.request.model': model, 'gen_ai.response.id': `${model}-${i}`, 'perf.ai.cost_usd': usd,
      'gen_ai.usage.input_tokens': 100, 'gen_ai.usage.output_tokens': 50,
    },
    payloads: { 'gen_ai.input.messages': ['be kind', question(model)], 'gen_ai.output.messages': [answer(model)] },
  })) // prettier-ignore
  const next: Node = {
    name: 'chat gpt-4o', layer: 'ai', ms: [400, 450], attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'gpt-4o' },
    payloads: { 'gen_ai.input.messages': ['sum up', answer(taken ?? ''), 'please'] },
  } // prettier-ignore
  return { name: 'panel', layer: 'workflow', ms: [0, 500], children: [...asked, ...(taken === undefined ? [] : [next])] }
}

const found = async (traces: Node[], rewarded: (i: number) => string | undefined = () => undefined): Promise<Finding[]> => {
  // Ids count from 1, a trace's root first.
  let root = 1n
  const reader = await recordingOf(traces, {
    more: (writer) =>
      traces.forEach((trace, i) => {
        const model = rewarded(i)
        if (model !== undefined)
          writer.event({
            spanId: root, timeNs: 2e9 + i * 1e9, name: 'gen_ai.evaluation.result',
            attributes: { 'gen_ai.evaluation.name': 'panel', 'gen_ai.evaluation.score.value': 1, 'perf.reward.option': model, 'gen_ai.response.id': `${model}-${i}` },
          }) // prettier-ignore
        root += BigInt(1 + (trace.children?.length ?? 0))
      }),
  })
  return findAll(reader, [unusedExpert])
}

describe('unused-expert', () => {
  it('finds the model that is never rewarded while others are, with its cost and what waited for it', async () => {
    const findings = await found(times(6, (i) => panel(i)), (i) => (i % 2 ? 'gpt-4o' : 'gpt-4o-mini')) // prettier-ignore
    expect(findings).toMatchObject([
      { severity: 'medium', cost: { calls: 6, tokens: 900, total_ms: 1200 }, evidence: { facts: { model: 'gpt-5', caller: 'panel', told_by_rewards: 6, told_by_later_prompts: 0, used_instead: ['gpt-4o', 'gpt-4o-mini'] } } },
    ]) // prettier-ignore
    expect(findings[0]?.cost.usd).toBeCloseTo(0.3, 9)
  })

  it('finds those whose answers are in no later prompt while another one is', async () => {
    const findings = await found(times(6, (i) => panel(i, { taken: 'gpt-4o-mini' })))
    expect(findings.map(({ evidence }) => [evidence.facts['model'], evidence.facts['told_by_later_prompts']])).toEqual([
      ['gpt-5', 6],
      ['gpt-4o', 6],
    ])
  })

  it('is silent without evidence, with too little of it, for models that are used now and then, and where answers are equal', async () => {
    const silent: [Node[], ((i: number) => string | undefined)?][] = [
      [times(20, (i) => panel(i))],
      [times(20, (i) => panel(i)), (i) => (i < 4 ? 'gpt-4o' : undefined)],
      [times(20, (i) => panel(i)), (i) => MODELS[i % 3]?.model],
      [times(20, (i) => panel(i, { taken: 'gpt-4o', answer: () => `answer to ${i}` }))],
    ]
    for (const [traces, rewarded] of silent) expect(await found(traces, rewarded)).toEqual([])
  })

  it('is silent about different questions, one model asked twice, and a model that stood in for one that failed', async () => {
    const twice: Answer[] = [{ model: 'gpt-4o', usd: 1 }, { model: 'gpt-4o', usd: 1 }] // prettier-ignore
    const fallback: Answer[] = [{ model: 'gpt-5', usd: 1, error: '500' }, { model: 'gpt-4o', usd: 1 }] // prettier-ignore
    for (const options of [{ question: (model: string) => `for ${model}` }, { answers: twice }, { answers: fallback }])
      expect(await found(times(8, (i) => panel(i, options)), () => 'gpt-4o')).toEqual([]) // prettier-ignore
  })
})
