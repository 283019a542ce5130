import { defineIntegration, target } from '../core/integration.ts'
import type { Attributes, Outcome, Payload, SpanEnd } from '../core/integration.ts'
import { aiStart, countOf, errorEnd, isAbort, serverAttributes } from '../semantics/ai.ts'
import type { AiOperation } from '../semantics/ai.ts'
import { geminiEmbeddingsEnd, geminiEnd, geminiImagesEnd, geminiStream } from '../semantics/ai-gemini.ts'
import type { GeminiAnswer } from '../semantics/ai-gemini.ts'
import { ANSWER, CACHED, CALL, FAILURE, IDENTITY, REASONING, SAMPLING, STREAM, VECTORS } from '../semantics/ai-records.ts'

interface Params {
  model?: string
  contents?: unknown
  /** Of images. */
  prompt?: unknown
  config?: Config
}

interface Config {
  temperature?: number
  topP?: number
  topK?: number
  maxOutputTokens?: number
  candidateCount?: number
  stopSequences?: string[]
  seed?: number
  presencePenalty?: number
  frequencyPenalty?: number
  responseMimeType?: string
  systemInstruction?: unknown
  tools?: unknown
  thinkingConfig?: { thinkingBudget?: number; thinkingLevel?: string }
  numberOfImages?: number
  abortSignal?: { aborted?: boolean }
}

interface Shape<R> {
  self: { apiClient?: { clientOptions?: { vertexai?: boolean; httpOptions?: { baseUrl?: unknown } } } }
  args: [params: Params]
  result: R
}

const ALL = '>=1.6.0 <4'

// The methods that send one request each: `generateContent` sends several where it calls functions by itself.
export default defineIntegration({
  name: 'google-genai',
  module: '@google/genai',
  kind: 'ai',
  inBundle: ['x-goog-api-client', 'google-genai-sdk/', 'streamGenerateContent'],
  records: {
    spans: ['generate_content gemini-2.5-flash', 'embeddings gemini-embedding-001', 'count_tokens gemini-2.5-flash'],
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
      'gen_ai.request.top_k',
      'gen_ai.request.choice.count',
      'perf.ai.thinking_budget_tokens',
      'perf.ai.reasoning_effort',
      'perf.ai.usage.partial',
      'perf.ai.counted_tokens',
      'perf.ai.images.count',
      'perf.ai.images.bytes',
    ],
    against: 'a scripted server that speaks its protocol to the real SDK',
  },
  targets: [
    call<GeminiAnswer>('generateContentInternal', ALL, 'generate_content', geminiEnd),
    call<GeminiAnswer>('generateContentStreamInternal', ALL, 'generate_content', geminiEnd, true),
    call('embedContent', '>=1.6.0 <1.42.0', 'embeddings', geminiEmbeddingsEnd),
    call('embedContentInternal', '>=1.42.0 <4', 'embeddings', geminiEmbeddingsEnd),
    call('generateImagesInternal', ALL, 'generate_content', geminiImagesEnd),
    call<{ totalTokens?: number }>('countTokens', ALL, 'count_tokens', ({ totalTokens: count }) => ({
      attributes: { 'perf.ai.counted_tokens': count },
    })),
  ],
})

function call<R>(method: string, versions: string, operation: AiOperation, endOf: (result: R) => SpanEnd, streams = false) {
  return target<Shape<R>>({
    path: `Models.prototype.${method}`,
    versions,
    settles: streams ? 'stream' : 'promise',
    start({ self, args: [params] }) {
      const { vertexai, httpOptions } = self.apiClient?.clientOptions ?? {}
      const attributes = {
        ...serverAttributes(httpOptions?.baseUrl, vertexai === true ? 'gcp.vertex_ai' : 'gcp.gemini'),
        ...requestAttributes(params, streams),
      }
      return aiStart(operation, modelOf(params.model), attributes, payloads(params))
    },
    end: ({ args: [params] }, outcome) => end(outcome, endOf, params.config?.abortSignal?.aborted === true),
    ...(streams && { stream: geminiStream }),
  })
}

/** `gemini-2.5-flash` of `models/gemini-2.5-flash` and `publishers/google/models/gemini-2.5-flash`. */
function modelOf(model: unknown): string | undefined {
  return typeof model === 'string' ? model.slice(model.lastIndexOf('/') + 1) : undefined
}

function requestAttributes({ contents, prompt, config = {} }: Params, streams: boolean): Attributes {
  const { candidateCount: choices, responseMimeType: type } = config
  return {
    'gen_ai.request.temperature': config.temperature,
    'gen_ai.request.top_p': config.topP,
    'gen_ai.request.top_k': config.topK,
    'gen_ai.request.max_tokens': config.maxOutputTokens,
    'gen_ai.request.choice.count': choices === 1 ? undefined : (choices ?? config.numberOfImages),
    'gen_ai.request.stop_sequences': config.stopSequences,
    'gen_ai.request.seed': config.seed,
    'gen_ai.request.presence_penalty': config.presencePenalty,
    'gen_ai.request.frequency_penalty': config.frequencyPenalty,
    'gen_ai.request.stream': streams ? true : undefined,
    'gen_ai.output.type': prompt !== undefined ? 'image' : type === undefined ? undefined : type.endsWith('json') ? 'json' : 'text',
    'perf.ai.thinking_budget_tokens': config.thinkingConfig?.thinkingBudget,
    'perf.ai.reasoning_effort': config.thinkingConfig?.thinkingLevel,
    'perf.ai.messages': countOf(contents),
    'perf.ai.tool_definitions': definitionsIn(config.tools),
  }
}

/** Functions are declared in groups; a tool of Google's own is one. */
function definitionsIn(tools: unknown): number | undefined {
  if (!Array.isArray(tools)) return undefined
  return (tools as { functionDeclarations?: unknown }[]).reduce((sum, tool) => sum + (countOf(tool?.functionDeclarations) ?? 1), 0)
}

function payloads({ contents, prompt, config }: Params): Payload[] {
  return [
    { role: 'gen_ai.input.messages', value: contents ?? prompt },
    { role: 'gen_ai.system_instructions', value: config?.systemInstruction },
    { role: 'gen_ai.tool.definitions', value: config?.tools },
  ]
}

function end<R>(outcome: Outcome<R>, endOf: (result: R) => SpanEnd, isAborted: boolean): SpanEnd | undefined {
  if (outcome.ok) return outcome.result === undefined || outcome.result === null ? undefined : endOf(outcome.result)
  const { message, status } = (outcome.error ?? {}) as { message?: unknown; status?: unknown }
  if (isAbort(outcome.error) || (isAborted && status === undefined)) return { status: 'unset' }
  // The message is the body of the answer.
  const said = typeof message === 'string' ? message.slice(0, 4096) : ''
  return errorEnd({ status, code: /"status"\s*:\s*"([A-Z_]{1,64})"/.exec(said)?.[1], message })
}
