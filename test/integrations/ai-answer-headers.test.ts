// What a provider's headers say of a call is told of the AI call, not only of its request, whichever client makes it.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, describe, expect, it } from 'vitest'
import { versionsFor } from '../../scripts/install-versions.mjs'
import { ANSWER_HEADERS, answerHeaderAttributes } from '../../src/semantics/ai-answer-headers.ts'
import { nodeMajor } from '../support/node-under-test.ts'
import { record, type Format } from '../support/record.ts'

const OPENAI = {
  'x-request-id': 'req_1',
  'openai-processing-ms': '12',
  'x-ratelimit-limit-requests': '100',
  'x-ratelimit-remaining-requests': '99',
  'x-ratelimit-limit-tokens': '40000',
  'x-ratelimit-remaining-tokens': '39990',
  'x-ratelimit-reset-requests': '6m0s',
}
const OF_OPENAI = {
  'perf.ai.request_id': 'req_1',
  'perf.ai.processing_ms': 12,
  'perf.ai.limit.requests': 100,
  'perf.ai.limit.requests_remaining': 99,
  'perf.ai.limit.tokens': 40_000,
  'perf.ai.limit.tokens_remaining': 39_990,
}
const details = { reasoning_tokens: 1, accepted_prediction_tokens: 4, rejected_prediction_tokens: 3 }
const usage = { prompt_tokens: 5, completion_tokens: 9, total_tokens: 14, completion_tokens_details: details }

const server = createServer((request, response) => {
  let raw = ''
  request.setEncoding('utf8').on('data', (text: string) => (raw += text))
  request.on('end', () => {
    const { model, stream } = JSON.parse(raw) as { model: string; stream?: boolean }
    const body = { id: 'chatcmpl-1', created: 1, model }
    if (model === 'busy') return response.writeHead(429, { ...OPENAI, 'x-ratelimit-remaining-requests': '0' }).end('{"error":{}}')
    if (request.url?.endsWith('/messages')) {
      const headers = {
        'request-id': 'req_2',
        'anthropic-ratelimit-input-tokens-limit': '50',
        'anthropic-ratelimit-input-tokens-remaining': '49',
      }
      const message = { id: 'msg_1', type: 'message', role: 'assistant', model, content: [], stop_reason: 'end_turn', usage: {} }
      return response.writeHead(200, { ...headers, 'content-type': 'application/json' }).end(JSON.stringify(message))
    }
    response.writeHead(200, { ...OPENAI, 'content-type': stream ? 'text/event-stream' : 'application/json' })
    const choice = { index: 0, finish_reason: 'stop', logprobs: null }
    const content = { role: 'assistant', content: 'Hello' }
    if (stream !== true)
      return response.end(JSON.stringify({ ...body, object: 'chat.completion', choices: [{ ...choice, message: content }], usage }))
    const chunk = { ...body, object: 'chat.completion.chunk' }
    response.write(`data: ${JSON.stringify({ ...chunk, choices: [{ ...choice, delta: content }] })}\n\n`)
    response.end(`data: ${JSON.stringify({ ...chunk, choices: [], usage })}\n\ndata: [DONE]\n\n`)
  })
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
afterAll(() => new Promise((resolve) => server.close(resolve)))

const newest = (library: string) => `${library}@${versionsFor(library, nodeMajor()).at(-1)}`
/** The SDK that asks over node:http; only among all versions, which are tested on one Node. */
const overHttp = versionsFor('openai', nodeMajor()).find((version) => version.startsWith('4.'))

const openai = `const client = new OpenAI({ apiKey: 'k', baseURL: '${url}/v1', maxRetries: 0 })
  const messages = [{ role: 'user', content: 'Hello' }]
  await client.chat.completions.create({ model: 'a', messages })
  for await (const _ of await client.chat.completions.create({ model: 'b', messages, stream: true })) ;
  await client.chat.completions.create({ model: 'busy', messages }).catch(() => undefined)`
const vercel = `const { chat } = createOpenAI({ apiKey: 'k', baseURL: '${url}/v1' })
  await generateText({ model: chat('a'), prompt: 'Hello' })
  for await (const _ of streamText({ model: chat('b'), prompt: 'Hello' }).textStream) ;
  await generateText({ model: chat('busy'), prompt: 'Hello', maxRetries: 0 }).catch(() => undefined)`
const anthropic = `const client = new Anthropic({ apiKey: 'k', baseURL: '${url}' })
  await client.messages.create({ model: 'c', max_tokens: 5, messages: [{ role: 'user', content: 'Hello' }] })`

const program = (imports: string, body: string) => `${imports}\nvoid (async () => {\n${body}\n})()`

async function calls(packages: string, app: string, format: Format, transports: string) {
  const run = await record({ app, format, packages: [packages], env: { PERF_INTEGRATIONS: transports } })
  expect([run.status, run.stderr, run.counters['faults'] ?? 0]).toEqual([0, '', 0])
  const told = (attributes: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(attributes).filter(([name]) => ANSWER_HEADERS.includes(name) || name.includes('prediction')))
  return run.spans.filter(({ layer }) => layer === 'ai').map(({ name, attributes }) => [name, told(attributes)])
}

const predicted = { 'perf.ai.usage.accepted_prediction_tokens': 4, 'perf.ai.usage.rejected_prediction_tokens': 3 }
const EXPECTED = [
  ['chat a', { ...OF_OPENAI, ...predicted }],
  ['chat b', { ...OF_OPENAI, ...predicted }],
  ['chat busy', { ...OF_OPENAI, 'perf.ai.limit.requests_remaining': 0 }],
]

describe.each(['esm', 'cjs'] as const)('limits, the id and the time that the headers of an answer tell (%s)', (format) => {
  const asksOpenAi = program(`import OpenAI from 'openai'`, openai)
  it('stand on calls of openai over fetch', async () => {
    expect(await calls(newest('openai'), asksOpenAi, format, 'openai,undici')).toEqual(EXPECTED)
  })
  if (overHttp !== undefined)
    it('stand on calls of openai over node:http', async () => {
      expect(await calls(`openai@${overHttp}`, asksOpenAi, format, 'openai,http-client')).toEqual(EXPECTED)
    })
  it('stand on the calls of models of the AI SDK', async () => {
    const app = program(`import { generateText, streamText } from 'ai'\nimport { createOpenAI } from '@ai-sdk/openai'`, vercel)
    expect(await calls(newest('ai'), app, format, 'ai,undici')).toEqual(EXPECTED)
  })
  it('stand on calls of Anthropic', async () => {
    const app = program(`import Anthropic from '@anthropic-ai/sdk'`, anthropic)
    const told = { 'perf.ai.request_id': 'req_2', 'perf.ai.limit.input_tokens': 50, 'perf.ai.limit.input_tokens_remaining': 49 }
    expect(await calls(newest('@anthropic-ai/sdk'), app, format, 'anthropic,undici')).toEqual([['chat c', told]])
  })
})

describe('headers of limits', () => {
  it.each([
    [['x-ratelimit-limit-req-minute', '60', 'X-RateLimit-Remaining-Req-Minute', '59'], { requests: 60, requests_remaining: 59 }],
    [['x-ratelimit-limit-tokens-month', '9', 'x-ratelimit-limit-tokens-minute', '5'], { tokens: 5 }],
    [['x-ratelimit-limit-tokens-minute', '5', 'x-ratelimit-limit-tokens-day', '9'], { tokens: 5 }],
    [['X-RateLimit-Limit', '10', 'X-RateLimit-Remaining', '7', 'X-RateLimit-Reset', '170'], { requests: 10, requests_remaining: 7 }],
    [['anthropic-ratelimit-output-tokens-remaining', '8'], { output_tokens_remaining: 8 }],
    [['x-trial-endpoint-call-remaining', '3'], { requests_remaining: 3 }],
    [[Buffer.from('x-ratelimit-remaining-requests'), Buffer.from('2')], { requests_remaining: 2 }],
  ])('%j', (raw, expected) => {
    const named = Object.fromEntries(Object.entries(expected).map(([name, value]) => [`perf.ai.limit.${name}`, value]))
    expect(answerHeaderAttributes(raw)).toEqual(named)
  })
  it.each([
    [['x-ratelimit-remaining-requests', '']],
    [['x-ratelimit-limit', 'no, really']],
    [['constructor', '1', 'content-type', 'x']],
    [['x-ratelimit-limit-constructor', '1']],
  ])('says nothing of %j', (raw) => expect(Object.keys(answerHeaderAttributes(raw) ?? {})).toEqual([]))
})
