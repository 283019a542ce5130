import { afterAll } from 'vitest'
import langchain from '../../src/integrations/langchain.ts'
import { startOpenAIServer } from '../servers/openai.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

const server = await startOpenAIServer()
afterAll(() => server.close())

type Attributes = Record<string, ExpectedValue>

const MODEL = 'gpt-4o-mini'
const isPositive = (value: unknown) => typeof value === 'number' && value > 0
const isDuration = (value: unknown) => typeof value === 'number' && value >= 0

const usage = (input: number, output: number, cached = 0, reasoning = 0): Attributes => ({
  'gen_ai.usage.input_tokens': input,
  'gen_ai.usage.output_tokens': output,
  'gen_ai.usage.cache_read.input_tokens': cached,
  'gen_ai.usage.reasoning.output_tokens': reasoning,
})
const asked = (model = MODEL): Attributes => ({
  'gen_ai.operation.name': 'chat',
  'gen_ai.request.model': model,
  'gen_ai.provider.name': 'openai',
  'perf.ai.messages': 1,
})
const identified = { 'gen_ai.response.id': /^chatcmpl-/ }
const stopped = (model = MODEL): Attributes => ({
  ...identified,
  'gen_ai.response.model': model,
  'gen_ai.response.finish_reasons': ['stop'],
})
const input = ['gen_ai.input.messages']
const both = [...input, 'gen_ai.output.messages']

const chat = (attributes: Attributes, more: Partial<ExpectedSpan> = {}, model = MODEL): ExpectedSpan => ({
  name: `chat ${model}`,
  kind: 'client',
  payloads: both,
  ...more,
  attributes: { ...asked(model), ...attributes },
})
const answered = (...counts: [number, number, number?, number?]) => chat({ ...stopped(), ...usage(...counts) })

const gaps = {
  'perf.stream.time_to_first_content_ms': isPositive,
  'perf.stream.max_gap_ms': isDuration,
  'perf.stream.mean_gap_ms': isDuration,
}
const flow = (end: string, more: Attributes = gaps): Attributes => ({
  'gen_ai.request.stream': true,
  'gen_ai.response.time_to_first_chunk': isPositive,
  'perf.stream.end': end,
  'perf.stream.chunks': isPositive,
  ...more,
})
const streamed = (end: string, attributes: Attributes, more: Partial<ExpectedSpan> = {}) =>
  chat({ ...flow(end), ...identified, ...attributes }, more)

const workflow = (name: string, attributes: Attributes, children: ExpectedSpan[]): ExpectedSpan => ({
  name: `invoke_workflow ${name}`,
  layer: 'workflow',
  kind: 'internal',
  attributes: { 'gen_ai.operation.name': 'invoke_workflow', 'gen_ai.workflow.name': name, ...attributes },
  children,
})
const step = (name: string): ExpectedSpan => ({ name: `step ${name}`, layer: 'step', kind: 'internal', attributes: {} })
const tool = (attributes: Attributes, more: Partial<ExpectedSpan> = {}): ExpectedSpan => ({
  name: 'execute_tool lookup',
  layer: 'tool',
  kind: 'internal',
  payloads: ['tool.arguments', 'tool.result'],
  ...more,
  attributes: {
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': 'lookup',
    'gen_ai.tool.type': 'function',
    ...attributes,
  },
})

const retrieval = (name: string, attributes: Attributes, children: ExpectedSpan[] = []): ExpectedSpan => ({
  name: `retrieval ${name}`,
  layer: 'step',
  kind: 'client',
  attributes: { 'gen_ai.operation.name': 'retrieval', 'gen_ai.data_source.id': name, ...attributes },
  payloads: ['gen_ai.retrieval.query.text', 'gen_ai.retrieval.documents'],
  children,
})
const found = (topK: number) => retrieval('Rack', { 'perf.vector.top_k': topK, 'perf.ai.documents': topK })

await testIntegration(langchain, {
  scenario: 'langchain',
  library: '@langchain/core',
  unsupported: ['@langchain/core', '@langchain/openai'],
  modules: ['@langchain/core/runnables', '@langchain/core/tools', '@langchain/core/language_models/chat_models'],
  env: { OPENAI_TEST_URL: `${server.url}/v1` },
  operation: (i) => [chat({ ...stopped(`gpt-${i}`), ...usage(7, 3) }, {}, `gpt-${i}`)],
  expect: {
    invoke: [chat({ ...stopped(), ...usage(100, 20, 64, 5), 'gen_ai.request.temperature': 0.5, 'gen_ai.request.max_tokens': 50 })],
    batch: [answered(8, 4), answered(8, 4)],
    chain: [workflow('RunnableSequence', {}, [answered(9, 8)])],
    chainStream: [
      workflow(
        'teller',
        {
          'perf.stream.end': 'complete',
          'perf.stream.chunks': isPositive,
          'perf.stream.time_to_first_chunk_ms': isPositive,
          'perf.stream.max_gap_ms': isDuration,
          'perf.stream.mean_gap_ms': isDuration,
        },
        [streamed('complete', { ...stopped(), ...usage(8, 4) })],
      ),
    ],
    lambda: [workflow('RunnableSequence', {}, [step('twice'), step('RunnableLambda')])],
    tools: [
      chat(
        {
          ...stopped(),
          ...usage(9, 8),
          'gen_ai.response.finish_reasons': ['tool_calls'],
          'perf.ai.tool_calls': ['lookup'],
          'perf.ai.tool_definitions': 1,
        },
        { payloads: [...input, 'gen_ai.tool.definitions', 'gen_ai.output.messages'] },
      ),
      tool({ 'gen_ai.tool.call.id': /^call_/ }),
      tool({}),
    ],
    toolFailure: [tool({ 'error.type': 'RangeError' }, { status: 'error', payloads: ['tool.arguments'] })],
    retriever: [retrieval('Shelf', { 'perf.ai.documents': 1 })],
    vectorStore: [found(2), found(4), retrieval('VectorStoreRetriever', { 'perf.ai.documents': 3 }, [found(3)])],
    vectorStoreFailure: [
      {
        ...retrieval('Rack', { 'perf.vector.top_k': 13, 'error.type': 'RangeError' }),
        status: 'error',
        payloads: ['gen_ai.retrieval.query.text'],
      },
    ],
    completion: [
      {
        name: 'text_completion',
        kind: 'client',
        attributes: { 'gen_ai.operation.name': 'text_completion', 'gen_ai.provider.name': 'parrot', 'perf.ai.messages': 1 },
        payloads: both,
      },
    ],
    failure: [
      chat(
        {
          'http.response.status_code': 401,
          'perf.ai.request_id': /^req_/,
          'perf.ai.retry_after_ms': isPositive,
          'error.type': 'invalid_api_key',
        },
        { status: 'error', payloads: input },
      ),
    ],
    cancelled: [chat({}, { payloads: input })],
    streamed: [streamed('complete', { ...stopped(), ...usage(100, 20, 64) })],
    streamBreak: [streamed('early', {})],
    streamAbort: [streamed('abort', {})],
    streamError: [streamed('error', { 'error.type': 'TypeError' }, { status: 'error' })],
    streamTee: [streamed('complete', { ...stopped(), ...usage(8, 4) })],
    streamNeverRead: [chat({ ...flow('abandoned', {}), ...identified }, { payloads: input })],
  },
})
