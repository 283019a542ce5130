import type { Attributes, SpanEnd } from '../core/integration.ts'
import { aiStream, base64Bytes, countOf, finishReasons, joined, toolCallNames, usageAttributes } from './ai.ts'
import type { AiUsage } from './ai.ts'

// The wire format of OpenAI's APIs, spoken by many providers, turned into attributes. Every field may be missing.

interface ToolCall {
  index?: number
  type?: string
  function?: { name?: string; arguments?: string }
  custom?: { name?: string; input?: string }
}

interface Message {
  content?: unknown
  refusal?: unknown
  reasoning_content?: unknown
  /** Groq. */
  reasoning?: unknown
  tool_calls?: ToolCall[] | null
  function_call?: { name?: string } | null
}

/** A chat completion, or one chunk of it. */
export interface ChatCompletion {
  id?: string
  model?: string
  choices?: { index?: number; message?: Message; delta?: Message; text?: string; finish_reason?: string | null }[]
  usage?: WireUsage | null
  service_tier?: string | null
  system_fingerprint?: string | null
  /** Groq's last chunk. */
  x_groq?: { usage?: WireUsage | null } | null
}

interface WireUsage {
  prompt_tokens?: number
  completion_tokens?: number
  input_tokens?: number
  output_tokens?: number
  prompt_tokens_details?: { cached_tokens?: number } | null
  completion_tokens_details?: {
    reasoning_tokens?: number
    accepted_prediction_tokens?: number
    rejected_prediction_tokens?: number
  } | null
  input_tokens_details?: { cached_tokens?: number } | null
  output_tokens_details?: { reasoning_tokens?: number } | null
  prompt_cache_hit_tokens?: number
}

/** Usage as OpenAI's endpoints report it; cached tokens are part of the input, reasoning is part of the output. */
export function openAiUsage(usage: WireUsage | null | undefined): AiUsage | undefined {
  if (usage === null || usage === undefined) return undefined
  return {
    inputTokens: usage.prompt_tokens ?? usage.input_tokens,
    outputTokens: usage.completion_tokens ?? usage.output_tokens,
    cacheReadTokens:
      usage.prompt_tokens_details?.cached_tokens ?? usage.input_tokens_details?.cached_tokens ?? usage.prompt_cache_hit_tokens,
    acceptedPredictionTokens: usage.completion_tokens_details?.accepted_prediction_tokens,
    rejectedPredictionTokens: usage.completion_tokens_details?.rejected_prediction_tokens,
    reasoningTokens: usage.completion_tokens_details?.reasoning_tokens ?? usage.output_tokens_details?.reasoning_tokens,
  }
}

/** The end of a chat or text completion that came in one piece. */
export function chatEnd(completion: ChatCompletion): SpanEnd {
  const choices = completion.choices ?? []
  return {
    attributes: {
      ...identity(completion),
      'gen_ai.response.finish_reasons': finishReasons(choices.map((choice) => choice.finish_reason)),
      'perf.ai.tool_calls': toolCallNames(choices.flatMap(({ message }) => callNames(message))),
      ...usageAttributes(openAiUsage(completion.usage)),
    },
    payloads: [{ role: 'gen_ai.output.messages', value: choices.map((choice) => choice.message ?? choice.text) }],
  }
}

function identity({ id, model, service_tier: tier, system_fingerprint: fingerprint }: ChatCompletion): Attributes {
  return {
    'gen_ai.response.id': id,
    'gen_ai.response.model': model,
    'openai.response.service_tier': tier ?? undefined,
    'openai.response.system_fingerprint': fingerprint ?? undefined,
  }
}

function callNames(message: Message | undefined): unknown[] {
  const names = (message?.tool_calls ?? []).map((call) => call.function?.name ?? call.custom?.name ?? call.type)
  return message?.function_call ? [...names, message.function_call.name] : names
}

interface ChatState {
  head: ChatCompletion | undefined
  usage: WireUsage | undefined
  choices: { content: string; finish_reason?: string; tool_calls: { name?: string; arguments: string }[] }[]
}

/** Chat and text completions in chunks: usage comes in a last chunk, when the app asked for it. */
export const chatStream = aiStream<ChatState>({
  state: () => ({ head: undefined, usage: undefined, choices: [] }),
  chunk(state, chunk) {
    const { id, model, service_tier, system_fingerprint, usage, x_groq: groq, choices = [] } = chunk as ChatCompletion
    state.head ??= { id, model, service_tier, system_fingerprint } as ChatCompletion
    const counted = usage ?? groq?.usage
    if (counted) state.usage = counted
    let hasContent = false
    for (const { index = 0, delta, text, finish_reason: reason } of choices) {
      const choice = (state.choices[index] ??= { content: '', tool_calls: [] })
      if (reason) choice.finish_reason = reason
      const piece = delta?.content ?? delta?.refusal ?? text
      choice.content = joined(choice.content, piece)
      for (const call of delta?.tool_calls ?? []) addCall(choice.tool_calls, call)
      hasContent ||= Boolean(piece) || Boolean(delta?.reasoning_content ?? delta?.reasoning) || countOf(delta?.tool_calls) !== undefined
    }
    return hasContent
  },
  finish({ head, usage, choices }) {
    const seen = choices.filter((choice) => choice !== undefined)
    return {
      attributes: {
        ...identity(head ?? {}),
        'gen_ai.response.finish_reasons': finishReasons(seen.map((choice) => choice.finish_reason)),
        'perf.ai.tool_calls': toolCallNames(seen.flatMap((choice) => choice.tool_calls.map(({ name }) => name))),
        ...usageAttributes(openAiUsage(usage)),
      },
      payloads: seen.length === 0 ? [] : [{ role: 'gen_ai.output.messages', value: seen }],
    }
  },
})

function addCall(calls: { name?: string; arguments: string }[], { index = 0, function: fn, custom }: ToolCall): void {
  const call = (calls[index] ??= { arguments: '' })
  const name = fn?.name ?? custom?.name
  if (name !== undefined) call.name = name
  call.arguments = joined(call.arguments, fn?.arguments ?? custom?.input)
}

/** A response of the Responses API. */
export interface ModelResponse {
  id?: string
  model?: string
  status?: string
  error?: { code?: string } | null
  incomplete_details?: { reason?: string } | null
  conversation?: { id?: string } | null
  output?: { type?: string; name?: string }[]
  usage?: WireUsage | null
  service_tier?: string | null
}

/** The end of a call of the Responses API; a response can fail although the request did not. */
export function responseEnd(response: ModelResponse): SpanEnd {
  const calls = (response.output ?? []).filter(({ type }) => type?.endsWith('_call'))
  const isFailed = response.status === 'failed'
  return {
    attributes: {
      ...identity(response),
      'gen_ai.response.finish_reasons': finishReasons([response.incomplete_details?.reason ?? response.status]),
      'gen_ai.conversation.id': response.conversation?.id,
      'perf.ai.tool_calls': toolCallNames(calls.map(({ name, type }) => name ?? type)),
      ...usageAttributes(openAiUsage(response.usage)),
    },
    payloads: response.output === undefined ? [] : [{ role: 'gen_ai.output.messages', value: response.output }],
    ...(isFailed && { status: 'error' as const, errorType: response.error?.code ?? 'failed' }),
  }
}

interface ResponseEvent {
  type?: string
  code?: string | null
  response?: ModelResponse
}

/** Events of the Responses API: the last one repeats the whole response, usage included. */
export const responseStream = aiStream<{ response: ModelResponse | undefined; errorCode: string | undefined }>({
  state: () => ({ response: undefined, errorCode: undefined }),
  chunk(state, chunk) {
    const { type, code, response } = chunk as ResponseEvent
    if (response !== undefined)
      state.response = isLast(type) ? response : ({ id: response.id, model: response.model, status: response.status } as ModelResponse)
    if (type === 'error') state.errorCode = code ?? 'error'
    return type?.endsWith('.delta') === true
  },
  finish({ response, errorCode }, end) {
    const known = responseEnd(response ?? {})
    // Before its last event a response has no output, and its status says only that it is under way.
    const isOver = end === 'complete' && response?.status !== 'in_progress'
    const attributes = isOver ? known.attributes : { ...known.attributes, 'gen_ai.response.finish_reasons': undefined }
    const payloads = isOver ? known.payloads : []
    return errorCode === undefined ? { ...known, attributes, payloads } : { attributes, payloads, status: 'error', errorType: errorCode }
  },
})

const isLast = (type: string | undefined): boolean =>
  type === 'response.completed' || type === 'response.incomplete' || type === 'response.failed'

/** The end of an embeddings call: dimensions and usage, never the vectors. */
export function embeddingsEnd(result: { model?: string; data?: { embedding?: unknown }[]; usage?: WireUsage }): SpanEnd {
  const first = result.data?.[0]?.embedding as { length?: number } | undefined
  return {
    attributes: {
      'gen_ai.response.model': result.model,
      'gen_ai.embeddings.dimension.count': typeof first === 'object' ? first.length : undefined,
      'perf.ai.embeddings.count': countOf(result.data),
      ...usageAttributes(openAiUsage(result.usage)),
    },
  }
}

/** The end of an image call: how many and how large. */
export function imagesEnd(result: { data?: { b64_json?: string }[]; usage?: WireUsage }): SpanEnd {
  const encoded = (result.data ?? []).flatMap(({ b64_json: content }) => (typeof content === 'string' ? [content] : []))
  return {
    attributes: {
      'perf.ai.images.count': countOf(result.data),
      'perf.ai.images.bytes': encoded.length === 0 ? undefined : encoded.reduce((sum, content) => sum + base64Bytes(content), 0),
      ...usageAttributes(openAiUsage(result.usage)),
    },
  }
}

/** The end of a transcription or translation. */
export function transcriptionEnd(result: { text?: string; duration?: unknown; usage?: WireUsage & { seconds?: number } }): SpanEnd {
  const seconds = result.usage?.seconds ?? Number(result.duration)
  return {
    attributes: { 'perf.ai.audio.seconds': seconds >= 0 ? seconds : undefined, ...usageAttributes(openAiUsage(result.usage)) },
    payloads: [{ role: 'gen_ai.output.messages', value: typeof result === 'string' ? result : result.text }],
  }
}
