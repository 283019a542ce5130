import type { Attributes, SpanEnd } from '../core/integration.ts'
import { aiStream, countOf, finishReasons, joined, toolCallNames, usageAttributes } from './ai.ts'

// Answers of Cohere's two APIs as its SDK gives them, turned into attributes. Every field may be missing.

interface Tokens {
  inputTokens?: number
  outputTokens?: number
  searchUnits?: number
}

interface Usage {
  billedUnits?: Tokens
  tokens?: Tokens
  cachedTokens?: number
}

interface ToolCall {
  /** API v1; in v2 the function has it. */
  name?: string
  function?: { name?: string; arguments?: string }
}

/** An answer of `chat` or `generate`: `id`, `message` and `usage` in v2; `generationId`, `text` and `meta` in v1. */
export interface CohereAnswer {
  id?: string
  generationId?: string
  finishReason?: string
  text?: string
  toolCalls?: ToolCall[]
  message?: { content?: unknown; toolCalls?: ToolCall[]; toolPlan?: string }
  generations?: { id?: string; text?: string }[]
  usage?: Usage
  meta?: Usage
}

/** What was billed, which may be less than what the model saw. */
function usageOf({ billedUnits, tokens, cachedTokens }: Usage = {}): Attributes {
  return {
    ...usageAttributes({
      inputTokens: billedUnits?.inputTokens ?? tokens?.inputTokens,
      outputTokens: billedUnits?.outputTokens ?? tokens?.outputTokens,
      cacheReadTokens: cachedTokens,
    }),
    'perf.ai.search_units': billedUnits?.searchUnits,
  }
}

/** The end of an answer that came in one piece. */
export function cohereEnd(answer: CohereAnswer): SpanEnd {
  const { message, generations } = answer
  return {
    attributes: answerAttributes(answer),
    payloads: [{ role: 'gen_ai.output.messages', value: [message ?? generations ?? { text: answer.text, tool_calls: answer.toolCalls }] }],
  }
}

function answerAttributes({ id, generationId, finishReason, toolCalls, message, usage, meta }: CohereAnswer): Attributes {
  const calls = message?.toolCalls ?? toolCalls ?? []
  return {
    'gen_ai.response.id': id ?? generationId,
    'gen_ai.response.finish_reasons': finishReasons([finishReason]),
    'perf.ai.tool_calls': toolCallNames(calls.map((call) => call.name ?? call.function?.name)),
    ...usageOf(usage ?? meta),
  }
}

interface StreamEvent {
  /** v2. */
  type?: string
  id?: string
  delta?: {
    finishReason?: string
    usage?: Usage
    /** Before 7.18 the SDK leaves the call as it came. */
    message?: { content?: { text?: string; thinking?: string }; toolCalls?: ToolCall; tool_calls?: ToolCall; toolPlan?: string }
  }
  /** v1. */
  eventType?: string
  generationId?: string
  text?: string
  finishReason?: string
  toolCalls?: ToolCall[]
  response?: CohereAnswer
}

interface State {
  answer: CohereAnswer
  text: string
  calls: unknown[]
}

/** Events of either API. */
export const cohereStream = aiStream<State>({
  state: () => ({ answer: {}, text: '', calls: [] }),
  chunk(state, chunk) {
    const event = chunk as StreamEvent
    return event.eventType === undefined ? readEvent(state, event) : readOldEvent(state, event)
  },
  finish: ({ answer, text, calls }) => ({
    attributes: { ...answerAttributes(answer), 'perf.ai.tool_calls': toolCallNames(calls) },
    payloads: text === '' && calls.length === 0 ? [] : [{ role: 'gen_ai.output.messages', value: [{ text, tool_calls: calls }] }],
  }),
})

function readEvent(state: State, { type, id, delta }: StreamEvent): boolean {
  const { content, tool_calls: raw, toolCalls: call = raw, toolPlan } = delta?.message ?? {}
  const piece = content?.text ?? content?.thinking ?? toolPlan
  if (type === 'message-start' && id !== undefined) state.answer.id = id
  if (type === 'tool-call-start') state.calls.push(call?.function?.name)
  if (type === 'message-end') {
    if (delta?.finishReason !== undefined) state.answer.finishReason = delta.finishReason
    if (delta?.usage !== undefined) state.answer.usage = delta.usage
  }
  state.text = joined(state.text, piece)
  return Boolean(piece) || type === 'tool-call-start'
}

function readOldEvent(state: State, event: StreamEvent): boolean {
  const { eventType, generationId, text, finishReason, toolCalls = [], response } = event
  if (generationId !== undefined) state.answer.generationId = generationId
  if (eventType === 'tool-calls-generation') for (const { name } of toolCalls) state.calls.push(name)
  if (eventType === 'stream-end') {
    state.answer = { ...state.answer, ...response }
    if (finishReason !== undefined) state.answer.finishReason = finishReason
  }
  state.text = joined(state.text, eventType === 'text-generation' ? text : undefined)
  return eventType === 'text-generation' || eventType === 'tool-calls-generation'
}

/** The end of an embeddings call: dimensions and how many, never the vectors. */
export function cohereEmbeddingsEnd({ id, embeddings, meta }: { id?: string; embeddings?: unknown; meta?: Usage }): SpanEnd {
  const vectors = Array.isArray(embeddings) ? embeddings : Object.values(embeddings ?? {}).find((value) => Array.isArray(value))
  return {
    attributes: {
      'gen_ai.response.id': id,
      'gen_ai.embeddings.dimension.count': countOf((vectors as unknown[] | undefined)?.[0]),
      'perf.ai.embeddings.count': countOf(vectors),
      ...usageOf(meta),
    },
  }
}

/** The end of a classification: how many inputs were judged. */
export function classifyEnd({ id, classifications, meta }: { id?: string; classifications?: unknown[]; meta?: Usage }): SpanEnd {
  return {
    attributes: { 'gen_ai.response.id': id, 'perf.ai.results': countOf(classifications), ...usageOf(meta) },
    payloads: [{ role: 'gen_ai.output.messages', value: classifications }],
  }
}

/** The end of a rerank: how many documents were ranked, billed by search. */
export function rerankEnd({ id, results, meta }: { id?: string; results?: unknown[]; meta?: Usage }): SpanEnd {
  return { attributes: { 'gen_ai.response.id': id, 'perf.ai.rerank.results': countOf(results), ...usageOf(meta) } }
}
