import { afterAll } from 'vitest'
import anthropic from '../../src/integrations/anthropic.ts'
import { startAnthropicServer } from '../servers/anthropic.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

const server = await startAnthropicServer()
afterAll(() => server.close())

type Attributes = Record<string, ExpectedValue>

const MODEL = 'claude-sonnet-4-5'
const isPositive = (value: unknown) => typeof value === 'number' && value > 0
const isDuration = (value: unknown) => typeof value === 'number' && value >= 0
const endpoint = { 'gen_ai.provider.name': 'anthropic', 'server.address': '127.0.0.1', 'server.port': server.port }
const both = ['gen_ai.input.messages', 'gen_ai.output.messages']
const withTools = ['gen_ai.input.messages', 'gen_ai.tool.definitions', 'gen_ai.output.messages']
const input = { payloads: ['gen_ai.input.messages'] }

/** Anthropic's `input_tokens` leaves the cache out; the attribute is the sum. */
const usage = (plain: number, output: number, read = 0, written = 0) => ({
  'gen_ai.usage.input_tokens': plain + read + written,
  'gen_ai.usage.output_tokens': output,
  'gen_ai.usage.cache_read.input_tokens': read,
  'gen_ai.usage.cache_creation.input_tokens': written,
})

function call(name: string, attributes: Attributes, more: Partial<ExpectedSpan> = {}): ExpectedSpan {
  const [operation = '', model] = name.split(' ')
  const named = { 'gen_ai.operation.name': operation, ...(model !== undefined && { 'gen_ai.request.model': model }) }
  return { name, kind: 'client', attributes: { ...named, ...endpoint, ...attributes }, ...more }
}

const asked = { 'gen_ai.request.max_tokens': 64, 'perf.ai.messages': 1 }
const answered = (model = MODEL) => ({ 'gen_ai.response.id': /^msg_/, 'gen_ai.response.model': model, 'perf.ai.service_tier': 'standard' })
const ended = (reason: string) => ({ 'gen_ai.response.finish_reasons': [reason] })

const message = (attributes: Attributes, model = MODEL, payloads = both) =>
  call(`chat ${model}`, { ...asked, ...answered(model), ...ended('end_turn'), ...attributes }, { payloads })

const streamed = (chunks: number | typeof isPositive, end: string, attributes: Attributes, more: Partial<ExpectedSpan> = {}) =>
  call(
    `chat ${MODEL}`,
    {
      ...asked,
      ...answered(),
      'gen_ai.request.stream': true,
      'gen_ai.response.time_to_first_chunk': isPositive,
      'perf.stream.end': end,
      'perf.stream.chunks': chunks,
      ...attributes,
    },
    { payloads: both, ...more },
  )
const gaps = { 'perf.stream.max_gap_ms': isDuration, 'perf.stream.mean_gap_ms': isDuration }
const content = { ...gaps, 'perf.stream.time_to_first_content_ms': isPositive }
/** What the provider said at the start of the message, before it knew the end. */
const partial = { ...usage(100, 1), 'perf.ai.usage.partial': true, 'gen_ai.usage.output_tokens': isPositive }
const complete = { ...content, ...usage(8, 4), ...ended('end_turn') }
/** Nothing is known of an answer that nobody read. */
const unread = call(
  `chat ${MODEL}`,
  { ...asked, 'gen_ai.request.stream': true, 'perf.stream.end': 'abandoned', 'perf.stream.chunks': 0 },
  input,
)

const failed = (status: number, code: string, retryAfterMs: ExpectedValue) =>
  call(
    `chat ${MODEL}`,
    {
      ...asked,
      'http.response.status_code': status,
      'perf.ai.request_id': /^req_/,
      'perf.ai.retry_after_ms': retryAfterMs,
      'error.type': code,
    },
    { status: 'error', ...input },
  )

const toolTurns = [
  message({ ...usage(9, 8), ...ended('tool_use'), 'perf.ai.tool_definitions': 1, 'perf.ai.tool_calls': ['lookup'] }, MODEL, withTools),
  message({ ...usage(9, 8), 'perf.ai.messages': 3, 'perf.ai.tool_definitions': 1 }, MODEL, withTools),
]

/** The tool runner of version 1 sends what the server's thread lacks, not the whole conversation. */
const threadTurns = [
  toolTurns[0] as ExpectedSpan,
  message({
    ...usage(0, 0),
    'gen_ai.usage.input_tokens': isPositive,
    'gen_ai.usage.output_tokens': isPositive,
    'gen_ai.conversation.id': /^msg_/,
  }),
]

/** What the SDK's own runner called between two turns. */
const ranTool: ExpectedSpan = {
  name: 'execute_tool lookup',
  layer: 'tool',
  kind: 'internal',
  attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'lookup', 'gen_ai.tool.type': 'function' },
  optional: ['gen_ai.tool.call.id'],
  payloads: ['tool.arguments', 'tool.result'],
}

const runnerTurns = ([first, ...others]: ExpectedSpan[]): ExpectedSpan[] => (first === undefined ? [] : [first, ranTool, ...others])

await testIntegration(anthropic, {
  scenario: 'anthropic',
  library: '@anthropic-ai/sdk',
  env: { ANTHROPIC_TEST_URL: server.url },
  operation: (i) => [message(usage(7, 3), `claude-${i}`)],
  expect: {
    message: [
      message(
        {
          ...usage(100, 20, 64, 16),
          'gen_ai.request.temperature': 0.5,
          'gen_ai.request.top_k': 4,
          'gen_ai.request.stop_sequences': ['x'],
        },
        MODEL,
        ['gen_ai.input.messages', 'gen_ai.system_instructions', 'gen_ai.output.messages'],
      ),
    ],
    stream: [streamed(isPositive, 'complete', { ...content, ...usage(100, 20, 64), ...ended('end_turn') })],
    streamBreak: [streamed(1, 'early', partial, input)],
    streamAbort: [streamed(4, 'abort', { ...content, ...partial })],
    streamError: (version) => {
      const requestId = version.startsWith('0.30') ? {} : { 'perf.ai.request_id': /^req_/ }
      return [streamed(isPositive, 'error', { ...content, ...partial, ...requestId, 'error.type': /error$/i }, { status: 'error' })]
    },
    streamTee: [streamed(isPositive, 'complete', complete)],
    streamNeverRead: [unread],
    streamHeldUnread: [unread],
    streamHelper: [streamed(isPositive, 'complete', complete)],
    streamHelperAbort: [streamed(isPositive, 'abort', { ...content, ...partial })],
    toolUse: toolTurns,
    toolUseStream: [
      streamed(
        isPositive,
        'complete',
        { ...content, ...usage(9, 8), ...ended('tool_use'), 'perf.ai.tool_definitions': 1, 'perf.ai.tool_calls': ['lookup'] },
        { payloads: withTools },
      ),
    ],
    beta: [message(usage(8, 4))],
    toolRunner: (version) => (version.startsWith('0.30') ? [] : runnerTurns(version.startsWith('1.') ? threadTurns : toolTurns)),
    countTokens: (version) =>
      version.startsWith('0.30')
        ? []
        : [call(`count_tokens ${MODEL}`, { 'perf.ai.messages': 1, 'perf.ai.counted_tokens': isPositive }, input)],
    batch: [call('create_batch', { 'perf.ai.batch.requests': 2, 'perf.ai.batch.id': /^msgbatch_/, 'perf.ai.batch.status': /./ }, input)],
    withResponse: [message(usage(8, 4))],
    asResponse: [
      call(
        `chat ${MODEL}`,
        { ...asked, 'http.response.status_code': 200, 'http.response.body.size': isPositive, 'perf.ai.raw_response': true },
        input,
      ),
    ],
    failure: [failed(401, 'authentication_error', isPositive)],
    overloaded: [failed(529, 'overloaded_error', 5)],
    retried: [message(usage(8, 4))],
    cancelled: [call(`chat ${MODEL}`, asked, input)],
    unhandled: [failed(401, 'authentication_error', isPositive)],
  },
})
