import { channel, defineIntegration, target } from '../core/integration.ts'
import type { Attributes, Call, Outcome, SpanEnd, SpanStart, StreamReading, Target } from '../core/integration.ts'
import { isAbortError } from '../core/settle/stream-meter.ts'
import { MODEL_CALL, STREAM, TOOL_CALL } from '../semantics/ai-attributes.ts'
import { aiStart, countOf, usageAttributes } from '../semantics/ai.ts'
import { modelCallEnd, modelCallStart, modelStream, streamedErrorEnd, vercelErrorEnd, vercelProvider } from '../semantics/ai-vercel.ts'
import type { Model, ModelOptions, ModelResult } from '../semantics/ai-vercel.ts'
import { toolEnd, toolStart } from '../semantics/tool.ts'

// Until 6 the models and tools that the app hands over are recorded in their place; 7 publishes them on a channel, except the models of
// `generateObject` and `streamObject`. Results that stream are watched in every version: the library ends no event for one that is left.

interface Options {
  model?: Model | string
  experimental_telemetry?: { functionId?: unknown }
  telemetry?: { functionId?: unknown }
  value?: unknown
  values?: unknown
}

interface Result {
  steps?: unknown
  finishReason?: unknown
}

interface EmbedResult {
  usage?: { tokens?: number }
  embedding?: unknown[]
  embeddings?: unknown[][]
}

interface Agent {
  id?: unknown
  settings?: { id?: unknown }
}

const ALL = '>=4.2.0 <8'
const BEFORE_7 = '>=4.2.0 <7'

/** A tool that is a generator: the last value is its result. */
const toolParts = {
  state: () => ({ last: undefined }),
  chunk(state: { last: unknown }, chunk: unknown) {
    state.last = chunk
  },
  finish: ({ last }: { last: unknown }) => toolEnd(last),
} as unknown as StreamReading<never>

interface ResultState {
  failed: boolean
  aborted: boolean
  error: unknown
}

/** What `streamText` and `streamObject` give: every stream of the result is made of this one. */
const resultStream = {
  from: 'baseStream',
  state: () => ({ failed: false, aborted: false, error: undefined }),
  chunk(state: ResultState, chunk: { type?: string; error?: unknown; part?: { type?: string; error?: unknown } }) {
    const part = chunk.part ?? chunk
    if (part.type === 'error') Object.assign(state, { failed: true, error: part.error })
    if (part.type === 'abort') state.aborted = true
    return part.type === 'text-delta' || part.type === 'text'
  },
  finish({ failed, aborted, error }: ResultState) {
    if (failed) return streamedErrorEnd(error)
    // Since version 5 an abort is a chunk.
    return aborted ? { attributes: { 'perf.stream.end': 'abort' } } : undefined
  },
} as unknown as StreamReading<never>

export default defineIntegration({
  name: 'ai',
  module: ['ai', '@ai-sdk/gateway'],
  // What version 7 hands to it is on the channel.
  through: [{ module: '@ai-sdk/gateway', versions: '>=4.0.0 <5', by: 'ai' }],
  kind: 'ai',
  records: {
    spans: [
      'generateText',
      'streamText',
      'generateObject',
      'streamObject',
      'invoke_agent clerk',
      'step',
      'chat gpt-4o-mini',
      'embeddings text-embedding-3-small',
      'execute_tool lookup',
    ],
    attributes: [
      ...MODEL_CALL,
      'gen_ai.agent.name',
      'gen_ai.embeddings.dimension.count',
      'gen_ai.output.type',
      'gen_ai.request.frequency_penalty',
      'gen_ai.request.presence_penalty',
      'gen_ai.request.seed',
      'gen_ai.request.stop_sequences',
      'gen_ai.request.top_k',
      'gen_ai.request.top_p',
      'gen_ai.response.finish_reasons',
      'gen_ai.usage.cache_creation.input_tokens',
      'perf.ai.embeddings.count',
      'perf.ai.step',
      'perf.ai.steps',
      'perf.call.end',
      ...TOOL_CALL,
      ...STREAM,
    ],
    against: 'a scripted OpenAI server, through @ai-sdk/openai',
  },
  inBundle: ['AI_NoSuchToolError', 'AI_NoObjectGeneratedError'],
  targets: [
    operation('generateText', BEFORE_7),
    operation('generateObject', ALL),
    operation('streamText', ALL, true),
    operation('streamObject', ALL, true),
    embedding('embed'),
    embedding('embedMany'),
    ...handed('generateText', BEFORE_7, '0', { model: 'doGenerate', tools: true }),
    ...handed('generateObject', ALL, '0', { model: 'doGenerate' }),
    ...handed('streamText', BEFORE_7, '0', { model: 'doStream', tools: true }),
    ...handed('streamObject', ALL, '0', { model: 'doStream' }),
    ...agent('Experimental_Agent', '>=5.0.0 <6', '>=5.0.0 <6'),
    ...agent('ToolLoopAgent', '>=6.0.0 <8', '>=6.0.0 <7'),
    gateway('doGenerate'),
    gateway('doStream'),
    channel<Message>({
      name: 'ai:telemetry',
      versions: '>=7.0.0 <8',
      nests: true,
      start: ({ type, event }) => STARTS[type]?.(event),
      end: (message, outcome) => channelEnd(message.type, outcome),
      stream: modelStream,
    }),
  ],
})

/** A function of the SDK: any number of model calls and tools. */
function operation(path: string, versions: string, isStream = false) {
  return target<{ args: [options: Options]; result: Result }>({
    module: 'ai',
    path,
    versions,
    settles: isStream ? 'stream' : 'promise',
    start: ({ args: [options] }) => operationStart(path, functionIdOf(options), options.model),
    end: (_, outcome) => (isStream ? streamEnd(outcome) : operationEnd(outcome)),
    ...(isStream && { stream: resultStream }),
  })
}

function operationStart(path: string, functionId: string | undefined, model: unknown): SpanStart {
  const { modelId, provider } = typeof model === 'object' && model !== null ? (model as Model) : { modelId: model }
  const isAgent = path.endsWith('Text')
  return {
    name: functionId === undefined ? path : `${path} ${functionId}`,
    layer: 'workflow',
    attributes: {
      'gen_ai.operation.name': isAgent ? 'invoke_agent' : undefined,
      'gen_ai.agent.name': isAgent ? functionId : undefined,
      'gen_ai.provider.name': provider === undefined ? undefined : vercelProvider(provider),
      'gen_ai.request.model': typeof modelId === 'string' ? modelId : undefined,
    },
  }
}

function functionIdOf({ experimental_telemetry: old, telemetry = old }: Options): string | undefined {
  const id = telemetry?.functionId
  return typeof id === 'string' && id !== '' ? id : undefined
}

function operationEnd(outcome: Outcome<Result | undefined>): SpanEnd | undefined {
  if (!outcome.ok) return vercelErrorEnd(outcome.error)
  return { attributes: { 'perf.ai.steps': countOf(outcome.result?.steps) } }
}

/** The result itself is not looked at: its accessors begin to read the stream. */
function streamEnd(outcome: Outcome): SpanEnd | undefined {
  return outcome.ok ? undefined : vercelErrorEnd(outcome.error)
}

function embedding(path: string) {
  return target<{ args: [options: Options]; result: EmbedResult }>({
    module: 'ai',
    path,
    versions: BEFORE_7,
    settles: 'promise',
    start: ({ args: [options] }) => embedStart(options.model, options.values ?? options.value),
    end: (_, outcome) => embedEnd(outcome),
  })
}

function embedStart(model: Options['model'], input: unknown): SpanStart {
  const { provider, modelId } = typeof model === 'object' ? model : { modelId: model, provider: undefined }
  return aiStart('embeddings', modelId, { 'gen_ai.provider.name': vercelProvider(provider) }, [
    { role: 'gen_ai.input.messages', value: input },
  ])
}

function embedEnd(outcome: Outcome<EmbedResult>): SpanEnd | undefined {
  if (!outcome.ok) return vercelErrorEnd(outcome.error)
  const { usage, embedding: single, embeddings = single === undefined ? undefined : [single] } = outcome.result
  const tokens = usage?.tokens
  const attributes: Attributes = {
    'gen_ai.embeddings.dimension.count': countOf(embeddings?.[0]),
    'perf.ai.embeddings.count': countOf(embeddings),
    ...usageAttributes(typeof tokens === 'number' && tokens >= 0 ? { inputTokens: tokens } : undefined),
  }
  return { attributes }
}

/** The model and the tools that are found at `root` of a call: in its options, or in the settings of an agent. */
function handed(
  path: string,
  versions: string,
  root: string,
  { model, tools = false }: { model: 'doGenerate' | 'doStream'; tools?: boolean },
) {
  const ofModel = target({ module: 'ai', path, versions, given: `${root}.model.${model}`, ...modelCall(model === 'doStream') })
  return tools ? [ofModel, handedTools(path, versions, root)] : [ofModel]
}

/** A model that is given as text (`'openai/gpt-4o'`), or that `prepareStep` puts in its place: the gateway's own, where no other place recorded its call. */
function gateway(method: 'doGenerate' | 'doStream') {
  return target({
    module: '@ai-sdk/gateway',
    path: `gateway.languageModel().${method}`,
    also: ['gateway.chat'],
    versions: '>=1.0.0 <4',
    outsideAiCall: true,
    ...modelCall(method === 'doStream'),
  })
}

function modelCall(isStream: boolean): Pick<Target<ModelCall>, 'settles' | 'start' | 'end' | 'stream'> {
  return {
    settles: isStream ? 'stream' : 'promise',
    start: ({ self, args: [options] }) => modelCallStart(self, options),
    end(_, outcome) {
      if (!outcome.ok) return vercelErrorEnd(outcome.error)
      return isStream ? undefined : modelCallEnd(outcome.result)
    },
    ...(isStream && { stream: modelStream }),
  }
}

interface ModelCall {
  self: Model
  args: [options: ModelOptions]
  result: ModelResult
}

function handedTools(path: string, versions: string, root: string) {
  return target<{ args: [input: unknown, options?: { toolCallId?: unknown }] }>({
    module: 'ai',
    path,
    versions,
    given: `${root}.tools.*.execute`,
    settles: 'stream',
    start: ({ args: [args, options], key = '' }: Call<{ args: [unknown, { toolCallId?: unknown }?] }>) =>
      toolStart({ name: key, args, callId: options?.toolCallId }),
    end: (_, outcome) => toolOutcome(outcome),
    stream: toolParts,
  })
}

function toolOutcome(outcome: Outcome): SpanEnd | undefined {
  if (outcome.ok) return toolEnd(outcome.result)
  return isAbortError(outcome.error) ? { status: 'unset' } : undefined
}

function agent(path: string, versions: string, handsOver: string) {
  return [
    ...(['generate', 'stream'] as const).map((method) =>
      target<{ self: Agent; result: Result }>({
        module: 'ai',
        path: `${path}.prototype.${method}`,
        versions,
        settles: method === 'stream' ? 'stream' : 'promise',
        start: ({ self }) => agentStart(self),
        end: (_, outcome) => (method === 'stream' ? streamEnd(outcome) : operationEnd(outcome)),
        ...(method === 'stream' && { stream: resultStream }),
      }),
    ),
    ...handed(`${path}.prototype.generate`, handsOver, 'this.settings', { model: 'doGenerate', tools: true }),
    ...handed(`${path}.prototype.stream`, handsOver, 'this.settings', { model: 'doStream', tools: true }),
  ]
}

function agentStart({ id, settings }: Agent): SpanStart {
  const name = [id, settings?.id].find((value) => typeof value === 'string' && value !== '') as string | undefined
  return {
    name: name === undefined ? 'invoke_agent' : `invoke_agent ${name}`,
    layer: 'workflow',
    attributes: { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': name },
  }
}

/** An event of the channel of version 7. */
interface Message {
  type: string
  event: ChannelEvent
}

interface ChannelEvent extends ModelOptions, Model {
  functionId?: unknown
  stepNumber?: unknown
  value?: unknown
  toolCall?: { toolName?: unknown; toolCallId?: unknown; input?: unknown }
}

const STARTS: Readonly<Record<string, (event: ChannelEvent) => SpanStart | undefined>> = {
  generateText: (event) => operationStart('generateText', functionIdOf({ telemetry: event }), event),
  step: ({ stepNumber }) => ({
    name: 'step',
    layer: 'step',
    attributes: { 'perf.ai.step': typeof stepNumber === 'number' ? stepNumber : undefined },
  }),
  languageModelCall: (event) => modelCallStart(event, event),
  executeTool: ({ toolCall }) => toolStart({ name: String(toolCall?.toolName), args: toolCall?.input, callId: toolCall?.toolCallId }),
  embed: (event) => embedStart(event, event.value),
  embedMany: (event) => embedStart(event, event.value),
}

function channelEnd(type: string, outcome: Outcome): SpanEnd | undefined {
  switch (type) {
    case 'generateText':
      return operationEnd(outcome as Outcome<Result>)
    case 'languageModelCall':
      if (!outcome.ok) return vercelErrorEnd(outcome.error)
      return outcome.result === undefined ? undefined : modelCallEnd(outcome.result as ModelResult)
    case 'embed':
    case 'embedMany':
      return embedEnd(outcome as Outcome<EmbedResult>)
    case 'executeTool':
      return outcome.ok ? executedToolEnd(outcome.result as ExecutedTool | undefined) : toolOutcome(outcome)
    default:
      return outcome.ok ? undefined : vercelErrorEnd(outcome.error)
  }
}

interface ExecutedTool {
  output?: { type?: string; output?: unknown; error?: unknown }
}

function executedToolEnd(result: ExecutedTool | undefined): SpanEnd | undefined {
  const { type, output, error } = result?.output ?? {}
  return type === 'tool-error' ? streamedErrorEnd(error) : toolEnd(output)
}
