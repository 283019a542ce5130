import { afterAll } from 'vitest'
import groq from '../../src/integrations/groq.ts'
import { startGroqServer } from '../servers/groq.ts'
import { aiCall, both, gaps, input, isPositive, streaming, usage, type Attributes } from '../support/ai-spans.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan } from '../support/expect-spans.ts'

const server = await startGroqServer()
afterAll(() => server.close())

const MODEL = 'llama-3.3-70b-versatile'
const endpoint = { 'gen_ai.provider.name': 'groq', 'server.address': '127.0.0.1', 'server.port': server.port }
const tooled = ['gen_ai.input.messages', 'gen_ai.tool.definitions', 'gen_ai.output.messages']

const call = (name: string, attributes: Attributes, more?: Partial<ExpectedSpan>) => aiCall(name, { ...endpoint, ...attributes }, more)
const asked = { 'perf.ai.messages': 1 }
const identity = (model: string) => ({
  'gen_ai.response.id': /^chatcmpl-/,
  'gen_ai.response.model': model,
  'openai.response.system_fingerprint': 'fp_groq',
})
const whole = (model: string) => ({ ...identity(model), 'openai.response.service_tier': 'on_demand' })
const stopped = { 'gen_ai.response.finish_reasons': ['stop'] }

const chat = (attributes: Attributes, model = MODEL) =>
  call(`chat ${model}`, { ...asked, ...whole(model), ...stopped, ...attributes }, { payloads: both })
const streamed = (attributes: Attributes, more: Partial<ExpectedSpan> = {}) =>
  call(`chat ${MODEL}`, { ...asked, ...identity(MODEL), ...attributes }, { payloads: both, ...more })
const failed = (status: number, code: string, retryAfterMs: Attributes[string] = isPositive) =>
  call(
    `chat ${MODEL}`,
    {
      ...asked,
      'http.response.status_code': status,
      'perf.ai.request_id': /^req_/,
      'perf.ai.retry_after_ms': retryAfterMs,
      'error.type': code,
    },
    { status: 'error', payloads: input },
  )
const called = { 'perf.ai.tool_definitions': 1, 'perf.ai.tool_calls': ['lookup'], 'gen_ai.response.finish_reasons': ['tool_calls'] }

await testIntegration(groq, {
  scenario: 'groq',
  library: 'groq-sdk',
  env: { GROQ_TEST_URL: server.url },
  operation: (i) => [chat(usage(7, 3), `llama-${i}`)],
  expect: {
    chat: [
      chat({
        ...usage(100, 20, 64, 5),
        'gen_ai.request.temperature': 0.5,
        'gen_ai.request.max_tokens': 50,
        'gen_ai.request.stop_sequences': ['x'],
        'gen_ai.request.seed': 1,
      }),
    ],
    chatStream: [streamed({ ...streaming(5, 'complete'), ...gaps, ...usage(100, 20, 64), ...stopped })],
    streamBreak: [streamed(streaming(1, 'early'))],
    streamAbort: [streamed({ ...streaming(3, 'abort'), ...gaps })],
    streamError: (version) => {
      const requestId: Attributes = version.startsWith('1.') ? { 'perf.ai.request_id': /^req_/ } : {}
      return [streamed({ ...streaming(6, 'error'), ...gaps, ...requestId, 'error.type': 'internal_server_error' }, { status: 'error' })]
    },
    streamTee: [streamed({ ...streaming(4, 'complete'), ...gaps, ...usage(8, 4), ...stopped })],
    toolCall: [call(`chat ${MODEL}`, { ...asked, ...whole(MODEL), ...usage(9, 8), ...called }, { payloads: tooled })],
    toolCallStream: [streamed({ ...streaming(5, 'complete'), ...gaps, ...usage(9, 8), ...called }, { payloads: tooled })],
    withResponse: [chat(usage(8, 4))],
    asResponse: [
      call(
        `chat ${MODEL}`,
        { ...asked, 'http.response.status_code': 200, 'http.response.body.size': isPositive, 'perf.ai.raw_response': true },
        { payloads: input },
      ),
    ],
    failure: [failed(401, 'invalid_api_key')],
    retried: [chat(usage(8, 4))],
    limited: [failed(429, 'rate_limit_exceeded', 5)],
    cancelled: [call(`chat ${MODEL}`, asked, { payloads: input })],
    unhandled: [failed(401, 'invalid_api_key')],
    embeddings: [
      call(
        'embeddings nomic-embed-text-v1_5',
        {
          'perf.ai.messages': 2,
          'gen_ai.response.model': 'nomic-embed-text-v1_5',
          'gen_ai.embeddings.dimension.count': 3,
          'perf.ai.embeddings.count': 2,
          'gen_ai.usage.input_tokens': isPositive,
        },
        { payloads: input },
      ),
    ],
    transcription: [
      call(
        'generate_content whisper-large-v3',
        { 'gen_ai.output.type': 'text', 'perf.ai.audio.bytes': 2000 },
        { payloads: ['gen_ai.output.messages'] },
      ),
    ],
  },
})
