import type { Attributes, Payload } from '../core/integration.ts'
import { countOf } from './ai.ts'

// Requests in the format of OpenAI's APIs, which other providers' SDKs speak too, turned into attributes. Every field may be missing.

/** The body of a request: chat, text completion, Responses API, embeddings, images and audio together. */
export interface OpenAiBody {
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

/** How the model was asked to answer; of every operation. */
export function samplingAttributes(body: OpenAiBody): Attributes {
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

/** What the model was asked. */
export function requestPayloads(body: OpenAiBody): Payload[] {
  return [
    { role: 'gen_ai.input.messages', value: body.messages ?? body.input ?? body.prompt },
    { role: 'gen_ai.system_instructions', value: body.instructions },
    { role: 'gen_ai.tool.definitions', value: body.tools ?? body.functions },
  ]
}

/** Attributes of a chat or text completion. */
export function chatAttributes(body: OpenAiBody): Attributes {
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

/** Attributes of a call of the Responses API. */
export function responsesAttributes(body: OpenAiBody): Attributes {
  const { conversation } = body
  return {
    'openai.api.type': 'responses',
    'gen_ai.request.max_tokens': body.max_output_tokens,
    'gen_ai.output.type': outputType(body.text?.format?.type),
    'gen_ai.conversation.id': (typeof conversation === 'string' ? conversation : conversation?.id) ?? body.previous_response_id,
    'perf.ai.reasoning_effort': body.reasoning?.effort,
  }
}

/** Attributes of an embeddings call. */
export function embeddingsAttributes({ encoding_format: format }: OpenAiBody): Attributes {
  return { 'gen_ai.request.encoding_formats': format === undefined ? undefined : [format] }
}

/** Attributes of an image call. */
export function imageAttributes(): Attributes {
  return { 'gen_ai.output.type': 'image' }
}

/** Attributes of a call that speaks. */
export function speechAttributes(): Attributes {
  return { 'gen_ai.output.type': 'speech' }
}

/** Attributes of a transcription or translation. */
export function audioAttributes({ file }: OpenAiBody): Attributes {
  return { 'gen_ai.output.type': 'text', 'perf.ai.audio.bytes': file?.size }
}

function outputType(format: string | undefined): string | undefined {
  return format?.startsWith('json') ? 'json' : format
}
