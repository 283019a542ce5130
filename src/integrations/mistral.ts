import { defineIntegration, target } from '../core/integration.ts'
import type { Attributes, Outcome, Payload, SpanEnd, StreamReading } from '../core/integration.ts'
import { aiStart, countOf, errorEnd, isAbort, serverAttributes } from '../semantics/ai.ts'
import type { AiOperation } from '../semantics/ai.ts'
import { completionEnd, completionStream, openAiUsageOf } from '../semantics/ai-mistral.ts'
import type { MistralCompletion, MistralUsage } from '../semantics/ai-mistral.ts'
import {
  conversationEnd,
  conversationStream,
  judgedEnd,
  ocrEnd,
  transcribedEnd,
  transcriptionStream,
} from '../semantics/ai-mistral-more.ts'
import type { ConversationResponse } from '../semantics/ai-mistral-more.ts'
import { embeddingsEnd } from '../semantics/ai-openai.ts'
import { ANSWER, CACHED, CALL, FAILURE, IDENTITY, REASONING, SAMPLING, STREAM, VECTORS } from '../semantics/ai-records.ts'

interface Body {
  model?: string
  agentId?: string
  messages?: unknown
  /** Of a conversation, where the methods that continue one put the rest. */
  conversationId?: string | undefined
  conversationAppendRequest?: Body
  conversationAppendStreamRequest?: Body
  conversationRestartRequest?: Body
  conversationRestartStreamRequest?: Body
  completionArgs?: Body | null
  instructions?: unknown
  document?: unknown
  prompt?: unknown
  suffix?: unknown
  inputs?: unknown
  tools?: unknown
  temperature?: number
  topP?: number
  maxTokens?: number
  stop?: string | string[]
  randomSeed?: number
  n?: number
  presencePenalty?: number
  frequencyPenalty?: number
  /** Of `parse` a zod schema. */
  responseFormat?: { type?: unknown }
  reasoningEffort?: string
}

interface Shape<R> {
  self: { _baseURL?: unknown }
  args: [body: Body]
  result: R
}

interface Embeddings {
  model?: string
  data?: { embedding?: unknown }[]
  usage?: MistralUsage
}

// `parse` and `parseStream` do not call the others.
// Before 1.10 the SDK drops the end of a stream, and the usage with it, when it arrives together with the sentinel.
const ALL = '>=1.10.0 <3'
const CONVERSATIONS = 'beta().get conversations'

export default defineIntegration({
  name: 'mistral',
  module: '@mistralai/mistralai',
  kind: 'ai',
  inBundle: ['MISTRAL_API_KEY', 'MISTRAL_DEBUG'],
  records: {
    spans: [
      'chat mistral-medium-2508',
      'text_completion codestral-2508',
      'embeddings mistral-embed',
      'ocr mistral-ocr-latest',
      'moderation mistral-moderation-latest',
      'classification ft:classifier',
      'generate_content voxtral-mini-latest',
    ],
    attributes: [
      ...CALL,
      ...SAMPLING,
      ...STREAM,
      ...IDENTITY,
      ...ANSWER,
      ...CACHED,
      ...REASONING,
      ...VECTORS,
      ...FAILURE,
      'gen_ai.agent.id',
      'gen_ai.conversation.id',
      'perf.ai.pages',
      'perf.ai.document.bytes',
      'perf.ai.results',
      'perf.ai.audio.seconds',
      'gen_ai.request.choice.count',
      'perf.ai.reasoning_effort',
    ],
    against: 'a scripted server that speaks its protocol to the real SDK',
  },
  targets: [
    call('chat', 'complete', ALL, 'chat', completionEnd),
    call('chat', 'stream', ALL, 'chat', completionEnd, completionStream),
    call('chat', 'parse', ALL, 'chat', completionEnd),
    call('chat', 'parseStream', ALL, 'chat', completionEnd, completionStream),
    call('agents', 'complete', ALL, 'chat', completionEnd),
    call('agents', 'stream', ALL, 'chat', completionEnd, completionStream),
    call('fim', 'complete', ALL, 'text_completion', completionEnd),
    call('fim', 'stream', ALL, 'text_completion', completionEnd, completionStream),
    call<Embeddings>('embeddings', 'create', ALL, 'embeddings', vectorsEnd),
    ...['start', 'append', 'restart'].flatMap((method) => [
      call<ConversationResponse>(CONVERSATIONS, method, ALL, 'chat', conversationEnd),
      call<ConversationResponse>(CONVERSATIONS, `${method}Stream`, ALL, 'chat', conversationEnd, conversationStream),
    ]),
    call('ocr', 'process', ALL, 'ocr', ocrEnd),
    call('classifiers', 'moderate', ALL, 'moderation', judgedEnd),
    call('classifiers', 'moderateChat', ALL, 'moderation', judgedEnd),
    call('classifiers', 'classify', ALL, 'classification', judgedEnd),
    call('classifiers', 'classifyChat', ALL, 'classification', judgedEnd),
    call('audio().get transcriptions', 'complete', ALL, 'generate_content', transcribedEnd),
    call('audio().get transcriptions', 'stream', ALL, 'generate_content', transcribedEnd, transcriptionStream),
    call('audio().get speech', 'complete', '>=2.0.0 <3', 'generate_content', () => ({})),
  ],
})

function call<R = MistralCompletion>(
  resource: string,
  method: string,
  versions: string,
  operation: AiOperation,
  endOf: (result: R) => SpanEnd,
  stream?: StreamReading<never>,
) {
  const streams = stream !== undefined
  return target<Shape<R>>({
    path: `Mistral.prototype.get ${resource}().${method}`,
    versions,
    settles: streams ? 'stream' : 'promise',
    start({ self, args: [given] }) {
      const body = turnOf(given)
      return aiStart(
        operation,
        body.model,
        { ...serverAttributes(self._baseURL, 'mistral_ai'), ...requestAttributes(body, streams) },
        payloads(body),
      )
    },
    end: (_, outcome) => end(outcome, endOf),
    ...(streams && { stream }),
  })
}

/** What a turn of a conversation is asked with, in the place where other calls have it. */
function turnOf(body: Body): Body {
  const turn =
    body.conversationAppendRequest ??
    body.conversationAppendStreamRequest ??
    body.conversationRestartRequest ??
    body.conversationRestartStreamRequest ??
    body
  const { completionArgs, ...rest } = turn
  return turn === body && completionArgs === undefined ? body : { ...completionArgs, conversationId: body.conversationId, ...rest }
}

function requestAttributes(body: Body, streams: boolean): Attributes {
  const { stop, n, responseFormat: format } = body
  return {
    'gen_ai.agent.id': body.agentId,
    'gen_ai.conversation.id': body.conversationId,
    'gen_ai.request.temperature': body.temperature,
    'gen_ai.request.top_p': body.topP,
    'gen_ai.request.max_tokens': body.maxTokens,
    'gen_ai.request.stop_sequences': typeof stop === 'string' ? [stop] : stop,
    'gen_ai.request.seed': body.randomSeed,
    'gen_ai.request.choice.count': n === 1 ? undefined : n,
    'gen_ai.request.presence_penalty': body.presencePenalty,
    'gen_ai.request.frequency_penalty': body.frequencyPenalty,
    'gen_ai.request.stream': streams ? true : undefined,
    'gen_ai.output.type': format === undefined || format === null ? undefined : format.type === 'text' ? 'text' : 'json',
    'perf.ai.reasoning_effort': body.reasoningEffort,
    'perf.ai.messages': countOf(body.messages ?? body.inputs),
    'perf.ai.tool_definitions': countOf(body.tools),
  }
}

function payloads(body: Body): Payload[] {
  const prompt = body.suffix === undefined ? body.prompt : [body.prompt, body.suffix]
  return [
    { role: 'gen_ai.input.messages', value: body.messages ?? body.inputs ?? body.document ?? prompt },
    { role: 'gen_ai.system_instructions', value: body.instructions },
    { role: 'gen_ai.tool.definitions', value: body.tools },
  ]
}

function end<R>(outcome: Outcome<R>, endOf: (result: R) => SpanEnd): SpanEnd | undefined {
  if (outcome.ok) return outcome.result === undefined ? undefined : endOf(outcome.result)
  if (isAbort(outcome.error)) return { status: 'unset' }
  const error = (outcome.error ?? {}) as SdkError
  const { statusCode, message, headers = error.rawResponse?.headers, body } = error
  return errorEnd({ status: statusCode, code: codeOf(body), headers, message })
}

interface SdkError {
  message?: unknown
  statusCode?: unknown
  headers?: unknown
  body?: unknown
  rawResponse?: { headers?: unknown }
}

/** The provider's own word for what went wrong: `{"type":"rate_limited"}`. */
function codeOf(body: unknown): unknown {
  return typeof body === 'string' ? /"type"\s*:\s*"(\w{1,64})"/.exec(body.slice(0, 4096))?.[1] : undefined
}

function vectorsEnd({ usage, ...result }: Embeddings): SpanEnd {
  const counted = openAiUsageOf(usage)
  return embeddingsEnd({ ...result, ...(counted && { usage: counted }) })
}
