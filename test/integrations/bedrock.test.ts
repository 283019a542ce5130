import { afterAll } from 'vitest'
import bedrock from '../../src/integrations/bedrock.ts'
import { startBedrockServer } from '../servers/bedrock.ts'
import { aiCall, both, gaps, input, streaming, usage, type Attributes } from '../support/ai-spans.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan } from '../support/expect-spans.ts'

const server = await startBedrockServer()
afterAll(() => server.close())

const MODEL = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0'
const CLAUDE = 'claude-sonnet-4-5-20250929'
/** Older clients do not keep the endpoint they were given where it can be read. */
const endpoint: Attributes = {
  'gen_ai.provider.name': 'aws.bedrock',
  'server.address': (value) => value === undefined || value === '127.0.0.1',
  'server.port': (value) => value === undefined || value === server.port,
}
const tooled = ['gen_ai.input.messages', 'gen_ai.tool.definitions', 'gen_ai.output.messages']
const withSystem = ['gen_ai.input.messages', 'gen_ai.system_instructions', 'gen_ai.output.messages']

const call = (name: string, attributes: Attributes, more?: Partial<ExpectedSpan>) => aiCall(name, { ...endpoint, ...attributes }, more)
const asked = { 'perf.ai.messages': 1 }
const request = { 'aws.request_id': /^00000000-/ }
const ended = { 'gen_ai.response.finish_reasons': ['end_turn'] }
const called = {
  ...usage(9, 8),
  'perf.ai.tool_definitions': 1,
  'perf.ai.tool_calls': ['lookup'],
  'gen_ai.response.finish_reasons': ['tool_use'],
}
const claude = { 'gen_ai.request.max_tokens': 64, 'gen_ai.response.id': /^chatcmpl-/, 'gen_ai.response.model': CLAUDE }

const converse = (attributes: Attributes, model = MODEL, payloads: readonly string[] = both) =>
  call(`chat ${model}`, { ...asked, ...request, ...ended, ...attributes }, { payloads })
const streamed = (attributes: Attributes, more: Partial<ExpectedSpan> = {}) =>
  call(`chat ${MODEL}`, { ...asked, ...attributes }, { payloads: both, ...more })

await testIntegration(bedrock, {
  scenario: 'bedrock',
  library: '@aws-sdk/client-bedrock-runtime',
  env: { BEDROCK_TEST_URL: server.url },
  operation: (i) => [converse(usage(7, 3), `amazon.nova-${i}`)],
  expect: {
    converse: [
      converse(
        {
          ...usage(180, 20, 64),
          'gen_ai.usage.cache_creation.input_tokens': 16,
          'gen_ai.request.max_tokens': 50,
          'gen_ai.request.temperature': 0.5,
          'gen_ai.request.top_p': 0.5,
          'gen_ai.request.stop_sequences': ['x'],
        },
        MODEL,
        withSystem,
      ),
    ],
    converseMethod: [converse(usage(8, 4))],
    converseCallback: [converse(usage(8, 4))],
    converseTool: [converse(called, MODEL, tooled)],
    converseStream: [streamed({ ...streaming(7, 'complete'), ...gaps, ...usage(100, 20), ...ended })],
    converseStreamTool: [streamed({ ...streaming(7, 'complete'), ...gaps, ...called }, { payloads: tooled })],
    streamBreak: [streamed(streaming(1, 'early'), { payloads: input })],
    streamError: [streamed({ ...streaming(6, 'error'), ...gaps, 'error.type': 'ModelStreamErrorException' }, { status: 'error' })],
    invokeModel: [
      call(
        `chat ${MODEL}`,
        { ...asked, ...claude, ...request, ...ended, ...usage(8, 4), 'gen_ai.request.temperature': 0.5 },
        { payloads: withSystem },
      ),
    ],
    invokeEmbeddings: [
      call(
        'embeddings amazon.titan-embed-text-v2:0',
        { ...request, 'gen_ai.embeddings.dimension.count': 3, 'perf.ai.embeddings.count': 1, 'gen_ai.usage.input_tokens': 5 },
        { payloads: input },
      ),
    ],
    invokeStream: [streamed({ ...claude, ...streaming(7, 'complete'), ...gaps, ...usage(8, 4), ...ended })],
    failure: [
      call(
        `chat ${MODEL}`,
        { ...asked, ...request, 'http.response.status_code': 400, 'error.type': 'ValidationException' },
        { status: 'error', payloads: input },
      ),
    ],
    retried: [converse({ ...usage(8, 4), 'perf.ai.retries': 1 })],
    cancelled: [call(`chat ${MODEL}`, asked, { payloads: input })],
  },
})
