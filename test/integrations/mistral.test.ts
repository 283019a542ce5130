import { afterAll } from 'vitest'
import mistral from '../../src/integrations/mistral.ts'
import { startMistralServer } from '../servers/mistral.ts'
import { aiCall, both, gaps, input, isPositive, streaming, usage, type Attributes } from '../support/ai-spans.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan } from '../support/expect-spans.ts'

const server = await startMistralServer()
afterAll(() => server.close())

const MODEL = 'mistral-medium-2508'
const endpoint = { 'gen_ai.provider.name': 'mistral_ai', 'server.address': '127.0.0.1', 'server.port': server.port }
const tooled = ['gen_ai.input.messages', 'gen_ai.tool.definitions', 'gen_ai.output.messages']

const call = (name: string, attributes: Attributes, more?: Partial<ExpectedSpan>) => aiCall(name, { ...endpoint, ...attributes }, more)
const asked = { 'perf.ai.messages': 1 }
const identity = (model: string) => ({ 'gen_ai.response.id': /^chatcmpl-/, 'gen_ai.response.model': model })
const stopped = { 'gen_ai.response.finish_reasons': ['stop'] }
const called = { 'perf.ai.tool_definitions': 1, 'perf.ai.tool_calls': ['lookup'], 'gen_ai.response.finish_reasons': ['tool_calls'] }

const chat = (attributes: Attributes, model = MODEL) =>
  call(`chat ${model}`, { ...asked, ...identity(model), ...stopped, ...attributes }, { payloads: both })
const streamed = (attributes: Attributes, more: Partial<ExpectedSpan> = {}) =>
  call(`chat ${MODEL}`, { ...asked, ...identity(MODEL), ...attributes }, { payloads: both, ...more })
const agent = (attributes: Attributes) =>
  call('chat', { ...asked, 'gen_ai.agent.id': 'ag_1', ...identity(MODEL), ...stopped, ...usage(8, 4), ...attributes }, { payloads: both })
const failed = (status: number, type: string, more: Attributes = {}) =>
  call(
    `chat ${MODEL}`,
    {
      ...asked,
      'http.response.status_code': status,
      'perf.ai.request_id': /^req_/,
      'perf.ai.retry_after_ms': isPositive,
      'error.type': type,
      ...more,
    },
    { status: 'error', payloads: input },
  )

const turn = (attributes: Attributes, more: Partial<ExpectedSpan> = {}) =>
  call(
    'chat',
    { 'gen_ai.agent.id': 'ag_1', 'gen_ai.conversation.id': 'conv_1', 'gen_ai.response.model': MODEL, ...attributes },
    { payloads: both, ...more },
  )
const transcribed = (attributes: Attributes) =>
  call(
    'generate_content voxtral-mini-latest',
    { 'gen_ai.response.model': 'voxtral-mini-latest', 'perf.ai.audio.seconds': 3, ...usage(4, 6), ...attributes },
    { payloads: ['gen_ai.output.messages'] },
  )

await testIntegration(mistral, {
  scenario: 'mistral',
  library: '@mistralai/mistralai',
  env: { MISTRAL_TEST_URL: server.url },
  operation: (i) => [chat(usage(7, 3), `mistral-${i}`)],
  expect: {
    chat: [
      chat({
        ...usage(100, 20, 64),
        'gen_ai.request.temperature': 0.5,
        'gen_ai.request.max_tokens': 50,
        'gen_ai.request.stop_sequences': ['x'],
        'gen_ai.request.seed': 1,
      }),
    ],
    chatStream: [streamed({ ...streaming(5, 'complete'), ...gaps, ...usage(100, 20), ...stopped })],
    streamBreak: [streamed(streaming(1, 'early'))],
    streamAbort: [streamed({ ...streaming(isPositive, 'abort'), ...gaps })],
    streamError: [streamed({ ...streaming(6, 'error'), ...gaps, 'error.type': 'ZodError' }, { status: 'error' })],
    toolCall: [call(`chat ${MODEL}`, { ...asked, ...identity(MODEL), ...usage(9, 8), ...called }, { payloads: tooled })],
    toolCallStream: [streamed({ ...streaming(5, 'complete'), ...gaps, ...usage(9, 8), ...called }, { payloads: tooled })],
    parse: [chat({ ...usage(9, 8), 'gen_ai.output.type': 'json' })],
    agent: [agent({})],
    agentStream: [agent({ ...streaming(4, 'complete'), ...gaps })],
    fillInTheMiddle: [
      call('text_completion codestral-2508', { ...identity('codestral-2508'), ...stopped, ...usage(8, 4) }, { payloads: both }),
    ],
    embeddings: [
      call(
        'embeddings mistral-embed',
        {
          'perf.ai.messages': 2,
          'gen_ai.response.model': 'mistral-embed',
          'gen_ai.embeddings.dimension.count': 3,
          'perf.ai.embeddings.count': 2,
          'gen_ai.usage.input_tokens': isPositive,
          'gen_ai.usage.output_tokens': 0,
        },
        { payloads: input },
      ),
    ],
    conversation: [
      call(
        `chat ${MODEL}`,
        {
          'gen_ai.conversation.id': 'conv_1',
          'gen_ai.request.temperature': 0.5,
          'gen_ai.request.max_tokens': 50,
          'gen_ai.response.model': MODEL,
          ...usage(10, 4),
        },
        { payloads: ['gen_ai.input.messages', 'gen_ai.system_instructions', 'gen_ai.output.messages'] },
      ),
      call(
        'chat',
        { 'gen_ai.conversation.id': 'conv_1', 'perf.ai.tool_calls': ['lookup'], ...usage(20, 5) },
        // 1.10 does not pass on which model called.
        { payloads: both, optional: ['gen_ai.response.model'] },
      ),
    ],
    conversationStream: [
      turn({ ...streaming(3, 'complete'), ...gaps, ...usage(10, 4) }),
      turn({ ...streaming(3, 'complete'), ...gaps, 'error.type': '3001' }, { status: 'error' }),
    ],
    documents: [
      call(
        'ocr mistral-ocr-latest',
        { 'gen_ai.response.model': 'mistral-ocr-latest', 'perf.ai.pages': 2, 'perf.ai.document.bytes': 4096 },
        { payloads: both },
      ),
    ],
    judgements: [
      call(
        'moderation mistral-moderation-latest',
        {
          'perf.ai.messages': 2,
          'gen_ai.response.id': 'mod-1',
          'gen_ai.response.model': 'mistral-moderation-latest',
          'perf.ai.results': 2,
        },
        { payloads: both },
      ),
      call(
        'classification ft:classifier',
        { 'perf.ai.messages': 1, 'gen_ai.response.id': 'cls-1', 'gen_ai.response.model': 'ft:classifier', 'perf.ai.results': 1 },
        { payloads: both },
      ),
    ],
    audio: [transcribed({}), transcribed({ ...streaming(3, 'complete'), ...gaps })],
    failure: [failed(401, 'SDKError')],
    limited: [{ ...failed(429, 'rate_limited', { 'gen_ai.request.stream': true, 'perf.ai.retry_after_ms': 5 }) }],
    retried: [chat(usage(8, 4))],
    cancelled: [call(`chat ${MODEL}`, asked, { payloads: input })],
  },
})
