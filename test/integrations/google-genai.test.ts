import { afterAll } from 'vitest'
import genai from '../../src/integrations/google-genai.ts'
import { startGeminiServer } from '../servers/gemini.ts'
import { aiCall, both, gaps, input, isPositive, streaming, usage, type Attributes } from '../support/ai-spans.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan } from '../support/expect-spans.ts'

const server = await startGeminiServer()
afterAll(() => server.close())

const MODEL = 'gemini-2.5-flash'
const endpoint = { 'gen_ai.provider.name': 'gcp.gemini', 'server.address': '127.0.0.1', 'server.port': server.port }
const tooled = ['gen_ai.input.messages', 'gen_ai.tool.definitions', 'gen_ai.output.messages']

const call = (name: string, attributes: Attributes, more?: Partial<ExpectedSpan>) => aiCall(name, { ...endpoint, ...attributes }, more)
const asked = { 'perf.ai.messages': 1 }
/** Old versions do not give the id. */
const identity = (model: string) => ({
  'gen_ai.response.id': (value: unknown) => value === undefined || String(value).startsWith('chatcmpl-'),
  'gen_ai.response.model': model,
})
const stopped = { 'gen_ai.response.finish_reasons': ['STOP'] }

const answered = (attributes: Attributes, model = MODEL, payloads: readonly string[] = both) =>
  call(`generate_content ${model}`, { ...asked, ...identity(model), ...stopped, ...attributes }, { payloads })
const streamed = (attributes: Attributes, more: Partial<ExpectedSpan> = {}) =>
  call(`generate_content ${MODEL}`, { ...asked, ...identity(MODEL), ...attributes }, { payloads: both, ...more })
const partial = { 'gen_ai.usage.input_tokens': 100, 'gen_ai.usage.output_tokens': isPositive, 'perf.ai.usage.partial': true }
const called = { ...usage(9, 8), 'perf.ai.tool_definitions': 1, 'perf.ai.tool_calls': ['lookup'] }
const failed = (status: number, code: string, more: Attributes = {}) =>
  call(
    `generate_content ${MODEL}`,
    { ...asked, 'http.response.status_code': status, 'error.type': code, ...more },
    { status: 'error', payloads: input },
  )

await testIntegration(genai, {
  scenario: 'google-genai',
  library: '@google/genai',
  env: { GEMINI_TEST_URL: server.url },
  operation: (i) => [answered(usage(7, 3), `gemini-${i}`)],
  expect: {
    generate: [
      answered(
        {
          ...usage(100, 25, 64, 5),
          'gen_ai.request.temperature': 0.5,
          'gen_ai.request.top_k': 4,
          'gen_ai.request.max_tokens': 50,
          'gen_ai.request.stop_sequences': ['x'],
          'gen_ai.request.seed': 1,
        },
        MODEL,
        ['gen_ai.input.messages', 'gen_ai.system_instructions', 'gen_ai.output.messages'],
      ),
    ],
    generateStream: [streamed({ ...streaming(3, 'complete'), ...gaps, ...usage(100, 20), ...stopped })],
    streamBreak: [streamed({ ...streaming(1, 'early'), ...partial, 'perf.stream.time_to_first_content_ms': isPositive })],
    streamAbort: [streamed({ ...streaming(isPositive, 'abort'), ...gaps, ...partial })],
    streamError: [streamed({ ...streaming(6, 'error'), ...gaps, ...partial, 'error.type': 'TypeError' }, { status: 'error' })],
    toolCall: [answered(called, MODEL, tooled)],
    toolCallStream: [
      streamed(
        { ...streaming(1, 'complete'), ...called, ...stopped, 'perf.stream.time_to_first_content_ms': isPositive },
        { payloads: tooled },
      ),
    ],
    // 1.6 ends after the first answer here.
    automaticCalls: (version) => [
      answered(called, MODEL, tooled),
      ...(version.startsWith('1.6.')
        ? []
        : [answered({ ...usage(9, 8), 'perf.ai.messages': 3, 'perf.ai.tool_definitions': 1 }, MODEL, tooled)]),
    ],
    chat: [answered(usage(8, 4))],
    embeddings: [
      call(
        'embeddings gemini-embedding-001',
        { 'perf.ai.messages': 2, 'gen_ai.embeddings.dimension.count': 3, 'perf.ai.embeddings.count': 2 },
        { payloads: input },
      ),
    ],
    images: (version) => {
      const imagen = { 'gen_ai.output.type': 'image', 'gen_ai.request.choice.count': 2 }
      const made = { 'perf.ai.images.count': 2, 'perf.ai.images.bytes': 140 }
      // From 2 on Vertex AI only has them.
      return version.startsWith('1.')
        ? [call('generate_content imagen-4.0-generate-001', { ...imagen, ...made }, { payloads: input })]
        : [call('generate_content imagen-4.0-generate-001', { ...imagen, 'error.type': 'Error' }, { status: 'error', payloads: input })]
    },
    countTokens: [call(`count_tokens ${MODEL}`, { ...asked, 'perf.ai.counted_tokens': isPositive }, { payloads: input })],
    failure: [failed(400, 'INVALID_ARGUMENT')],
    limited: [failed(429, 'RESOURCE_EXHAUSTED', { 'gen_ai.request.stream': true })],
    cancelled: [call(`generate_content ${MODEL}`, asked, { payloads: input })],
  },
})
