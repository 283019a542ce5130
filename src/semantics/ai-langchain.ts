import type { Attributes, Payload, SpanEnd, SpanStart } from '../core/integration.ts'
import { isAbortError } from '../core/settle/stream-meter.ts'
import { aiStart, aiStream, apiErrorEnd, countOf, finishReasons, toolCallNames, usageAttributes } from './ai.ts'
import type { AiOperation } from './ai.ts'

// Models and messages of LangChain turned into attributes. Every field may be missing.

interface LsParams {
  ls_provider?: unknown
  ls_model_name?: unknown
  ls_temperature?: unknown
  ls_max_tokens?: unknown
  ls_stop?: unknown
}

/** A chat model or an LLM. */
export interface LangChainModel {
  model?: unknown
  modelName?: unknown
  /** What LangChain's own tracing asks a model for. */
  getLsParams?(options: object): LsParams
  _llmType?(): unknown
}

/** The options of a model call, with what `bindTools` put there. */
export interface ModelCallOptions {
  signal?: unknown
  tools?: unknown
  stop?: unknown
}

interface UsageMetadata {
  input_tokens?: number
  output_tokens?: number
  input_token_details?: { cache_read?: number; cache_creation?: number }
  output_token_details?: { reasoning?: number }
}

interface Message {
  id?: unknown
  content?: unknown
  usage_metadata?: UsageMetadata
  response_metadata?: { id?: unknown; model_name?: unknown; model?: unknown; finish_reason?: unknown; stop_reason?: unknown }
  tool_calls?: { name?: unknown }[]
}

/** What `generate` gives: for each prompt its candidates. */
export interface Generations {
  generations?: { text?: unknown; message?: Message; generationInfo?: { finish_reason?: unknown } }[][]
}

const PROVIDERS: Readonly<Record<string, string>> = {
  azure: 'azure.ai.openai',
  google_genai: 'gcp.gemini',
  google_vertexai: 'gcp.vertex_ai',
  amazon_bedrock: 'aws.bedrock',
  mistral: 'mistral_ai',
  mistralai: 'mistral_ai',
  xai: 'x_ai',
}

/** The start of a model call. */
export function langChainStart(operation: AiOperation, model: LangChainModel, options: ModelCallOptions, input: unknown): SpanStart {
  const known = model.getLsParams?.(options) ?? {}
  const named = known.ls_provider ?? model._llmType?.()
  const provider = typeof named === 'string' ? named.toLowerCase() : '_OTHER'
  const { tools } = options
  const messages = messagesOf(input)
  const attributes: Attributes = {
    'gen_ai.provider.name': PROVIDERS[provider] ?? provider,
    'gen_ai.request.temperature': numberOf(known.ls_temperature),
    'gen_ai.request.max_tokens': numberOf(known.ls_max_tokens),
    'gen_ai.request.stop_sequences': textsOf(known.ls_stop),
    'perf.ai.messages': countOf(messages),
    'perf.ai.tool_definitions': countOf(tools),
  }
  return aiStart(
    operation,
    [known.ls_model_name, model.model, model.modelName].find((name) => typeof name === 'string'),
    attributes,
    [
      { role: 'gen_ai.input.messages', value: contentsOf(messages) },
      { role: 'gen_ai.tool.definitions', value: countOf(tools) ? tools : undefined },
    ],
  )
}

/** The end of `generate`: the sum of what its prompts used. */
export function langChainEnd({ generations = [] }: Generations): SpanEnd {
  const candidates = generations.flat()
  const messages = candidates.flatMap(({ message }) => (message === undefined ? [] : [message]))
  const usages = messages.flatMap(({ usage_metadata: usage }) => (usage === undefined ? [] : [usage]))
  const reasons = candidates.map(({ message, generationInfo }) => reasonOf(message) ?? generationInfo?.finish_reason)
  return {
    attributes: { ...answerAttributes(messages[0], reasons, messages), ...sumOf(usages) },
    payloads: [{ role: 'gen_ai.output.messages', value: candidates.map(({ message, text }) => message?.content ?? text) }],
  }
}

function answerAttributes(first: Message | undefined, reasons: readonly unknown[], messages: readonly Message[]): Attributes {
  const said = first?.response_metadata
  return {
    // LangChain makes up ids of runs where a provider gives none.
    'gen_ai.response.id': [first?.id, said?.id].find((id) => typeof id === 'string' && !/^run-|^lc_run-/.test(id)) as string | undefined,
    'gen_ai.response.model': [said?.model_name, said?.model].find((name) => typeof name === 'string') as string | undefined,
    'gen_ai.response.finish_reasons': finishReasons(reasons),
    'perf.ai.tool_calls': toolCallNames(messages.flatMap(({ tool_calls: calls = [] }) => calls.map(({ name }) => name))),
  }
}

const reasonOf = (message: Message | undefined): unknown =>
  message?.response_metadata?.finish_reason ?? message?.response_metadata?.stop_reason

function sumOf(usages: readonly UsageMetadata[]): Attributes {
  const total = (read: (usage: UsageMetadata) => number | undefined): number | undefined => {
    const known = usages.map(read).filter((count) => typeof count === 'number')
    return known.length === 0 ? undefined : known.reduce((sum, count) => sum + count, 0)
  }
  return usageAttributes({
    inputTokens: total((usage) => usage.input_tokens),
    outputTokens: total((usage) => usage.output_tokens),
    cacheReadTokens: total((usage) => usage.input_token_details?.cache_read),
    cacheCreationTokens: total((usage) => usage.input_token_details?.cache_creation),
    reasoningTokens: total((usage) => usage.output_token_details?.reasoning),
  })
}

/** A prompt is a text, messages, an object that holds them, or, for `generate`, a list of these. */
function messagesOf(input: unknown): unknown {
  const first: unknown = Array.isArray(input) && input.length === 1 ? input[0] : input
  if (typeof first === 'string') return [first]
  if (Array.isArray(first) || typeof first !== 'object' || first === null) return first
  const { messages, value } = first as { messages?: unknown; value?: unknown }
  return messages ?? (value === undefined ? [first] : [value])
}

/** What is sent of LangChain's messages; the objects hold much besides. */
function contentsOf(messages: unknown): unknown {
  if (!Array.isArray(messages)) return messages
  return messages.map((message: unknown) => {
    if (typeof message !== 'object' || message === null) return message
    const { content, tool_calls: calls, _getType: typeOf } = message as { content?: unknown; tool_calls?: unknown; _getType?: unknown }
    const role: unknown = typeof typeOf === 'function' ? Reflect.apply(typeOf, message, []) : undefined
    return { role, content, tool_calls: countOf(calls) ? calls : undefined }
  })
}

interface StreamState {
  text: unknown[]
  usages: UsageMetadata[]
  said: Message
  calls: { name?: unknown }[]
  reason: unknown
}

/** The chunks of a chat model; an LLM gives texts. */
export const langChainStream = aiStream<StreamState>({
  signal: ({ args: [, options] }) => (options as ModelCallOptions | undefined)?.signal,
  state: () => ({ text: [], usages: [], said: {}, calls: [], reason: undefined }),
  chunk(state, chunk) {
    if (typeof chunk !== 'object' || chunk === null) return keep(state, chunk)
    const message = chunk as Message & { tool_call_chunks?: { name?: unknown }[] }
    if (message.usage_metadata !== undefined) state.usages.push(message.usage_metadata)
    state.said = {
      id: state.said.id ?? message.id,
      response_metadata: { ...state.said.response_metadata, ...defined(message.response_metadata) },
    }
    state.reason = reasonOf(message) ?? state.reason
    for (const call of message.tool_call_chunks ?? []) if (typeof call.name === 'string') state.calls.push({ name: call.name })
    return keep(state, message.content) || countOf(message.tool_call_chunks) !== 0
  },
  finish({ text, usages, said, calls, reason }) {
    const payloads: Payload[] = text.length === 0 ? [] : [{ role: 'gen_ai.output.messages', value: text }]
    const answer = answerAttributes(said, [reason], [{ tool_calls: calls }])
    return { attributes: { 'gen_ai.request.stream': true, ...answer, ...sumOf(usages) }, payloads }
  },
})

const MAX_KEPT = 10_000

function keep({ text }: StreamState, content: unknown): boolean {
  const isContent = typeof content === 'string' ? content !== '' : countOf(content) !== 0
  if (isContent && text.length < MAX_KEPT) text.push(content)
  return isContent
}

function defined(metadata: Message['response_metadata']): object {
  return Object.fromEntries(Object.entries(metadata ?? {}).filter(([, value]) => value !== undefined && value !== ''))
}

/** What a failed call of LangChain says. */
export function langChainErrorEnd(error: unknown): SpanEnd | undefined {
  return isAbortError(error) ? { status: 'unset' } : apiErrorEnd(error)
}

const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)

function textsOf(value: unknown): string[] | undefined {
  const texts = (Array.isArray(value) ? value : [value]).filter((text) => typeof text === 'string')
  return texts.length === 0 ? undefined : texts
}
