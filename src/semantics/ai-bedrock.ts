import type { Attributes, SpanEnd } from '../core/integration.ts'
import { aiStream, countOf, finishReasons, joined, toolCallNames, usageAttributes } from './ai.ts'
import type { AiUsage } from './ai.ts'
import { anthropicUsage } from './ai-anthropic.ts'
import { openAiUsage } from './ai-openai.ts'

// Answers of Amazon Bedrock turned into attributes: Converse speaks one format for all models, InvokeModel the format of each. Every field
// may be missing.

interface ConverseUsage {
  inputTokens?: number
  outputTokens?: number
  cacheReadInputTokens?: number
  cacheWriteInputTokens?: number
}

interface Block {
  text?: string
  toolUse?: { name?: string }
}

/** An answer of `Converse`. */
export interface ConverseAnswer {
  output?: { message?: { role?: string; content?: Block[] } }
  stopReason?: string
  usage?: ConverseUsage
  serviceTier?: { type?: string }
}

/** Bedrock counts what was read from and written to the cache apart. */
function converseUsage(usage: ConverseUsage | undefined): AiUsage | undefined {
  if (usage === undefined) return undefined
  const { inputTokens: input, outputTokens, cacheReadInputTokens: read, cacheWriteInputTokens: written } = usage
  return {
    inputTokens: input === undefined ? undefined : input + (read ?? 0) + (written ?? 0),
    outputTokens,
    cacheReadTokens: read,
    cacheCreationTokens: written,
  }
}

/** The end of a `Converse`. */
export function converseEnd({ output, stopReason, usage, serviceTier }: ConverseAnswer): SpanEnd {
  const message = output?.message
  const names = (message?.content ?? []).map(({ toolUse }) => toolUse?.name)
  return {
    attributes: {
      ...answered(stopReason, names, converseUsage(usage)),
      'perf.ai.service_tier': serviceTier?.type,
    },
    payloads: message === undefined ? [] : [{ role: 'gen_ai.output.messages', value: [message] }],
  }
}

function answered(reason: unknown, calls: readonly unknown[], usage: AiUsage | undefined): Attributes {
  return {
    'gen_ai.response.finish_reasons': finishReasons([reason]),
    'perf.ai.tool_calls': toolCallNames(calls),
    ...usageAttributes(usage),
  }
}

interface ConverseEvent {
  contentBlockStart?: { start?: { toolUse?: { name?: string } } }
  contentBlockDelta?: { delta?: { text?: string; toolUse?: { input?: string }; reasoningContent?: { text?: string } } }
  messageStop?: { stopReason?: string }
  metadata?: { usage?: ConverseUsage }
}

interface StreamState {
  text: string
  calls: unknown[]
  reason: unknown
  usage: AiUsage | undefined
  identity: Attributes
}

/** Events of `ConverseStream`, and chunks of `InvokeModelWithResponseStream`; the last one has the usage. */
const bedrockStream = aiStream<StreamState>({
  state: () => ({ text: '', calls: [], reason: undefined, usage: undefined, identity: {} }),
  chunk(state, event) {
    const { chunk } = event as { chunk?: { bytes?: unknown } }
    return chunk === undefined ? readEvent(state, event as ConverseEvent) : readPart(state, jsonIn(chunk.bytes))
  },
  finish: ({ text, calls, reason, usage, identity }) => ({
    attributes: { ...identity, ...answered(reason, calls, usage) },
    payloads: text === '' && calls.length === 0 ? [] : [{ role: 'gen_ai.output.messages', value: [{ text, tool_calls: calls }] }],
  }),
})

/** The stream in the answer to a `ConverseStream`. */
export const converseStream = { ...bedrockStream, from: 'stream' }

/** The stream in the answer to an `InvokeModelWithResponseStream`. */
export const invokeStream = { ...bedrockStream, from: 'body' }

function readEvent(state: StreamState, { contentBlockStart, contentBlockDelta, messageStop, metadata }: ConverseEvent): boolean {
  const { text, toolUse, reasoningContent } = contentBlockDelta?.delta ?? {}
  const piece = text ?? toolUse?.input ?? reasoningContent?.text
  const name = contentBlockStart?.start?.toolUse?.name
  state.text = joined(state.text, piece)
  if (name !== undefined) state.calls.push(name)
  if (messageStop !== undefined) state.reason = messageStop.stopReason
  if (metadata !== undefined) state.usage = converseUsage(metadata.usage)
  return Boolean(piece) || name !== undefined
}

/** What the models' own formats have in common, each under its own names. */
interface ModelAnswer {
  id?: string
  model?: string
  type?: string
  usage?: object & { input_tokens?: number; inputTokens?: number }
  // Anthropic, Llama, Nova, Titan, OpenAI and others.
  stop_reason?: string
  stopReason?: string
  completionReason?: string
  content?: { type?: string; name?: string; text?: string }[]
  output?: { message?: { content?: Block[] } }
  results?: { tokenCount?: number; outputText?: string; completionReason?: string }[]
  outputs?: { text?: string; stop_reason?: string }[]
  choices?: {
    finish_reason?: string
    stop_reason?: string
    message?: { content?: unknown; tool_calls?: { function?: { name?: string } }[] }
    delta?: { content?: string }
  }[]
  generation?: string
  outputText?: string
  prompt_token_count?: number
  generation_token_count?: number
  inputTextTokenCount?: number
  totalOutputTextTokenCount?: number
  embedding?: unknown
  embeddings?: unknown
  // Streams.
  message?: { id?: string; model?: string }
  delta?: { text?: string; partial_json?: string; thinking?: string; stop_reason?: string | null }
  content_block?: { type?: string; name?: string }
  'amazon-bedrock-invocationMetrics'?: {
    inputTokenCount?: number
    outputTokenCount?: number
    cacheReadInputTokenCount?: number
    cacheWriteInputTokenCount?: number
  }
}

const MAX_PARSED_BYTES = 1 << 20
const decoder = new TextDecoder()

/** The JSON in a body, as text or bytes; undefined for anything else, and for what is larger than 1 MB. */
export function jsonIn(body: unknown): object | undefined {
  const isBytes = ArrayBuffer.isView(body)
  if (!isBytes && typeof body !== 'string') return undefined
  if ((isBytes ? body.byteLength : body.length) > MAX_PARSED_BYTES) return undefined
  const text = isBytes ? decoder.decode(body) : body
  // Images and other binary bodies.
  if (!text.startsWith('{')) return undefined
  try {
    return JSON.parse(text) as object
  } catch {
    return undefined
  }
}

/** The end of an `InvokeModel`, by the format of whichever model answered. */
export function invokeEnd({ body }: { body?: unknown }): SpanEnd | undefined {
  const answer = jsonIn(body) as ModelAnswer | undefined
  if (answer === undefined) return undefined
  const vectors = vectorsIn(answer)
  if (vectors !== undefined) {
    return {
      attributes: {
        'gen_ai.response.id': answer.id,
        'gen_ai.embeddings.dimension.count': countOf(vectors[0]),
        'perf.ai.embeddings.count': vectors.length,
        ...usageAttributes({ inputTokens: answer.inputTextTokenCount }),
      },
    }
  }
  const said = answer.content ?? answer.output?.message ?? answer.results ?? answer.outputs ?? answer.choices ?? answer.generation
  return {
    attributes: { ...identityOf(answer), ...answered(reasonOf(answer), callsIn(answer), modelUsage(answer)) },
    payloads: said === undefined ? [] : [{ role: 'gen_ai.output.messages', value: [said] }],
  }
}

/** Titan gives one vector, Cohere a list of them, or one list for each type. */
function vectorsIn({ embedding, embeddings }: ModelAnswer): unknown[][] | undefined {
  if (Array.isArray(embedding)) return [embedding]
  const listed = Array.isArray(embeddings) ? embeddings : Object.values(embeddings ?? {})[0]
  return Array.isArray(listed) ? (listed as unknown[][]) : undefined
}

function identityOf({ id, model, message }: ModelAnswer): Attributes {
  return { 'gen_ai.response.id': id ?? message?.id, 'gen_ai.response.model': model ?? message?.model }
}

function reasonOf(answer: ModelAnswer): unknown {
  const { results, outputs, choices } = answer
  return (
    answer.stop_reason ??
    answer.stopReason ??
    answer.completionReason ??
    answer.delta?.stop_reason ??
    results?.[0]?.completionReason ??
    outputs?.[0]?.stop_reason ??
    choices?.[0]?.finish_reason ??
    choices?.[0]?.stop_reason
  )
}

function callsIn({ content = [], output, choices = [] }: ModelAnswer): unknown[] {
  return [
    ...content.filter(({ type }) => type === 'tool_use').map(({ name }) => name),
    ...(output?.message?.content ?? []).map(({ toolUse }) => toolUse?.name),
    ...choices.flatMap(({ message }) => (message?.tool_calls ?? []).map((call) => call.function?.name)),
  ]
}

function modelUsage(answer: ModelAnswer): AiUsage | undefined {
  const { usage, inputTextTokenCount: titan, prompt_token_count: llama } = answer
  if (usage?.input_tokens !== undefined) return anthropicUsage(usage)
  if (usage?.inputTokens !== undefined) return converseUsage(usage)
  if (usage !== undefined) return openAiUsage(usage)
  if (llama !== undefined) return { inputTokens: llama, outputTokens: answer.generation_token_count }
  return titan === undefined ? undefined : { inputTokens: titan, outputTokens: answer.results?.[0]?.tokenCount }
}

/** A part in the model's own format, with Bedrock's counts in the last one. */
function readPart(state: StreamState, part: ModelAnswer | undefined): boolean {
  if (part === undefined) return false
  const identity = identityOf(part)
  if (identity['gen_ai.response.id'] !== undefined) state.identity = identity
  const reason = reasonOf(part)
  if (reason !== undefined && reason !== null) state.reason = reason
  const { content_block: block, 'amazon-bedrock-invocationMetrics': metrics } = part
  if (block?.type === 'tool_use') state.calls.push(block.name)
  if (metrics !== undefined) state.usage = converseUsage(metricsUsage(metrics))
  const piece = pieceOf(part)
  state.text = joined(state.text, piece)
  return Boolean(piece) || block?.type === 'tool_use'
}

function metricsUsage(metrics: NonNullable<ModelAnswer['amazon-bedrock-invocationMetrics']>): ConverseUsage {
  const { inputTokenCount: input, outputTokenCount: output, cacheReadInputTokenCount: read, cacheWriteInputTokenCount: written } = metrics
  return {
    ...(input !== undefined && { inputTokens: input }),
    ...(output !== undefined && { outputTokens: output }),
    ...(read !== undefined && { cacheReadInputTokens: read }),
    ...(written !== undefined && { cacheWriteInputTokens: written }),
  }
}

/** Anthropic, Llama, Titan, Mistral, OpenAI, Nova. */
function pieceOf(part: ModelAnswer): string | undefined {
  const { delta, contentBlockDelta: nova } = part as ModelAnswer & ConverseEvent
  const anthropic = delta?.text ?? delta?.partial_json ?? delta?.thinking
  return (
    anthropic ?? part.generation ?? part.outputText ?? part.outputs?.[0]?.text ?? part.choices?.[0]?.delta?.content ?? nova?.delta?.text
  )
}
