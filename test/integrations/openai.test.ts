import { afterAll } from 'vitest'
import openai from '../../src/integrations/openai.ts'
import { startOpenAIServer } from '../servers/openai.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

const server = await startOpenAIServer()
afterAll(() => server.close())

type Attributes = Record<string, ExpectedValue>

const isPositive = (value: unknown) => typeof value === 'number' && value > 0
const isDuration = (value: unknown) => typeof value === 'number' && value >= 0
const endpoint = { 'gen_ai.provider.name': 'openai', 'server.address': '127.0.0.1', 'server.port': server.port }
const MODEL = 'gpt-4o-mini'

const usage = (input: number, output: number, cached = 0, reasoning = 0) => ({
  'gen_ai.usage.input_tokens': input,
  'gen_ai.usage.output_tokens': output,
  'gen_ai.usage.cache_read.input_tokens': cached,
  'gen_ai.usage.reasoning.output_tokens': reasoning,
})

function call(name: string, attributes: Attributes, more: Partial<ExpectedSpan> = {}): ExpectedSpan {
  const [operation = '', ...model] = name.split(' ')
  const named = { 'gen_ai.operation.name': operation, 'gen_ai.request.model': model.join(' ') }
  return { name, kind: 'client', attributes: { ...named, ...endpoint, ...attributes }, ...more }
}

const asked = { 'openai.api.type': 'chat_completions', 'perf.ai.messages': 1 }
const identity = (model: string) => ({
  'gen_ai.response.id': /^chatcmpl-/,
  'gen_ai.response.model': model,
  'openai.response.service_tier': 'default',
  'openai.response.system_fingerprint': 'fp_scripted',
})
const both = ['gen_ai.input.messages', 'gen_ai.output.messages']
const input = { payloads: ['gen_ai.input.messages'] }

function chat(attributes: Attributes, model = MODEL): ExpectedSpan {
  const answered = { ...identity(model), 'gen_ai.response.finish_reasons': ['stop'] }
  return call(`chat ${model}`, { ...asked, ...answered, ...attributes }, { payloads: both })
}

const streaming = (chunks: number | ((value: unknown) => boolean), end: string, requested = true) => ({
  'gen_ai.request.stream': true,
  'perf.ai.usage_requested': requested,
  'gen_ai.response.time_to_first_chunk': isPositive,
  'perf.stream.end': end,
  'perf.stream.chunks': chunks,
})
const gaps = {
  'perf.stream.max_gap_ms': isDuration,
  'perf.stream.mean_gap_ms': isDuration,
  'perf.stream.time_to_first_content_ms': isPositive,
}
const streamed = (attributes: Attributes, more: Partial<ExpectedSpan> = {}) =>
  call(`chat ${MODEL}`, { ...asked, ...identity(MODEL), ...attributes }, { payloads: both, ...more })
/** Nothing is known of an answer that nobody read. */
const unread = call(
  `chat ${MODEL}`,
  { ...asked, 'gen_ai.request.stream': true, 'perf.ai.usage_requested': true, 'perf.stream.end': 'abandoned', 'perf.stream.chunks': 0 },
  input,
)

const failed = (status: number, code: string, more: Attributes = {}) =>
  call(
    `chat ${MODEL}`,
    { ...asked, 'http.response.status_code': status, 'perf.ai.request_id': /^req_/, 'error.type': code, ...more },
    { status: 'error', ...input },
  )
// The scripted server says how long to wait with every failure.
const unauthorised = failed(401, 'invalid_api_key', { 'perf.ai.retry_after_ms': isPositive })

const isOld = (version: string) => version.startsWith('4.20')
const since = (spans: ExpectedSpan[]) => (version: string) => (isOld(version) ? [] : spans)

const responseIdentity = {
  'openai.api.type': 'responses',
  'gen_ai.response.id': /^resp_/,
  'gen_ai.response.model': MODEL,
  'openai.response.service_tier': 'default',
  'gen_ai.response.finish_reasons': ['completed'],
}

/** What the SDK's own runner called between two turns. */
const ranTool: ExpectedSpan = {
  name: 'execute_tool lookup',
  layer: 'tool',
  kind: 'internal',
  attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'lookup', 'gen_ai.tool.type': 'function' },
  optional: ['gen_ai.tool.call.id'],
  payloads: ['tool.arguments', 'tool.result'],
}

await testIntegration(openai, {
  scenario: 'openai',
  library: 'openai',
  env: { OPENAI_TEST_URL: `${server.url}/v1` },
  operation: (i) => [chat(usage(7, 3), `gpt-${i}`)],
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
    chatStream: [streamed({ ...streaming(6, 'complete'), ...gaps, ...usage(100, 20, 64), 'gen_ai.response.finish_reasons': ['stop'] })],
    chatStreamWithoutUsage: [streamed({ ...streaming(5, 'complete', false), ...gaps, 'gen_ai.response.finish_reasons': ['stop'] })],
    streamBreak: [streamed(streaming(1, 'early'))],
    streamAbort: [streamed({ ...streaming(3, 'abort'), ...gaps })],
    streamError: (version) => [
      streamed(
        { ...streaming(isPositive, 'error'), ...gaps, 'error.type': version.startsWith('4') ? 'ERR_STREAM_PREMATURE_CLOSE' : 'TypeError' },
        { status: 'error' },
      ),
    ],
    streamTee: [streamed({ ...streaming(5, 'complete'), ...gaps, ...usage(8, 4), 'gen_ai.response.finish_reasons': ['stop'] })],
    streamNeverRead: [unread],
    streamHeldUnread: [unread],
    streamNext: [streamed({ ...streaming(4, 'complete'), ...gaps, ...usage(8, 4), 'gen_ai.response.finish_reasons': ['stop'] })],
    streamHelper: [streamed({ ...streaming(5, 'complete'), ...gaps, ...usage(8, 4), 'gen_ai.response.finish_reasons': ['stop'] })],
    parse: since([chat({ ...usage(9, 8), 'gen_ai.output.type': 'json' })]),
    runTools: (version) => [
      call(
        `chat ${MODEL}`,
        {
          ...asked,
          ...identity(MODEL),
          ...usage(9, 8),
          'perf.ai.tool_definitions': 1,
          'gen_ai.response.finish_reasons': ['tool_calls'],
          'perf.ai.tool_calls': ['lookup'],
        },
        { payloads: ['gen_ai.input.messages', 'gen_ai.tool.definitions', 'gen_ai.output.messages'] },
      ),
      ...(version.startsWith('4.') ? [] : [ranTool]),
      call(
        `chat ${MODEL}`,
        {
          ...asked,
          ...identity(MODEL),
          ...usage(9, 8),
          'perf.ai.messages': 3,
          'perf.ai.tool_definitions': 1,
          'gen_ai.response.finish_reasons': ['stop'],
        },
        { payloads: ['gen_ai.input.messages', 'gen_ai.tool.definitions', 'gen_ai.output.messages'] },
      ),
    ],
    withResponse: [chat(usage(8, 4))],
    asResponse: [
      call(
        `chat ${MODEL}`,
        { ...asked, 'http.response.status_code': 200, 'http.response.body.size': isPositive, 'perf.ai.raw_response': true },
        input,
      ),
    ],
    failure: [unauthorised],
    failureHandledLater: [unauthorised],
    retried: [chat(usage(8, 4))],
    limited: [failed(429, 'rate_limit_exceeded', { 'perf.ai.retry_after_ms': 5 })],
    cancelled: [call(`chat ${MODEL}`, asked, input)],
    unhandled: [call(`chat ${MODEL}`, { ...asked, 'perf.call.end': 'abandoned' }, input), unauthorised],
    unreachable: [call(`chat ${MODEL}`, { ...asked, 'server.port': 1, 'error.type': 'APIConnectionError' }, { status: 'error', ...input })],
    embeddings: [
      call(
        'embeddings text-embedding-3-small',
        {
          'perf.ai.messages': 2,
          'gen_ai.response.model': 'text-embedding-3-small',
          'gen_ai.embeddings.dimension.count': 256,
          'perf.ai.embeddings.count': 2,
          'gen_ai.usage.input_tokens': isPositive,
        },
        input,
      ),
    ],
    images: [
      call(
        'generate_content gpt-image-1',
        {
          'gen_ai.output.type': 'image',
          'gen_ai.request.choice.count': 2,
          'perf.ai.images.count': 2,
          'perf.ai.images.bytes': 140,
          'gen_ai.usage.input_tokens': 12,
          'gen_ai.usage.output_tokens': 272,
        },
        input,
      ),
    ],
    speech: [
      call(
        'generate_content tts-1',
        {
          'gen_ai.output.type': 'speech',
          'http.response.status_code': 200,
          'http.response.body.size': 1024,
          'perf.ai.raw_response': true,
        },
        input,
      ),
    ],
    transcription: [
      call(
        'generate_content whisper-1',
        { 'gen_ai.output.type': 'text', 'perf.ai.audio.bytes': 2000, 'perf.ai.audio.seconds': 2 },
        { payloads: ['gen_ai.output.messages'] },
      ),
    ],
    responses: since([
      call(
        `chat ${MODEL}`,
        {
          ...responseIdentity,
          ...usage(50, 10, 32, 4),
          'gen_ai.request.max_tokens': 99,
          'gen_ai.conversation.id': 'resp_before',
          'perf.ai.tool_definitions': 1,
          'perf.ai.tool_calls': ['lookup'],
        },
        { payloads: ['gen_ai.input.messages', 'gen_ai.system_instructions', 'gen_ai.tool.definitions', 'gen_ai.output.messages'] },
      ),
    ]),
    responsesStream: since([
      call(
        `chat ${MODEL}`,
        {
          ...responseIdentity,
          ...usage(50, 10, 32),
          ...gaps,
          'gen_ai.request.stream': true,
          'gen_ai.response.time_to_first_chunk': isPositive,
          'perf.stream.end': 'complete',
          'perf.stream.chunks': isPositive,
        },
        { payloads: both },
      ),
    ]),
    responsesParse: since([call(`chat ${MODEL}`, { ...responseIdentity, ...usage(50, 10) }, { payloads: both })]),
  },
})
