import { afterAll } from 'vitest'
import agents from '../../src/integrations/openai-agents.ts'
import { startOpenAIServer } from '../servers/openai.ts'
import { aiCall, gaps, isDuration, isPositive, streaming, usage, type Attributes } from '../support/ai-spans.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan } from '../support/expect-spans.ts'

const server = await startOpenAIServer()
afterAll(() => server.close())

const MODEL = 'gpt-4o-mini'
const input = ['gen_ai.input.messages', 'gen_ai.system_instructions']
const both = [...input, 'gen_ai.output.messages']
const offering = [...input, 'gen_ai.tool.definitions', 'gen_ai.output.messages']
const asked = { 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai', 'perf.ai.messages': 1 }
const offered = { 'perf.ai.tool_definitions': 1 }
const identified = { 'gen_ai.response.id': /^chatcmpl-/ }

/** A chat model keeps its name to itself until the provider answers. */
function chat(attributes: Attributes, more: Partial<ExpectedSpan> = {}, model = MODEL): ExpectedSpan {
  const answered = { ...asked, ...identified, 'gen_ai.response.model': model, ...attributes }
  return { name: `chat ${model}`, kind: 'client', payloads: both, ...more, attributes: answered }
}

/** A stream of a chat model never says which model it is. */
const stream = (end: string, attributes: Attributes, more: Partial<ExpectedSpan> = {}): ExpectedSpan => ({
  name: 'chat',
  kind: 'client',
  payloads: both,
  ...more,
  attributes: { ...asked, ...streaming(isPositive, end), ...gaps, ...attributes },
})
/** A stream that asks for a tool has no text. */
const calling = (attributes: Attributes): ExpectedSpan => ({
  ...stream('complete', {}),
  payloads: offering,
  attributes: {
    ...asked,
    ...streaming(isPositive, 'complete'),
    'perf.stream.max_gap_ms': isDuration,
    'perf.stream.mean_gap_ms': isDuration,
    ...attributes,
  },
})

const agent = (children: ExpectedSpan[], attributes: Attributes, more: Partial<ExpectedSpan> = {}, name = 'clerk'): ExpectedSpan => ({
  name: `invoke_agent ${name}`,
  layer: 'workflow',
  kind: 'internal',
  ...more,
  attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': name, ...attributes },
  children,
})
const ran = (steps: number, last = 'clerk') => ({ 'perf.ai.steps': steps, 'perf.agent.last': last })

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
const toolRun = (tool: ExpectedSpan) => [
  agent(
    [
      chat({ ...offered, ...usage(9, 8, 0, 0), 'perf.ai.tool_calls': ['lookup'] }, { payloads: offering }),
      tool,
      chat({ ...offered, ...usage(9, 8, 0, 0), 'perf.ai.messages': 3 }, { payloads: offering }),
    ],
    ran(2),
  ),
]
const refused = {
  'http.response.status_code': 401,
  'perf.ai.request_id': /^req_/,
  'perf.ai.retry_after_ms': isPositive,
  'error.type': 'invalid_api_key',
}
const broken = { status: 'error' as const }

await testIntegration(agents, {
  scenario: 'openai-agents',
  library: '@openai/agents',
  unsupported: ['@openai/agents', '@openai/agents-core', '@openai/agents-openai'],
  env: { OPENAI_TEST_URL: `${server.url}/v1`, OPENAI_AGENTS_DISABLE_TRACING: '1' },
  operation: (i) => [agent([chat(usage(7, 3, 0, 0), {}, `gpt-${i}`)], ran(1, `clerk ${i}`), {}, `clerk ${i}`)],
  expect: {
    responses: [
      agent(
        [
          aiCall(
            `chat ${MODEL}`,
            {
              ...asked,
              ...usage(100, 20, 64, 5),
              'gen_ai.request.temperature': 0.5,
              'gen_ai.request.max_tokens': 50,
              'gen_ai.response.id': /^resp_/,
              'gen_ai.response.model': MODEL,
            },
            { payloads: both },
          ),
        ],
        ran(1),
      ),
    ],
    tools: toolRun(lookup()),
    toolFailure: toolRun(lookup({ ...broken, payloads: ['tool.arguments'], attributes: { 'error.type': 'RangeError' } })),
    handoff: [
      agent(
        [
          chat({ ...offered, ...usage(9, 8, 0, 0), 'perf.ai.tool_calls': ['transfer_to_expert'] }, { payloads: offering }),
          {
            name: 'handoff expert',
            layer: 'step',
            kind: 'internal',
            attributes: { 'perf.agent.from': 'clerk', 'perf.agent.to': 'expert' },
          },
          chat({ ...usage(9, 8, 0, 0), 'perf.ai.messages': 3 }),
        ],
        ran(2, 'expert'),
      ),
    ],
    failure: [agent([{ name: 'chat', kind: 'client', payloads: input, ...broken, attributes: { ...asked, ...refused } }], refused, broken)],
    cancelled: [agent([{ name: 'chat', kind: 'client', payloads: input, attributes: asked }], {})],
    streamed: [
      agent(
        [
          calling({ ...identified, ...offered, ...usage(9, 8, 0, 0), 'perf.ai.tool_calls': ['lookup'] }),
          lookup(),
          stream('complete', { ...identified, ...offered, ...usage(9, 8, 0, 0), 'perf.ai.messages': 3 }, { payloads: offering }),
        ],
        ran(2),
      ),
    ],
    // The run goes on, or is cancelled by the library, when its events are left.
    streamBreak: [{ ...agent([], {}), attributes: undefined, children: undefined }],
    streamAbort: [agent([stream('abort', {}, { payloads: input })], ran(0))],
    streamError: [
      agent([stream('error', { 'error.type': 'TypeError' }, { ...broken, payloads: input })], { 'error.type': 'TypeError' }, broken),
    ],
    streamTee: [agent([stream('complete', { ...identified, ...usage(8, 4, 0, 0) })], ran(1))],
    streamNeverRead: [agent([stream('complete', { ...identified, ...usage(8, 4, 0, 0) })], ran(1))],
  },
})
