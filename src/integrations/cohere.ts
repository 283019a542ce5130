import { defineIntegration, target } from '../core/integration.ts'
import type { Attributes, Outcome, Payload, SpanEnd } from '../core/integration.ts'
import { aiStart, countOf, errorEnd, isAbort, serverAttributes } from '../semantics/ai.ts'
import type { AiOperation } from '../semantics/ai.ts'
import { classifyEnd, cohereEmbeddingsEnd, cohereEnd, cohereStream, rerankEnd } from '../semantics/ai-cohere.ts'
import { ANSWER, CACHED, CALL, FAILURE, SAMPLING, STREAM, VECTORS } from '../semantics/ai-records.ts'

interface Body {
  model?: string
  /** v1: the last message, and those before it. */
  message?: unknown
  chatHistory?: unknown
  preamble?: unknown
  messages?: unknown
  prompt?: unknown
  texts?: unknown
  inputs?: unknown
  query?: unknown
  documents?: unknown
  tools?: unknown
  temperature?: number
  p?: number
  k?: number
  maxTokens?: number
  stopSequences?: string[]
  seed?: number
  frequencyPenalty?: number
  presencePenalty?: number
  responseFormat?: { type?: string }
  conversationId?: string
  topN?: number
}

interface Shape<R> {
  self: { _options?: { baseUrl?: unknown; environment?: unknown } }
  args: [body: Body | undefined, options?: { abortSignal?: { aborted?: boolean } }]
  result: R
}

const ALL = '>=7.14.0 <9'
const ROOT = ['Client', 'CohereClient.prototype', ALL] as const
const V2_FILE = 'api/resources/v2/client/Client'
const V2S = [
  [V2_FILE, 'V2.prototype', '>=7.14.0 <7.21'],
  [V2_FILE, 'V2Client.prototype', '>=7.21.0 <9'],
] as const

export default defineIntegration({
  name: 'cohere',
  module: 'cohere-ai',
  kind: 'ai',
  inBundle: ['X-Fern-SDK-Name', 'cohere-ai'],
  records: {
    spans: [
      'chat command-a-03-2025',
      'text_completion command-a-03-2025',
      'embeddings embed-v4.0',
      'rerank rerank-v3.5',
      'classification ft-1',
    ],
    attributes: [
      ...CALL,
      ...SAMPLING,
      ...STREAM,
      'gen_ai.response.id',
      ...ANSWER,
      ...CACHED,
      ...VECTORS,
      ...FAILURE,
      'gen_ai.request.top_k',
      'gen_ai.conversation.id',
      'perf.ai.search_units',
      'perf.ai.results',
      'perf.ai.rerank.documents',
      'perf.ai.rerank.top_n',
      'perf.ai.rerank.results',
      'perf.call.end',
    ],
    against: 'a scripted server that speaks its protocol to the real SDK',
  },
  targets: [
    ...[ROOT, ...V2S].flatMap((place) => [
      call(place, 'chat', 'chat', cohereEnd),
      call(place, 'chatStream', 'chat', cohereEnd, true),
      call(place, 'embed', 'embeddings', cohereEmbeddingsEnd),
      call(place, 'rerank', 'rerank', rerankEnd),
    ]),
    call(ROOT, 'classify', 'classification', classifyEnd),
    call(ROOT, 'generate', 'text_completion', cohereEnd),
    call(ROOT, 'generateStream', 'text_completion', cohereEnd, true),
  ],
})

/** From 7.18 on a call gives the SDK's own promise, which takes the answer apart when it is asked. */
function call<R>(
  [file, path, versions]: readonly [string, string, string],
  method: string,
  operation: AiOperation,
  endOf: (result: R) => SpanEnd,
  streams = false,
) {
  return target<Shape<R>>({
    file,
    path: `${path}.${method}`,
    versions,
    settles: 'lazy',
    start({ self, args: [body = {}] }) {
      const { baseUrl, environment } = self._options ?? {}
      const attributes = {
        ...serverAttributes(baseUrl ?? environment ?? 'https://api.cohere.com', 'cohere'),
        ...requestAttributes(body, streams),
      }
      return aiStart(operation, body.model, attributes, payloads(body))
    },
    end: ({ args: [, options] }, outcome) => end(outcome, endOf, options?.abortSignal?.aborted === true),
    ...(streams && { stream: cohereStream }),
  })
}

function requestAttributes(body: Body, streams: boolean): Attributes {
  const { message, chatHistory } = body
  return {
    'gen_ai.request.temperature': body.temperature,
    'gen_ai.request.top_p': body.p,
    'gen_ai.request.top_k': body.k,
    'gen_ai.request.max_tokens': body.maxTokens,
    'gen_ai.request.stop_sequences': body.stopSequences,
    'gen_ai.request.seed': body.seed,
    'gen_ai.request.frequency_penalty': body.frequencyPenalty,
    'gen_ai.request.presence_penalty': body.presencePenalty,
    'gen_ai.request.stream': streams ? true : undefined,
    'gen_ai.output.type': body.responseFormat?.type?.startsWith('json') ? 'json' : body.responseFormat?.type,
    'gen_ai.conversation.id': body.conversationId,
    'perf.ai.messages': message === undefined ? countOf(body.messages ?? body.texts ?? body.inputs) : 1 + (countOf(chatHistory) ?? 0),
    'perf.ai.tool_definitions': countOf(body.tools),
    'perf.ai.rerank.documents': body.query === undefined ? undefined : countOf(body.documents),
    'perf.ai.rerank.top_n': body.topN,
  }
}

function payloads(body: Body): Payload[] {
  const { message, chatHistory, query } = body
  const asked = message === undefined ? (body.messages ?? body.prompt ?? body.texts ?? body.inputs) : [...list(chatHistory), message]
  return [
    { role: 'gen_ai.input.messages', value: query === undefined ? asked : { query, documents: body.documents } },
    { role: 'gen_ai.system_instructions', value: body.preamble },
    { role: 'gen_ai.tool.definitions', value: body.tools },
  ]
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

function end<R>(outcome: Outcome<R>, endOf: (result: R) => SpanEnd, isAborted: boolean): SpanEnd | undefined {
  if (outcome.ok) return outcome.result === undefined || outcome.result === null ? undefined : endOf(outcome.result)
  const { statusCode, message, rawResponse } = (outcome.error ?? {}) as SdkError
  // What fetch threw is not in its errors.
  if (isAbort(outcome.error) || (isAborted && statusCode === undefined)) return { status: 'unset' }
  return errorEnd({ status: statusCode, headers: rawResponse?.headers, message })
}

interface SdkError {
  message?: unknown
  statusCode?: unknown
  rawResponse?: { headers?: unknown }
}
