import { afterAll } from 'vitest'
import ai from '../../src/integrations/ai.ts'
import { startOpenAIServer } from '../servers/openai.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

const server = await startOpenAIServer()
afterAll(() => server.close())

type Attributes = Record<string, ExpectedValue>

const MODEL = 'gpt-4o-mini'
const isPositive = (value: unknown) => typeof value === 'number' && value > 0
const isDuration = (value: unknown) => typeof value === 'number' && value >= 0
const majorOf = (version: string) => Number(version.split('.')[0])
const provider = { 'gen_ai.provider.name': 'openai' }

/** Version 4 leaves the details to the provider's own metadata. */
function usage(version: string, input: number, output: number, cached = 0, reasoning = 0): Attributes {
  const both = { 'gen_ai.usage.input_tokens': input, 'gen_ai.usage.output_tokens': output }
  if (majorOf(version) === 4) return both
  return { ...both, 'gen_ai.usage.cache_read.input_tokens': cached, 'gen_ai.usage.reasoning.output_tokens': reasoning }
}

function chat(version: string, attributes: Attributes, more: Partial<ExpectedSpan> = {}, model = MODEL): ExpectedSpan {
  return {
    name: `chat ${model}`,
    kind: 'client',
    payloads: ['gen_ai.input.messages', 'gen_ai.output.messages'],
    ...more,
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': model,
      ...provider,
      'perf.ai.messages': 1,
      ...(majorOf(version) === 4 && { 'gen_ai.request.temperature': 0 }),
      ...attributes,
    },
  }
}

const answered = (model = MODEL) => ({ 'gen_ai.response.id': /^chatcmpl-/, 'gen_ai.response.model': model })
const stopped = { ...answered(), 'gen_ai.response.finish_reasons': ['stop'] }
const asked = ['gen_ai.input.messages', 'gen_ai.tool.definitions', 'gen_ai.output.messages']

/** A model that asks for a tool, and the call with what the tool said. */
function toolSteps(version: string, tool: ExpectedSpan, more: Attributes = {}): ExpectedSpan[][] {
  const both = { 'perf.ai.tool_definitions': 1, ...more }
  const calls = { ...answered(), 'gen_ai.response.finish_reasons': ['tool-calls'], 'perf.ai.tool_calls': ['lookup'] }
  const streams = 'gen_ai.request.stream' in more
  const tokens = streams && majorOf(version) === 4 ? {} : usage(version, 9, 8)
  return [
    [chat(version, { ...both, ...calls, ...tokens }, { payloads: asked }), tool],
    [chat(version, { ...both, ...stopped, ...tokens, 'perf.ai.messages': 3 }, { payloads: asked })],
  ]
}

const lookup = (more: Partial<ExpectedSpan> = {}): ExpectedSpan => ({
  name: 'execute_tool lookup',
  layer: 'tool',
  kind: 'internal',
  payloads: ['tool.arguments', 'tool.result'],
  ...more,
  attributes: {
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': 'lookup',
    'gen_ai.tool.type': 'function',
    'gen_ai.tool.call.id': /^call_/,
    ...more.attributes,
  },
})

/** Version 7 tells of its steps. */
function stepped(version: string, steps: ExpectedSpan[][], more: Partial<ExpectedSpan> = {}): ExpectedSpan[] {
  if (majorOf(version) < 7) return steps.flat()
  return steps.map((children, i) => ({
    name: 'step',
    layer: 'step',
    kind: 'internal',
    ...more,
    attributes: { 'perf.ai.step': i, ...more.attributes },
    children,
  }))
}

const agentic = { 'gen_ai.operation.name': 'invoke_agent' }
const root = (name: string, attributes: Attributes, children: ExpectedSpan[], more: Partial<ExpectedSpan> = {}): ExpectedSpan => ({
  name,
  layer: 'workflow',
  kind: 'internal',
  ...more,
  attributes: { ...(name.includes('Object') ? {} : agentic), ...provider, 'gen_ai.request.model': MODEL, ...attributes },
  children,
})
const generated = (version: string, steps: ExpectedSpan[][]) =>
  root('generateText', { 'perf.ai.steps': steps.length }, stepped(version, steps))

/** A stream that gave several chunks. */
const flow = (end: string | RegExp, firstChunk = 'perf.stream.time_to_first_chunk_ms'): Attributes => ({
  'perf.stream.end': end,
  'perf.stream.chunks': isPositive,
  [firstChunk]: isPositive,
  'perf.stream.time_to_first_content_ms': isPositive,
  'perf.stream.max_gap_ms': isDuration,
  'perf.stream.mean_gap_ms': isDuration,
})
const streamed = (end: string | RegExp) => ({ ...flow(end, 'gen_ai.response.time_to_first_chunk'), 'gen_ai.request.stream': true })
/** Version 4 does not ask for the usage of a stream. */
const streamedUsage = (version: string, ...counts: [number, number, number?]) => (majorOf(version) === 4 ? {} : usage(version, ...counts))
const isAny = () => true

function streamOf(
  version: string,
  end: string | RegExp,
  call: ExpectedSpan,
  more: Partial<ExpectedSpan> = {},
  step?: Partial<ExpectedSpan>,
) {
  return [root('streamText', flow(end), stepped(version, [[call]], step), more)]
}

/** The library's own step has no end where its stream has not come to one. */
const left = { attributes: { 'perf.call.end': 'abandoned' } }
const unread = (version: string, end: string | RegExp): ExpectedSpan => {
  const attributes = { ...streamed(end), ...answered() }
  // How much the library reads ahead is its own affair.
  const optional = ['gen_ai.response.finish_reasons', ...Object.keys(usage(version, 1, 1))]
  return { ...chat(version, attributes), optional }
}

const apiError = { 'http.response.status_code': 401, 'perf.ai.retry_after_ms': isPositive, 'error.type': 'invalid_api_key' }
const embeddings = (count: number): ExpectedSpan => ({
  name: 'embeddings text-embedding-3-small',
  kind: 'client',
  payloads: ['gen_ai.input.messages'],
  attributes: {
    'gen_ai.operation.name': 'embeddings',
    'gen_ai.request.model': 'text-embedding-3-small',
    ...provider,
    'gen_ai.embeddings.dimension.count': 256,
    'perf.ai.embeddings.count': count,
    'gen_ai.usage.input_tokens': isPositive,
  },
})

function agentSpan(version: string, name: string, attributes: Attributes, steps: ExpectedSpan[][], isStream = false): ExpectedSpan[] {
  if (majorOf(version) === 4) return []
  const children = majorOf(version) < 7 || isStream ? stepped(version, steps) : [generated(version, steps)]
  return [{ name, layer: 'workflow', kind: 'internal', attributes: { ...agentic, ...attributes }, children }]
}

/** Models that are given as text, or made by the gateway itself. */
function gatewaySpans(version: string): ExpectedSpan[] {
  if (majorOf(version) === 4 || majorOf(version) === 7) return []
  const by = { 'gen_ai.provider.name': 'vercel_ai_gateway' }
  const of = (model: string, attributes: Attributes, more: Partial<ExpectedSpan> = {}) =>
    chat(version, { ...by, ...attributes }, more, model)
  const answered = { 'gen_ai.response.finish_reasons': ['stop'], ...usage(version, 8, 4, 3, 1) }
  const call = (name: string, model: string, attributes: Attributes, child: ExpectedSpan, more: Partial<ExpectedSpan> = {}) => ({
    ...root(name, {}, [child], more),
    attributes: { ...agentic, 'gen_ai.request.model': model, ...attributes },
  })
  const failed = { 'error.type': 'model_not_found', 'http.response.status_code': 404 }
  return [
    call('generateText', 'none/such', failed, of('none/such', failed, { status: 'error', payloads: ['gen_ai.input.messages'] }), {
      status: 'error',
    }),
    call('generateText', `openai/${MODEL}`, { 'perf.ai.steps': 1 }, of(`openai/${MODEL}`, answered)),
    call('generateText', 'openai/gpt-4o', { ...by, 'perf.ai.steps': 1 }, of('openai/gpt-4o', answered)),
    call('streamText', `openai/${MODEL}`, flow('complete'), of(`openai/${MODEL}`, { ...streamed('complete'), ...answered })),
  ]
}

await testIntegration(ai, {
  scenario: 'ai',
  library: 'ai',
  unsupported: ['ai', '@ai-sdk/gateway'],
  env: { OPENAI_TEST_URL: `${server.url}/v1` },
  operation: (i, version) => {
    const model = `gpt-${i}`
    const call = chat(version, { ...answered(model), 'gen_ai.response.finish_reasons': ['stop'], ...usage(version, 7, 3) }, {}, model)
    return [root('generateText', { 'gen_ai.request.model': model, 'perf.ai.steps': 1 }, stepped(version, [[call]]))]
  },
  expect: {
    gateway: gatewaySpans,
    text: (version) => [
      root(
        'generateText greeting',
        { 'gen_ai.agent.name': 'greeting', 'perf.ai.steps': 1 },
        stepped(version, [
          [
            chat(version, {
              ...stopped,
              ...usage(version, 100, 20, 64, 5),
              'gen_ai.request.temperature': 0.5,
              'gen_ai.request.max_tokens': 50,
              'perf.ai.messages': majorOf(version) < 7 ? 2 : 1,
            }),
          ],
        ]),
      ),
    ],
    tools: (version) => [generated(version, toolSteps(version, lookup()))],
    toolFailure: (version) => {
      const failed = lookup({ status: 'error', payloads: ['tool.arguments'], attributes: { 'error.type': 'TypeError' } })
      const steps = toolSteps(version, failed)
      if (majorOf(version) > 4) return [generated(version, steps)]
      return [root('generateText', { 'error.type': 'AI_ToolExecutionError' }, steps[0] ?? [], { status: 'error' })]
    },
    object: (version) => [
      root('generateObject', {}, [
        chat(version, {
          ...stopped,
          ...usage(version, 9, 8),
          'gen_ai.output.type': 'json',
          ...(majorOf(version) === 4 && { 'gen_ai.response.finish_reasons': isAny, 'perf.ai.tool_calls': ['json'] }),
        }),
      ]),
    ],
    failure: (version) => [
      root(
        'generateText',
        apiError,
        stepped(version, [[chat(version, apiError, { status: 'error', payloads: ['gen_ai.input.messages'] })]], {
          status: 'error',
          attributes: apiError,
        }),
        { status: 'error' },
      ),
    ],
    cancelled: (version) => [root('generateText', {}, stepped(version, [[chat(version, {}, { payloads: ['gen_ai.input.messages'] })]]))],
    embed: [embeddings(1)],
    embedMany: [embeddings(2)],
    streamed: (version) =>
      streamOf(version, 'complete', chat(version, { ...streamed('complete'), ...stopped, ...streamedUsage(version, 100, 20, 64) })),
    streamedTools: (version) => [
      root('streamText', flow('complete'), stepped(version, toolSteps(version, lookup(), streamed('complete')))),
    ],
    streamBreak: (version) => streamOf(version, 'abandoned', unread(version, /complete|early|abandoned/), {}, left),
    streamAbort: (version) => streamOf(version, 'abort', chat(version, { ...streamed(/abort|early/), ...answered() }), {}, left),
    streamError: (version) => {
      const said =
        majorOf(version) === 4 ? { 'error.type': 'TypeError' } : { 'error.type': 'AI_APICallError', 'http.response.status_code': 200 }
      const call = chat(version, { ...streamed('error'), ...answered(), ...said }, { status: 'error' })
      return [root('streamText', { ...flow('error'), ...said }, stepped(version, [[call]], left), { status: 'error' })]
    },
    streamTee: (version) =>
      streamOf(version, 'complete', chat(version, { ...streamed('complete'), ...stopped, ...streamedUsage(version, 8, 4) })),
    streamNeverRead: (version) => [
      root(
        'streamText',
        { 'perf.stream.end': 'abandoned', 'perf.stream.chunks': 0 },
        stepped(version, [[unread(version, /complete|abandoned/)]], left),
      ),
    ],
    streamedObject: (version) => [
      root('streamObject', flow('complete'), [
        chat(version, {
          ...streamed('complete'),
          ...stopped,
          ...streamedUsage(version, 9, 8),
          'gen_ai.output.type': 'json',
          ...(majorOf(version) === 4 && { 'gen_ai.response.finish_reasons': isAny, 'perf.ai.tool_calls': ['json'] }),
        }),
      ]),
    ],
    agent: (version) =>
      agentSpan(version, 'invoke_agent clerk', { 'gen_ai.agent.name': 'clerk', 'perf.ai.steps': 2 }, toolSteps(version, lookup())),
    agentStream: (version) =>
      agentSpan(
        version,
        'invoke_agent',
        flow('complete'),
        [[chat(version, { ...streamed('complete'), ...stopped, ...streamedUsage(version, 8, 4) })]],
        true,
      ),
  },
})
