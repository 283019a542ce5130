// A program with the openai SDK against the scripted server, recorded and reported on as its user would.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AiReport } from '../../src/analysis/ai/ai-report.ts'
import type { ConversationStep } from '../../src/analysis/ai/conversations.ts'
import type { Pipeline } from '../../src/analysis/ai/pipelines.ts'
import type { Quality } from '../../src/cli/score-sessions.ts'
import { startOpenAIServer } from '../servers/openai.ts'
import { runCli } from '../support/cli.ts'
import { record, type Format, type Recorded } from '../support/record.ts'

const server = await startOpenAIServer()
afterAll(() => server.close())

const APP = `
import OpenAI from 'openai'
import { conversation, reward, span, step, tool, workflow } from '@perf/agent/api'

const client = new OpenAI({ apiKey: 'test', baseURL: process.env.BASE_URL, maxRetries: 0 })
const user = (content) => ({ role: 'user', content })
const ask = (model, messages) => client.chat.completions.create({ model, messages })

async function main() {
  const messages = [{ role: 'system', content: 'be kind' }, user('hello')]
  for (const next of ['what do you sell?', 'and tea?', undefined])
    await span('chat turn', async () => {
      messages.push((await ask('gpt-4o', messages)).choices[0].message)
      if (next) messages.push(user(next))
    })

  let previous
  for (const input of ['one', 'two', 'three'])
    previous = (await client.responses.create({ model: 'gpt-4o-mini', input, ...(previous && { previous_response_id: previous }) })).id

  for (const turn of [1, 2]) await conversation('ticket-42', () => ask('gpt-4o-mini', [user('turn ' + turn)]))
  await span('by annotation', () => (conversation('ticket-43'), ask('gpt-4o-mini', [user('hi')])))

  for (let i = 0; i < 3; i++)
    await span('answer', async () => {
      try { await ask('gpt-4o', [user('[[500:always]] question ' + i)]) } catch { await ask('gpt-4o-mini', [user('question ' + i)]) }
    })

  for (let i = 0; i < 6; i++)
    await workflow('panel', async () => {
      const answers = await Promise.all(['gpt-4o', 'gpt-4o-mini', 'gpt-5'].map((model) => ask(model, [user('which is best, number ' + i)])))
      const used = i % 3 === 0 ? 0 : 1
      reward({ choice: 'panel', option: ['gpt-4o', 'gpt-4o-mini'][used], value: 1, responseId: answers[used].id })
    })

  const search = tool('search', async (query) => 'found ' + query)
  const done = []
  for (let i = 0; i < 20; i++)
    await workflow('rag', async (handle) => {
      const query = await step('rewrite', () => ask('gpt-4o-mini', [user('rewrite ' + i)]))
      await search(query.choices[0].message.content)
      await step('generate', () => ask('gpt-4o', [user('generate ' + i)]))
      done.push({ handle, ids: { traceId: handle.traceId, spanId: handle.spanId } })
    })
  // Said when the user did: after the spans had ended.
  done.forEach(({ handle, ids }, i) =>
    reward({ choice: 'prompt', option: i < 10 && i % 2 ? 'short' : 'long', value: i < 10 && i % 2 ? false : true, span: i % 2 ? handle : ids }))
  reward({ option: 'x', value: NaN })
  console.log('done')
}
void main()
`
const SCORERS = `
export const polite = ({ kind, answer }) => (kind === 'tool' || answer === null ? null : { score: answer.length > 0 ? 0.8 : 0, reason: 'it has text' })
export async function broken() { throw new TypeError('no luck') }
export const odd = () => 7
`

const json = async <T>(run: Recorded, args: string[], env: NodeJS.ProcessEnv = {}): Promise<T> => {
  const { stdout, stderr, code } = await runCli([...args, '--json'], { cwd: run.folder, env })
  expect(stderr).toBe('')
  expect(code).toBe(0)
  return JSON.parse(stdout) as T
}

describe.each(['esm', 'cjs'] satisfies Format[])('an app of AI calls, recorded (%s)', (format) => {
  let run: Recorded
  let report: AiReport & { quality: Quality }
  beforeAll(async () => {
    run = await record({ app: APP, format, packages: ['openai@6.49.0'], env: { BASE_URL: `${server.url}/v1`, PERF_CAPTURE: 'preview' } })
    expect([run.stdout, run.status]).toEqual(['done\n', 0])
    report = await json(run, ['report', '--ai'])
  }, 60_000)

  it('does and prints the same without the agent', async () => {
    const bare = await record({ app: APP, format, packages: ['openai@6.49.0'], agent: 'none', env: { BASE_URL: `${server.url}/v1` } })
    expect([bare.stdout, bare.stderr, bare.status, bare.sessionDir]).toEqual(['done\n', '', 0, undefined])
    expect(run.stderr).toBe('')
  })

  it('groups its calls by conversation: repeated prompts, a chain of responses, and what the app says', () => {
    const { list, total } = report.conversations
    expect(total).toBe(4)
    expect(
      list
        .map(({ conversation, source, calls, turns }) => [conversation.replace(/[0-9a-f]{16}$/, '…'), source, calls, turns])
        .toSorted((a, b) => String(a).localeCompare(String(b))),
    ).toEqual([
      ['chat-…', 'inferred', 3, 3],
      [expect.stringMatching(/^resp_/), 'chain', 3, 3],
      ['ticket-42', 'inherited', 2, 2],
      ['ticket-43', 'inherited', 1, 1],
    ])
  })

  it('tells the course of a conversation turn by turn', async () => {
    const { steps } = await json<{ steps: ConversationStep[] }>(run, ['report', '--conversation', 'chat-'])
    expect(steps.map(({ turn, name, status }) => [turn, name, status])).toEqual([[1, 'gpt-4o', 'unset'], [2, 'gpt-4o', 'unset'], [3, 'gpt-4o', 'unset']]) // prettier-ignore
    const tokens = steps.map(({ input_tokens: input }) => input ?? 0)
    expect(tokens).toEqual([...tokens].sort((a, b) => a - b))
    expect(steps.at(-1)?.so_far_usd).toBeCloseTo(
      steps.reduce((sum, { cost_usd: usd }) => sum + (usd ?? 0), 0),
      12,
    )
  })

  it('counts fallbacks, and calls by model', () => {
    expect(report.fallbacks).toMatchObject([{ model: 'gpt-4o', to: 'gpt-4o-mini', error_type: 'server_error', count: 3, saved: 3 }])
    const calls = Object.fromEntries(
      report.models.map(({ model, calls: n, errors, fallbacks_from: from, fallbacks_to: to }) => [model, [n, errors, from, to]]),
    )
    expect(calls).toEqual({ 'gpt-4o': [32, 3, 3, 0], 'gpt-4o-mini': [35, 0, 0, 3], 'gpt-5': [6, 0, 0, 0] })
    expect(report.calls).toBe(73)
  })

  it('joins rewards to their calls and choices, also those that came later', () => {
    const [panel, prompt] = ['panel', 'prompt'].map((name) => report.choices.find(({ choice }) => choice === name))
    expect(report.choices).toHaveLength(2)
    expect(panel).toMatchObject({ rewards: 6, best: null })
    expect(prompt).toMatchObject({ rewards: 20, best: 'long', regret: 5, regret_per_choice: 0.25, options: [{ option: 'long', times: 15, last_share: 1 }, { option: 'short', times: 5, gap: 1, first_share: 0.4 }] }) // prettier-ignore
    expect(report.questions).toMatchObject({ total: 6, calls: 18 })
    expect(Object.fromEntries(report.questions.experts.map(({ model, rewarded, same_answer: same }) => [model, [rewarded, same]]))).toEqual({
      'gpt-4o': [2, 1], 'gpt-4o-mini': [4, 1], 'gpt-5': [0, 1],
    }) // prettier-ignore
  })

  it('finds the model whose answer is never used', async () => {
    const findings = await json<{ findings: { kind: string; evidence: { facts: Record<string, unknown> } }[] } | { kind: string; evidence: { facts: Record<string, unknown> } }[]>(run, ['findings', '--kind', 'unused-expert']) // prettier-ignore
    const list = Array.isArray(findings) ? findings : findings.findings
    expect(list.map(({ evidence }) => evidence.facts['model'])).toEqual(['gpt-5'])
  })

  it('draws a pipeline: its stages in order, with sizes', async () => {
    const pipeline = await json<Pipeline>(run, ['report', '--pipeline', 'rag'])
    expect(pipeline).toMatchObject({ runs: 20, layer: 'workflow', errors: 0 })
    expect(pipeline.stages.map(({ name, layer, runs, children }) => [name, layer, runs, children.map((child) => child.name)])).toEqual([
      ['rewrite', 'step', 20, ['chat gpt-4o-mini']],
      ['search', 'tool', 20, []],
      ['generate', 'step', 20, ['chat gpt-4o']],
    ])
    expect(pipeline.stages[1]).toMatchObject({ in_bytes: expect.any(Number), out_bytes: expect.any(Number) })
  })

  it("scores answers with the built-in scorers, and with the user's own, whatever those do", async () => {
    const builtIn = Object.fromEntries((report.quality.scores?.scorers ?? []).map((row) => [row.scorer, row]))
    expect(builtIn['succeeded']).toMatchObject({ scored: 93, unknown: 0, mean: expect.closeTo(90 / 93, 9) })
    expect(builtIn['non-empty']).toMatchObject({ mean: 1, unknown: 0, skipped: 23 })
    writeFileSync(path.join(run.folder, 'scorers.mjs'), SCORERS)
    const own = await json<Quality>(run, ['score'], { PERF_SCORERS: 'succeeded, ./scorers.mjs:3' })
    const rows = Object.fromEntries(
      (own.scores?.scorers ?? []).map(({ scorer, weight, scored, threw, invalid, mean }) => [
        scorer,
        [weight, scored, threw, invalid, mean],
      ]),
    )
    expect(rows).toEqual({ succeeded: [2, 93, 0, 0, expect.closeTo(90 / 93, 9)], polite: [3, 70, 0, 0, expect.closeTo(0.8, 9)], broken: [3, 0, 93, 0, null], odd: [3, 0, 0, 93, null] }) // prettier-ignore
  })
})
