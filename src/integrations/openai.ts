import { defineIntegration, target } from '../core/integration.ts'
import type { Attributes, Outcome, Payload, SpanEnd } from '../core/integration.ts'
import { aiStart, apiErrorEnd, countOf, endpointAttributes, rawResponseEnd } from '../semantics/ai.ts'
import type { AiOperation, AiResource } from '../semantics/ai.ts'
import { chatEnd, chatStream, embeddingsEnd, imagesEnd, responseEnd, responseStream, transcriptionEnd } from '../semantics/ai-openai.ts'

interface Body {
  model?: string
  stream?: boolean | null
  messages?: unknown
  input?: unknown
  prompt?: unknown
  instructions?: unknown
  tools?: unknown
  functions?: unknown
  temperature?: number
  top_p?: number
  max_tokens?: number
  max_completion_tokens?: number
  max_output_tokens?: number
  frequency_penalty?: number
  presence_penalty?: number
  stop?: string | string[] | null
  seed?: number
  n?: number
  service_tier?: string
  reasoning_effort?: string
  reasoning?: { effort?: string }
  response_format?: { type?: string } | string
  text?: { format?: { type?: string } }
  stream_options?: { include_usage?: boolean }
  conversation?: string | { id?: string }
  previous_response_id?: string
  encoding_format?: string
  file?: { size?: number }
}

interface Shape {
  self: AiResource
  args: [body: Body]
  result: object
}

const ALL = '>=4.20.0 <8'

export default defineIntegration({
  name: 'openai',
  module: 'openai',
  kind: 'ai',
  inBundle: ['X-Stainless-Runtime', 'OpenAI-Organization'],
  targets: [
    call('OpenAI.Chat.Completions.prototype.create', ALL, 'chat', chatAttributes, chatEnd, chatStream),
    call('OpenAI.Completions.prototype.create', ALL, 'text_completion', chatAttributes, chatEnd, chatStream),
    call('OpenAI.Responses.prototype.create', '>=4.87.0 <8', 'chat', responsesAttributes, responseEnd, responseStream),
    call('OpenAI.Embeddings.prototype.create', ALL, 'embeddings', embeddingsAttributes, embeddingsEnd),
    call('OpenAI.Images.prototype.generate', ALL, 'generate_content', imageAttributes, imagesEnd),
    call('OpenAI.Images.prototype.edit', ALL, 'generate_content', imageAttributes, imagesEnd),
    call('OpenAI.Images.prototype.createVariation', ALL, 'generate_content', imageAttributes, imagesEnd),
    call('OpenAI.Audio.Speech.prototype.create', ALL, 'generate_content', speechAttributes, () => undefined),
    call('OpenAI.Audio.Transcriptions.prototype.create', ALL, 'generate_content', audioAttributes, transcriptionEnd),
    call('OpenAI.Audio.Translations.prototype.create', ALL, 'generate_content', audioAttributes, transcriptionEnd),
  ],
})

/** A target that returns the SDK's lazy promise; `parse()`, `stream()` and `runTools()` of the SDK call these too. */
function call<R>(
  path: string,
  versions: string,
  operation: AiOperation,
  attributesOf: (body: Body) => Attributes,
  endOf: (result: R) => SpanEnd | undefined,
  stream?: typeof chatStream,
) {
  return target<Shape>({
    path,
    versions,
    settles: 'lazy',
    start: ({ self, args: [body] }) =>
      aiStart(operation, body.model, { ...endpointAttributes(self, 'openai'), ...sampling(body), ...attributesOf(body) }, payloads(body)),
    end: (_, outcome) => end(outcome as Outcome<R>, endOf),
    ...(stream && { stream }),
  })
}

function end<R>(outcome: Outcome<R>, endOf: (result: R) => SpanEnd | undefined): SpanEnd | undefined {
  if (!outcome.ok) return apiErrorEnd(outcome.error)
  return outcome.result === undefined || outcome.result === null ? undefined : (rawResponseEnd(outcome.result) ?? endOf(outcome.result))
}

function sampling(body: Body): Attributes {
  return {
    'gen_ai.request.temperature': body.temperature,
    'gen_ai.request.top_p': body.top_p,
    'gen_ai.request.stream': body.stream === true ? true : undefined,
    'gen_ai.request.choice.count': body.n === 1 ? undefined : body.n,
    'openai.request.service_tier': body.service_tier,
    'perf.ai.tool_definitions': countOf(body.tools ?? body.functions),
    'perf.ai.messages': countOf(body.messages ?? body.input),
  }
}

function payloads(body: Body): Payload[] {
  return [
    { role: 'gen_ai.input.messages', value: body.messages ?? body.input ?? body.prompt },
    { role: 'gen_ai.system_instructions', value: body.instructions },
    { role: 'gen_ai.tool.definitions', value: body.tools ?? body.functions },
  ]
}

function chatAttributes(body: Body): Attributes {
  const { stop, response_format: format } = body
  return {
    'openai.api.type': body.messages === undefined ? undefined : 'chat_completions',
    'gen_ai.request.max_tokens': body.max_completion_tokens ?? body.max_tokens,
    'gen_ai.request.frequency_penalty': body.frequency_penalty,
    'gen_ai.request.presence_penalty': body.presence_penalty,
    'gen_ai.request.stop_sequences': typeof stop === 'string' ? [stop] : (stop ?? undefined),
    'gen_ai.request.seed': body.seed,
    'gen_ai.output.type': typeof format === 'object' ? outputType(format.type) : undefined,
    'perf.ai.reasoning_effort': body.reasoning_effort,
    // Without `include_usage` a stream brings no usage; the request is the app's and stays as it is.
    'perf.ai.usage_requested': body.stream === true ? body.stream_options?.include_usage === true : undefined,
  }
}

function responsesAttributes(body: Body): Attributes {
  const { conversation } = body
  return {
    'openai.api.type': 'responses',
    'gen_ai.request.max_tokens': body.max_output_tokens,
    'gen_ai.output.type': outputType(body.text?.format?.type),
    'gen_ai.conversation.id': (typeof conversation === 'string' ? conversation : conversation?.id) ?? body.previous_response_id,
    'perf.ai.reasoning_effort': body.reasoning?.effort,
  }
}

function embeddingsAttributes({ encoding_format: format }: Body): Attributes {
  return { 'gen_ai.request.encoding_formats': format === undefined ? undefined : [format] }
}

function imageAttributes(): Attributes {
  return { 'gen_ai.output.type': 'image' }
}

function speechAttributes(): Attributes {
  return { 'gen_ai.output.type': 'speech' }
}

function audioAttributes({ file }: Body): Attributes {
  return { 'gen_ai.output.type': 'text', 'perf.ai.audio.bytes': file?.size }
}

function outputType(format: string | undefined): string | undefined {
  return format?.startsWith('json') ? 'json' : format
}
