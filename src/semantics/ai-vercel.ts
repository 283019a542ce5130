import type { Attributes, Payload, SpanEnd, SpanStart } from '../core/integration.ts'
import { isAbortError } from '../core/settle/stream-meter.ts'
import { aiStart, aiStream, apiErrorEnd, countOf, finishReasons, joined, retryAfterMs, toolCallNames, usageAttributes } from './ai.ts'
import type { AiUsage } from './ai.ts'
import { maskQuotedValues } from './quoted-values.ts'

// What the language models of the Vercel AI SDK take and give (`doGenerate`, `doStream`; specifications v1 to v4). Every field may be missing.

interface ModelUsage {
  promptTokens?: number
  completionTokens?: number
  inputTokens?: number | { total?: number; cacheRead?: number; cacheWrite?: number }
  outputTokens?: number | { total?: number; reasoning?: number }
  cachedInputTokens?: number
  reasoningTokens?: number
}

/** The options of a model call. */
export interface ModelOptions {
  prompt?: unknown
  messages?: unknown
  tools?: unknown
  mode?: { type?: string; tools?: unknown }
  maxTokens?: number
  maxOutputTokens?: number
  temperature?: number
  topP?: number
  topK?: number
  frequencyPenalty?: number
  presencePenalty?: number
  stopSequences?: string[]
  seed?: number
  responseFormat?: { type?: string }
  abortSignal?: unknown
}

interface Part {
  type?: string
  text?: string
  toolName?: string
  input?: unknown
}

/** The result of `doGenerate`. */
export interface ModelResult {
  text?: string
  toolCalls?: { toolName?: string }[]
  content?: Part[]
  finishReason?: string | { unified?: string }
  usage?: ModelUsage
  response?: { id?: string; modelId?: string }
  providerMetadata?: ProviderMetadata
}

/** What the providers tell besides; OpenAI's of predicted outputs. */
type ProviderMetadata = { openai?: { acceptedPredictionTokens?: number; rejectedPredictionTokens?: number } } | undefined

/** A model as the SDK calls it. */
export interface Model {
  provider?: unknown
  modelId?: unknown
}

const PROVIDERS: Readonly<Record<string, string>> = {
  google: 'gcp.gemini',
  'google.vertex': 'gcp.vertex_ai',
  'amazon-bedrock': 'aws.bedrock',
  gateway: 'vercel_ai_gateway',
  azure: 'azure.ai.openai',
  'azure-openai': 'azure.ai.openai',
  mistral: 'mistral_ai',
  xai: 'x_ai',
  moonshotai: 'moonshot_ai',
}

/** `gen_ai.provider.name` of what the SDK calls `openai.chat` or `google.vertex.chat`. */
export function vercelProvider(provider: unknown): string {
  if (typeof provider !== 'string' || provider === '') return '_OTHER'
  const [first = provider, second] = provider.split('.')
  return PROVIDERS[`${first}.${second}`] ?? PROVIDERS[first] ?? first
}

/** The start of one model call. */
export function modelCallStart(model: Model, options: ModelOptions): SpanStart {
  const tools = options.tools ?? options.mode?.tools
  const messages = options.prompt ?? options.messages
  return aiStart('chat', model.modelId, { ...callAttributes(model, options), 'perf.ai.tool_definitions': countOf(tools) || undefined }, [
    { role: 'gen_ai.input.messages', value: messages },
    { role: 'gen_ai.tool.definitions', value: countOf(tools) ? tools : undefined },
  ])
}

function callAttributes(model: Model, options: ModelOptions): Attributes {
  const { responseFormat, mode, stopSequences } = options
  return {
    'gen_ai.provider.name': vercelProvider(model.provider),
    'gen_ai.request.max_tokens': options.maxOutputTokens ?? options.maxTokens,
    'gen_ai.request.temperature': options.temperature,
    'gen_ai.request.top_p': options.topP,
    'gen_ai.request.top_k': options.topK,
    'gen_ai.request.frequency_penalty': options.frequencyPenalty,
    'gen_ai.request.presence_penalty': options.presencePenalty,
    'gen_ai.request.stop_sequences': stopSequences,
    'gen_ai.request.seed': options.seed,
    'gen_ai.output.type': responseFormat?.type === 'json' || mode?.type?.startsWith('object') === true ? 'json' : undefined,
    'perf.ai.messages': countOf(options.prompt ?? options.messages),
  }
}

/** The end of `doGenerate`. */
export function modelCallEnd(result: ModelResult): SpanEnd {
  const calls = result.toolCalls ?? result.content?.filter(({ type }) => type === 'tool-call') ?? []
  return {
    attributes: answerAttributes(result.response, result.finishReason, calls, result.usage, result.providerMetadata),
    payloads: [{ role: 'gen_ai.output.messages', value: result.content ?? { text: result.text, toolCalls: result.toolCalls } }],
  }
}

function answerAttributes(
  response: ModelResult['response'],
  finishReason: ModelResult['finishReason'],
  calls: readonly { toolName?: string | undefined }[],
  usage: ModelUsage | undefined,
  metadata: ProviderMetadata,
): Attributes {
  return {
    'gen_ai.response.id': response?.id,
    'gen_ai.response.model': response?.modelId,
    'gen_ai.response.finish_reasons': finishReasons([typeof finishReason === 'object' ? finishReason.unified : finishReason]),
    'perf.ai.tool_calls': toolCallNames(calls.map(({ toolName }) => toolName)),
    ...usageAttributes(vercelUsage(usage, metadata)),
  }
}

function vercelUsage(usage: ModelUsage | undefined, metadata: ProviderMetadata): AiUsage | undefined {
  if (usage === undefined) return undefined
  const { inputTokens: input, outputTokens: output } = usage
  const cache = typeof input === 'object' ? input : undefined
  return {
    inputTokens: count(cache === undefined ? (input ?? usage.promptTokens) : cache.total),
    outputTokens: count(typeof output === 'object' ? output.total : (output ?? usage.completionTokens)),
    cacheReadTokens: count(cache === undefined ? usage.cachedInputTokens : cache.cacheRead),
    cacheCreationTokens: count(cache?.cacheWrite),
    reasoningTokens: count(typeof output === 'object' ? output.reasoning : usage.reasoningTokens),
    acceptedPredictionTokens: count(metadata?.openai?.acceptedPredictionTokens),
    rejectedPredictionTokens: count(metadata?.openai?.rejectedPredictionTokens),
  }
}

/** Specification v1 says NaN for what the provider did not. */
const count = (value: unknown): number | undefined => (typeof value === 'number' && value >= 0 ? value : undefined)

interface Chunk extends Part {
  textDelta?: string
  delta?: string
  id?: string
  modelId?: string
  finishReason?: ModelResult['finishReason']
  usage?: ModelUsage
  providerMetadata?: ProviderMetadata
  error?: unknown
}

interface StreamState {
  text: string
  calls: { toolName?: string | undefined; input?: unknown }[]
  response: { id?: string; modelId?: string } | undefined
  finishReason: ModelResult['finishReason']
  usage: ModelUsage | undefined
  metadata: ProviderMetadata
  failed: boolean
  error: unknown
}

/** The stream in the result of `doStream`. */
export const modelStream = aiStream<StreamState>({
  from: 'stream',
  signal: ({ args: [options] }) => (options as ModelOptions | undefined)?.abortSignal,
  state: () => ({
    text: '',
    calls: [],
    response: undefined,
    finishReason: undefined,
    usage: undefined,
    metadata: undefined,
    failed: false,
    error: undefined,
  }),
  chunk(state, chunk) {
    const part = chunk as Chunk
    switch (part.type) {
      case 'text-delta':
        state.text = joined(state.text, part.textDelta ?? part.delta)
        return true
      case 'reasoning':
      case 'reasoning-delta':
      case 'tool-input-delta':
      case 'tool-call-delta':
        return true
      case 'tool-call':
        state.calls.push({ toolName: part.toolName, input: part.input ?? (part as { args?: unknown }).args })
        return true
      case 'response-metadata':
        state.response = { ...(part.id !== undefined && { id: part.id }), ...(part.modelId !== undefined && { modelId: part.modelId }) }
        return false
      case 'finish':
        state.finishReason = part.finishReason
        state.usage = part.usage
        state.metadata = part.providerMetadata
        return false
      case 'error':
        state.failed = true
        state.error = part.error
        return false
      default:
        return false
    }
  },
  finish({ text, calls, response, finishReason, usage, metadata, failed, error }) {
    const payloads: Payload[] = text === '' && calls.length === 0 ? [] : [{ role: 'gen_ai.output.messages', value: { text, calls } }]
    const attributes = { 'gen_ai.request.stream': true, ...answerAttributes(response, finishReason, calls, usage, metadata) }
    return failed ? { ...streamedErrorEnd(error, attributes), payloads } : { attributes, payloads }
  },
})

/** What the SDK passes on as a chunk when a stream breaks. */
export function streamedErrorEnd(error: unknown, attributes: Attributes = {}): SpanEnd {
  if (isAbortError(error)) return { attributes, status: 'unset' }
  const said = vercelErrorEnd(error)
  return { ...said, attributes: { ...said?.attributes, ...attributes }, error: error ?? 'error', status: 'error' }
}

/** What an error of the SDK says. */
export function vercelErrorEnd(error: unknown): SpanEnd | undefined {
  if (isAbortError(error)) return { status: 'unset' }
  if (typeof error !== 'object' || error === null) return undefined
  const { statusCode, responseHeaders, data, message, type } = error as ApiCallError
  if (typeof statusCode !== 'number' && data === undefined) {
    return { ...apiErrorEnd(error), ...(typeof message === 'string' && { exceptionMessage: maskQuotedValues(message) }) }
  }
  // What the gateway throws has no body but a type of its own: `model_not_found`.
  const code = data?.error?.code ?? data?.error?.type ?? type
  return {
    attributes: { 'http.response.status_code': count(statusCode), 'perf.ai.retry_after_ms': retryAfterMs(responseHeaders) },
    errorType: typeof code === 'string' && code !== '' ? code : undefined,
    exceptionMessage: typeof message === 'string' ? maskQuotedValues(message) : undefined,
  }
}

interface ApiCallError {
  statusCode?: unknown
  responseHeaders?: unknown
  data?: { error?: { code?: unknown; type?: unknown } }
  message?: unknown
  type?: unknown
}
