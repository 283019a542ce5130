import { afterAll } from 'vitest'
import ollama from '../../src/integrations/ollama.ts'
import { startOllamaServer } from '../servers/ollama.ts'
import { aiCall, both, gaps, input, isPositive, streaming, usage, type Attributes } from '../support/ai-spans.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan } from '../support/expect-spans.ts'

const server = await startOllamaServer()
afterAll(() => server.close())

const MODEL = 'llama3.2'
const endpoint = { 'gen_ai.provider.name': 'ollama', 'server.address': '127.0.0.1', 'server.port': server.port }
const tooled = ['gen_ai.input.messages', 'gen_ai.tool.definitions', 'gen_ai.output.messages']

const call = (name: string, attributes: Attributes, more?: Partial<ExpectedSpan>) => aiCall(name, { ...endpoint, ...attributes }, more)
const asked = { 'perf.ai.messages': 1 }
const ended = { 'gen_ai.response.finish_reasons': ['stop'], 'perf.ai.model_load_ms': 1.335 }
const chat = (attributes: Attributes, model = MODEL) =>
  call(`chat ${model}`, { ...asked, ...ended, 'gen_ai.response.model': model, ...attributes }, { payloads: both })
const streamed = (attributes: Attributes, more: Partial<ExpectedSpan> = {}) =>
  call(`chat ${MODEL}`, { ...asked, 'gen_ai.response.model': MODEL, ...attributes }, { payloads: both, ...more })
const called = { ...ended, 'perf.ai.tool_definitions': 1, 'perf.ai.tool_calls': ['lookup'] }
const missing = call(
  `chat ${MODEL}`,
  { ...asked, 'http.response.status_code': 404, 'error.type': 'ResponseError' },
  { status: 'error', payloads: input },
)

await testIntegration(ollama, {
  scenario: 'ollama',
  library: 'ollama',
  env: { OLLAMA_TEST_URL: server.url },
  operation: (i) => [chat(usage(7, 3), `llama-${i}`)],
  expect: {
    chat: [
      chat({
        ...usage(100, 20),
        'gen_ai.request.temperature': 0.5,
        'gen_ai.request.top_k': 4,
        'gen_ai.request.max_tokens': 50,
        'gen_ai.request.stop_sequences': ['x'],
        'gen_ai.request.seed': 1,
        'gen_ai.output.type': 'json',
      }),
    ],
    chatStream: [streamed({ ...streaming(4, 'complete'), ...gaps, ...usage(100, 20), ...ended })],
    streamBreak: [streamed({ ...streaming(1, 'early'), 'perf.stream.time_to_first_content_ms': isPositive })],
    // Lines that had arrived are still given.
    streamAbort: [streamed({ ...streaming(isPositive, 'abort'), ...gaps })],
    streamError: [streamed({ ...streaming(6, 'error'), ...gaps, 'error.type': 'Error' }, { status: 'error' })],
    streamDisconnect: [streamed({ ...streaming(6, 'error'), ...gaps, 'error.type': 'Error' }, { status: 'error' })],
    toolCall: [call(`chat ${MODEL}`, { ...asked, ...called, ...usage(9, 8), 'gen_ai.response.model': MODEL }, { payloads: tooled })],
    toolCallStream: [streamed({ ...streaming(2, 'complete'), ...gaps, ...called, ...usage(9, 8) }, { payloads: tooled })],
    generate: [
      call(
        `text_completion ${MODEL}`,
        { ...ended, ...usage(8, 4), 'gen_ai.response.model': MODEL },
        { payloads: ['gen_ai.input.messages', 'gen_ai.system_instructions', 'gen_ai.output.messages'] },
      ),
    ],
    generateStream: [
      call(
        `text_completion ${MODEL}`,
        { ...ended, ...streaming(3, 'complete'), ...gaps, ...usage(8, 4), 'gen_ai.response.model': MODEL },
        { payloads: both },
      ),
    ],
    embed: (version) =>
      version === '0.5.0'
        ? []
        : [
            call(
              'embeddings nomic-embed-text',
              {
                'perf.ai.messages': 2,
                'gen_ai.response.model': 'nomic-embed-text',
                'gen_ai.embeddings.dimension.count': 3,
                'perf.ai.embeddings.count': 2,
                'perf.ai.model_load_ms': 1.02,
                'gen_ai.usage.input_tokens': isPositive,
              },
              { payloads: input },
            ),
          ],
    oldEmbeddings: [
      call('embeddings nomic-embed-text', { 'gen_ai.embeddings.dimension.count': 4, 'perf.ai.embeddings.count': 1 }, { payloads: input }),
    ],
    failure: [missing],
    unreachable: [call(`chat ${MODEL}`, { ...asked, 'server.port': 1, 'error.type': 'TypeError' }, { status: 'error', payloads: input })],
    handledLater: [missing],
  },
})
