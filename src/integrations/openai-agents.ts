import { defineIntegration, target } from '../core/integration.ts'
import type { Attributes, Call, Outcome, SpanEnd, SpanStart, StreamReading } from '../core/integration.ts'
import { isAbortError } from '../core/settle/stream-meter.ts'
import { MODEL_CALL, STREAM, TOOL_CALL } from '../semantics/ai-attributes.ts'
import { aiStart, aiStream, apiErrorEnd, countOf, toolCallNames, usageAttributes } from '../semantics/ai.ts'
import { toolEnd, toolStart } from '../semantics/tool.ts'

interface Agent {
  name?: unknown
}

interface RunCall {
  args: [agent: Agent, input: unknown, options?: { stream?: boolean; conversationId?: unknown }]
  result: RunResult | undefined
}

interface RunResult {
  rawResponses?: unknown
  lastAgent?: Agent
  error?: unknown
}

interface Request {
  systemInstructions?: unknown
  input?: unknown
  modelSettings?: { temperature?: number; topP?: number; maxTokens?: number }
  tools?: unknown
  handoffs?: unknown
  signal?: unknown
}

type Count = Record<string, number | undefined>

interface Answer {
  usage?: { inputTokens?: number; outputTokens?: number; inputTokensDetails?: Count | Count[]; outputTokensDetails?: Count | Count[] }
  output?: { type?: string; name?: unknown }[]
  responseId?: unknown
  id?: unknown
  providerData?: { model?: unknown }
}

interface ModelCall {
  self: { _model?: unknown }
  args: [request: Request]
  result: Answer
}

const CORE = { module: '@openai/agents-core', versions: '>=0.5.0 <0.21' }
const OPENAI = { module: '@openai/agents-openai', versions: '>=0.5.0 <0.21' }

/** A run that streams goes on by itself, whoever reads; the library handles the rejection of this promise. */
const untilCompleted = {
  state: () => undefined,
  chunk: () => undefined,
  finish: () => undefined,
  from: 'completed',
} as unknown as StreamReading<never>

interface StreamState {
  answer: Answer | undefined
}

const answerStream = aiStream<StreamState>({
  state: () => ({ answer: undefined }),
  chunk(state, chunk) {
    const { type, response } = chunk as { type?: string; response?: Answer }
    if (type === 'response_done') state.answer = response
    return type === 'output_text_delta'
  },
  finish: ({ answer }) => {
    const said = answer === undefined ? undefined : answerEnd(answer)
    return { ...said, attributes: { 'gen_ai.request.stream': true, ...said?.attributes } }
  },
  signal: ({ args: [request] }) => (request as Request).signal,
})

export default defineIntegration({
  name: 'openai-agents',
  module: ['@openai/agents', '@openai/agents-core', '@openai/agents-openai'],
  kind: 'ai',
  esmFiles: ['@openai/agents-core/dist/tool.mjs', '@openai/agents-core/dist/tracing/createSpans.mjs'],
  records: {
    spans: ['invoke_agent clerk', 'chat gpt-4o-mini', 'execute_tool lookup', 'handoff expert'],
    attributes: [
      ...MODEL_CALL,
      'gen_ai.agent.name',
      'gen_ai.conversation.id',
      'gen_ai.request.top_p',
      'perf.agent.from',
      'perf.agent.last',
      'perf.agent.to',
      'perf.ai.request_id',
      'perf.ai.steps',
      ...TOOL_CALL,
      ...STREAM,
    ],
    against: 'a scripted OpenAI server, through the openai SDK',
  },
  inBundle: ['OPENAI_AGENTS_DISABLE_TRACING'],
  through: [{ module: '@openai/agents', versions: '>=0.5.0 <0.21', by: '@openai/agents-core' }],
  targets: [
    target<RunCall>({
      ...CORE,
      path: 'Runner.prototype.run',
      settles: 'promise',
      start: ({ args: [agent, , options] }: Call<RunCall>) => runStart(agent, options),
      end: (_, outcome) => runEnd(outcome),
      stream: untilCompleted,
    }),
    target<{ args: [input: unknown, context?: unknown, details?: { toolCall?: { name?: unknown; callId?: unknown } }] }>({
      ...CORE,
      path: 'tool',
      file: 'dist/tool',
      given: '0.execute',
      settles: 'promise',
      start: ({ args: [args, , details] }: Call<{ args: [unknown, unknown?, { toolCall?: { name?: unknown; callId?: unknown } }?] }>) =>
        toolStart({ name: textOf(details?.toolCall?.name) ?? 'tool', args, callId: details?.toolCall?.callId }),
      end: (_, outcome) => (outcome.ok ? toolEnd(outcome.result) : failureEnd(outcome.error)),
    }),
    target<{
      result: { nextStep?: { newAgent?: Agent } } | undefined
      args: [run: unknown, options?: { data?: { from_agent?: unknown } }]
    }>({
      ...CORE,
      path: 'withHandoffSpan',
      file: 'dist/tracing/createSpans',
      settles: 'promise',
      start: ({ args: [, options] }: Call<{ args: [unknown, { data?: { from_agent?: unknown } }?] }>) => ({
        name: 'handoff',
        layer: 'step',
        attributes: { 'perf.agent.from': textOf(options?.data?.from_agent) },
      }),
      end: (_, outcome) => handoffEnd(outcome),
    }),
    ...['OpenAIResponsesModel', 'OpenAIChatCompletionsModel'].flatMap((path) => [
      target<ModelCall>({
        ...OPENAI,
        path: `${path}.prototype.getResponse`,
        settles: 'promise',
        start: modelStart,
        end: (_, outcome) => (outcome.ok ? answerEnd(outcome.result) : failureEnd(outcome.error)),
      }),
      target<ModelCall>({
        ...OPENAI,
        path: `${path}.prototype.getStreamedResponse`,
        settles: 'stream',
        start: modelStart,
        end: (_, outcome) => (outcome.ok ? undefined : failureEnd(outcome.error)),
        stream: answerStream,
      }),
    ]),
  ],
})

function runStart(agent: Agent, options: RunCall['args'][2]): SpanStart {
  const name = textOf(agent.name)
  return {
    name: name === undefined ? 'invoke_agent' : `invoke_agent ${name}`,
    layer: 'workflow',
    attributes: {
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': name,
      'gen_ai.conversation.id': textOf(options?.conversationId),
    },
    ...(options?.stream === true && { settles: 'stream' as const }),
  }
}

function runEnd(outcome: Outcome<RunResult | undefined>): SpanEnd | undefined {
  if (!outcome.ok) return failureEnd(outcome.error)
  const { rawResponses, lastAgent } = outcome.result ?? {}
  return { attributes: { 'perf.ai.steps': countOf(rawResponses), 'perf.agent.last': textOf(lastAgent?.name) } }
}

function handoffEnd(outcome: Outcome<{ nextStep?: { newAgent?: Agent } } | undefined>): SpanEnd | undefined {
  if (!outcome.ok) return undefined
  const to = textOf(outcome.result?.nextStep?.newAgent?.name)
  return to === undefined ? undefined : { name: `handoff ${to}`, attributes: { 'perf.agent.to': to } }
}

function modelStart({ self, args: [request] }: Call<ModelCall>): SpanStart {
  const { modelSettings = {}, tools, handoffs } = request
  const offered = (countOf(tools) ?? 0) + (countOf(handoffs) ?? 0)
  return aiStart(
    'chat',
    self._model,
    {
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.temperature': modelSettings.temperature,
      'gen_ai.request.top_p': modelSettings.topP,
      'gen_ai.request.max_tokens': modelSettings.maxTokens,
      'perf.ai.messages': countOf(request.input) ?? 1,
      'perf.ai.tool_definitions': offered === 0 ? undefined : offered,
    },
    [
      { role: 'gen_ai.input.messages', value: request.input },
      { role: 'gen_ai.system_instructions', value: request.systemInstructions },
      { role: 'gen_ai.tool.definitions', value: offered === 0 ? undefined : [tools, handoffs] },
    ],
  )
}

function answerEnd({ usage, output = [], responseId, id, providerData }: Answer): SpanEnd {
  const model = textOf(providerData?.model)
  const calls = output.filter(({ type }) => type?.endsWith('_call'))
  const attributes: Attributes = {
    'gen_ai.response.id': textOf(responseId) ?? textOf(id),
    'gen_ai.response.model': model,
    'perf.ai.tool_calls': toolCallNames(calls.map(({ name, type }) => name ?? type)),
    ...usageAttributes(
      usage && {
        inputTokens: usage.inputTokens,
        outputTokens: usage.outputTokens,
        cacheReadTokens: detailOf(usage.inputTokensDetails, 'cached_tokens'),
        reasoningTokens: detailOf(usage.outputTokensDetails, 'reasoning_tokens'),
      },
    ),
  }
  // A model keeps its own name to itself.
  return {
    ...(model !== undefined && { name: `chat ${model}` }),
    attributes,
    payloads: [{ role: 'gen_ai.output.messages', value: output }],
  }
}

function detailOf(details: Count | Count[] | undefined, key: string): number | undefined {
  return (Array.isArray(details) ? details[0] : details)?.[key]
}

function failureEnd(error: unknown): SpanEnd | undefined {
  return isAbortError(error) ? { status: 'unset' } : apiErrorEnd(error)
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
