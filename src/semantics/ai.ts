import type { StreamNaming } from '../core/settle/ending.ts'
import { providerOf } from './ai-hosts.ts'
import { maskQuotedValues } from './quoted-values.ts'
import type { Attributes, Payload, SpanEnd, SpanStart, StreamReading } from '../core/integration.ts'

// Attributes of AI calls by the names of OpenTelemetry's GenAI conventions v1.41; our own start with `perf.ai.`.

/** `gen_ai.operation.name`; those from `rerank` on are ours, the conventions allow custom values. */
export type AiOperation =
  | 'chat'
  | 'text_completion'
  | 'embeddings'
  | 'generate_content'
  | 'rerank'
  | 'count_tokens'
  | 'create_batch'
  | 'ocr'
  | 'moderation'
  | 'classification'

/** What the provider said it billed. Nothing here is ever estimated. */
export interface AiUsage {
  /** All input tokens, those read from or written to a prompt cache included. */
  inputTokens?: number | undefined
  /** All output tokens, reasoning included. */
  outputTokens?: number | undefined
  cacheReadTokens?: number | undefined
  cacheCreationTokens?: number | undefined
  /** The part of `cacheCreationTokens` that is kept for an hour and costs more. */
  cacheCreation1hTokens?: number | undefined
  reasoningTokens?: number | undefined
  /** Of a predicted output: what was kept of it, and what was billed but thrown away. Both are part of `outputTokens`. */
  acceptedPredictionTokens?: number | undefined
  rejectedPredictionTokens?: number | undefined
}

/** The part of an SDK resource (`client.messages`, `client.chat.completions`) that is read: its client. */
export interface AiResource {
  _client?: { baseURL?: unknown }
}

/** Where a client's requests go and whose models answer. */
export function endpointAttributes(resource: AiResource, fallback: string): Attributes {
  return serverAttributes(resource._client?.baseURL, fallback)
}

/** The same by a base URL, text or object. */
export function serverAttributes(baseURL: unknown, fallback: string): Attributes {
  const url = baseURL instanceof URL ? baseURL : typeof baseURL === 'string' && URL.canParse(baseURL) ? new URL(baseURL) : undefined
  if (url === undefined) return { 'gen_ai.provider.name': fallback }
  return {
    'gen_ai.provider.name': providerOf(url.hostname, fallback),
    'server.address': url.hostname,
    'server.port': url.port === '' ? undefined : Number(url.port),
  }
}

/** The start of a call's span: `chat gpt-4o`. */
export function aiStart(operation: AiOperation, model: unknown, attributes: Attributes, payloads: Payload[]): SpanStart {
  const known = typeof model === 'string' && model !== '' ? model : undefined
  return {
    name: known === undefined ? operation : `${operation} ${known}`,
    kind: 'client',
    attributes: { 'gen_ai.operation.name': operation, 'gen_ai.request.model': known, ...attributes },
    payloads: payloads.filter(({ value }) => value !== undefined && value !== null),
  }
}

/** Usage as attributes; what the provider did not say is left out. */
export function usageAttributes(usage: AiUsage | undefined): Attributes {
  if (usage === undefined) return {}
  return {
    'gen_ai.usage.input_tokens': usage.inputTokens,
    'gen_ai.usage.output_tokens': usage.outputTokens,
    'gen_ai.usage.cache_read.input_tokens': usage.cacheReadTokens,
    'gen_ai.usage.cache_creation.input_tokens': usage.cacheCreationTokens,
    'perf.ai.usage.cache_creation_1h_tokens': usage.cacheCreation1hTokens === 0 ? undefined : usage.cacheCreation1hTokens,
    'gen_ai.usage.reasoning.output_tokens': usage.reasoningTokens,
    'perf.ai.usage.accepted_prediction_tokens': usage.acceptedPredictionTokens || undefined,
    'perf.ai.usage.rejected_prediction_tokens': usage.rejectedPredictionTokens || undefined,
  }
}

/** What an API error says: status, the provider's code as `error.type`, how long to wait, the request's id. */
export function apiErrorEnd(error: unknown): SpanEnd | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { message, status, code, error: body, headers, requestID, request_id: requestId } = error as ApiError
  // openai puts the inner error here, anthropic and groq the whole body: { type: 'error', error: { type: 'rate_limit_error' } }.
  const type = body?.error?.code ?? body?.code ?? body?.error?.type ?? body?.type
  const said = text(body?.error?.message)
  return errorEnd({
    status,
    code: text(code) ?? text(type),
    headers,
    requestId: requestID ?? requestId,
    message: said === undefined ? message : `${typeof status === 'number' ? `${status} ` : ''}${said}`,
  })
}

/** True for the errors by which SDKs say that the caller cancelled: no error of the call. */
export function isAbort(error: unknown): boolean {
  const { name } = (error ?? {}) as { name?: unknown }
  return name === 'AbortError' || name === 'RequestAbortedError'
}

/** An SDK's error, taken apart; what is not of the right type is left out. */
export interface ErrorFacts {
  status?: unknown
  /** The provider's own; without one, `error.type` is the class of the error. */
  code?: unknown
  message?: unknown
  headers?: unknown
  requestId?: unknown
}

/** The end of a call that failed. Providers repeat in their messages what they were sent, parsers the text that they could not read. */
export function errorEnd({ status, code, message, headers, requestId }: ErrorFacts): SpanEnd {
  const said = text(message)
  return {
    attributes: {
      'http.response.status_code': typeof status === 'number' ? status : undefined,
      'perf.ai.request_id': text(requestId) ?? header(headers, 'x-request-id') ?? header(headers, 'request-id'),
      'perf.ai.retry_after_ms': retryAfterMs(headers),
    },
    errorType: text(code),
    exceptionMessage: said === undefined ? undefined : maskQuotedValues(said),
  }
}

interface ApiError {
  message?: unknown
  status?: unknown
  code?: unknown
  error?: { type?: unknown; code?: unknown; error?: { type?: unknown; code?: unknown; message?: unknown } } | null
  headers?: unknown
  requestID?: unknown
  request_id?: unknown
}

/** How long the provider asked to wait before the next attempt. */
export function retryAfterMs(headers: unknown): number | undefined {
  const ms = Number(header(headers, 'retry-after-ms'))
  if (ms >= 0) return ms
  const seconds = Number(header(headers, 'retry-after'))
  return seconds >= 0 ? seconds * 1000 : undefined
}

/** One header of a `Headers`, or of the plain object that openai 4 gives; NaN-making `undefined` when there is none. */
function header(headers: unknown, name: string): string | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined
  const { get } = headers as { get?: unknown }
  const value: unknown = typeof get === 'function' ? Reflect.apply(get, headers, [name]) : (headers as Record<string, unknown>)[name]
  return text(value)
}

/** The end of a call whose app took the raw `Response`: status and size by its headers, nothing of the body. */
export function rawResponseEnd(result: unknown): SpanEnd | undefined {
  if (typeof result !== 'object' || result === null) return undefined
  const { status, headers, body } = result as { status?: unknown; headers?: unknown; body?: unknown }
  if (typeof status !== 'number' || typeof headers !== 'object' || body === undefined) return undefined
  const length = Number(header(headers, 'content-length'))
  return {
    attributes: {
      'http.response.status_code': status,
      'http.response.body.size': Number.isNaN(length) ? undefined : length,
      'perf.ai.raw_response': true,
    },
  }
}

/** Names of the tools a model asked for; undefined when it asked for none. */
export function toolCallNames(names: readonly unknown[]): string[] | undefined {
  const known = names.filter((name) => typeof name === 'string')
  return known.length === 0 ? undefined : known
}

/** A finish reason per choice; undefined before there is one. */
export function finishReasons(reasons: readonly unknown[]): string[] | undefined {
  const known = reasons.filter((reason) => typeof reason === 'string')
  return known.length === 0 ? undefined : known
}

/** A stream target's reading whose first chunk is timed as the conventions say. */
export function aiStream<State>(reading: StreamReading<State>): StreamReading<never> & StreamNaming {
  return { ...reading, firstChunkSeconds: 'gen_ai.response.time_to_first_chunk' } as unknown as StreamReading<never> & StreamNaming
}

/** Text that a stream delivers in pieces, up to a limit; pieces after it are dropped. */
export function joined(kept: string, piece: unknown): string {
  return typeof piece === 'string' && kept.length < MAX_KEPT_CHARS ? kept + piece : kept
}
const MAX_KEPT_CHARS = 1 << 20

/** Decoded size in bytes of a base64 text. */
export function base64Bytes(encoded: string): number {
  const padding = encoded.endsWith('==') ? 2 : encoded.endsWith('=') ? 1 : 0
  return Math.floor((encoded.length * 3) / 4) - padding
}

/** The length of an array, else undefined: for counts of messages and tools. */
export function countOf(value: unknown): number | undefined {
  return Array.isArray(value) ? value.length : undefined
}

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
