import { afterAll } from 'vitest'
import cohere from '../../src/integrations/cohere.ts'
import { startCohereServer } from '../servers/cohere.ts'
import { aiCall, both, gaps, input, isPositive, streaming, usage, type Attributes } from '../support/ai-spans.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan } from '../support/expect-spans.ts'

const server = await startCohereServer()
afterAll(() => server.close())

const MODEL = 'command-a-03-2025'
const endpoint = { 'gen_ai.provider.name': 'cohere', 'server.address': '127.0.0.1', 'server.port': server.port }
const tooled = ['gen_ai.input.messages', 'gen_ai.tool.definitions', 'gen_ai.output.messages']

const call = (name: string, attributes: Attributes, more?: Partial<ExpectedSpan>) => aiCall(name, { ...endpoint, ...attributes }, more)
const asked = { 'perf.ai.messages': 1 }
const identity = { 'gen_ai.response.id': /^chatcmpl-/ }
const stopped = { 'gen_ai.response.finish_reasons': ['COMPLETE'] }
const called = { 'perf.ai.tool_definitions': 1, 'perf.ai.tool_calls': ['lookup'], 'gen_ai.response.finish_reasons': ['TOOL_CALL'] }

const chat = (attributes: Attributes, model = MODEL) =>
  call(`chat ${model}`, { ...asked, ...identity, ...stopped, ...attributes }, { payloads: both })
const streamed = (attributes: Attributes, more: Partial<ExpectedSpan> = {}) =>
  call(`chat ${MODEL}`, { ...asked, ...identity, ...attributes }, { payloads: both, ...more })
const isOld = (version: string) => version.startsWith('7.14')
/** 7.14 gives its errors no headers. */
const failed = (version: string, status: number, type: string, more: Attributes = {}) =>
  call(
    `chat ${MODEL}`,
    {
      ...asked,
      'http.response.status_code': status,
      'error.type': type,
      ...(!isOld(version) && { 'perf.ai.request_id': /^req_/, 'perf.ai.retry_after_ms': isPositive }),
      ...more,
    },
    { status: 'error', payloads: input },
  )

await testIntegration(cohere, {
  scenario: 'cohere',
  library: 'cohere-ai',
  env: { COHERE_TEST_URL: server.url },
  operation: (i) => [chat(usage(7, 3), `command-${i}`)],
  expect: {
    chat: (version) => [
      chat({
        ...(isOld(version) ? usage(100, 20) : usage(100, 20, 64)),
        'gen_ai.request.temperature': 0.5,
        'gen_ai.request.top_p': 0.9,
        'gen_ai.request.top_k': 4,
        'gen_ai.request.max_tokens': 50,
        'gen_ai.request.stop_sequences': ['x'],
        'gen_ai.request.seed': 1,
      }),
    ],
    chatStream: [streamed({ ...streaming(7, 'complete'), ...gaps, ...usage(100, 20), ...stopped })],
    streamBreak: [streamed(streaming(1, 'early'), { payloads: input })],
    streamAbort: [streamed({ ...streaming(isPositive, 'abort'), ...gaps })],
    streamError: [streamed({ ...streaming(6, 'error'), ...gaps, 'error.type': 'SyntaxError' }, { status: 'error' })],
    toolCall: [call(`chat ${MODEL}`, { ...asked, ...identity, ...usage(9, 8), ...called }, { payloads: tooled })],
    toolCallStream: [streamed({ ...streaming(6, 'complete'), ...gaps, ...usage(9, 8), ...called }, { payloads: tooled })],
    oldChat: [
      call(
        `chat ${MODEL}`,
        { ...identity, ...stopped, ...usage(8, 4), 'perf.ai.messages': 2 },
        { payloads: ['gen_ai.input.messages', 'gen_ai.system_instructions', 'gen_ai.output.messages'] },
      ),
    ],
    oldChatStream: [streamed({ ...streaming(4, 'complete'), ...gaps, ...usage(8, 4), ...stopped })],
    generate: [call(`text_completion ${MODEL}`, { ...identity, ...usage(8, 4) }, { payloads: both })],
    embed: [
      call(
        'embeddings embed-v4.0',
        {
          'perf.ai.messages': 2,
          'gen_ai.response.id': 'embed-1',
          'gen_ai.embeddings.dimension.count': 3,
          'perf.ai.embeddings.count': 2,
          'gen_ai.usage.input_tokens': isPositive,
        },
        { payloads: input },
      ),
    ],
    rerank: [
      call(
        'rerank rerank-v3.5',
        {
          'perf.ai.rerank.documents': 3,
          'perf.ai.rerank.top_n': 2,
          'perf.ai.rerank.results': 2,
          'perf.ai.search_units': 1,
          'gen_ai.response.id': 'rerank-1',
        },
        { payloads: input },
      ),
    ],
    classify: [
      call('classification ft-1', { 'perf.ai.messages': 2, 'perf.ai.results': 2, 'gen_ai.response.id': 'classify-1' }, { payloads: both }),
    ],
    rawResponse: [chat(usage(8, 4))],
    failure: (version) => [failed(version, 401, 'UnauthorizedError')],
    // 7.14 says nothing of the answer where a stream was asked for.
    limited: (version) => [
      isOld(version)
        ? call(
            `chat ${MODEL}`,
            { ...asked, 'gen_ai.request.stream': true, 'error.type': 'ParseError' },
            { status: 'error', payloads: input },
          )
        : failed(version, 429, 'TooManyRequestsError', { 'gen_ai.request.stream': true }),
    ],
    cancelled: [call(`chat ${MODEL}`, asked, { payloads: input })],
    unhandled: (version) => [
      isOld(version)
        ? failed(version, 401, 'UnauthorizedError')
        : call(`chat ${MODEL}`, { ...asked, 'perf.call.end': 'abandoned' }, { payloads: input }),
      failed(version, 404, 'NotFoundError'),
      failed(version, 404, 'NotFoundError'),
    ],
  },
})
