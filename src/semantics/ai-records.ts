// Attributes of AI calls by what they tell of, for `records` of the integrations.

/** Of every call. */
export const CALL = [
  'gen_ai.operation.name',
  'gen_ai.provider.name',
  'gen_ai.request.model',
  'server.address',
  'server.port',
  'perf.ai.messages',
  'perf.ai.tool_definitions',
]

/** How the model was asked to answer. */
export const SAMPLING = [
  'gen_ai.request.temperature',
  'gen_ai.request.top_p',
  'gen_ai.request.max_tokens',
  'gen_ai.request.stop_sequences',
  'gen_ai.request.seed',
  'gen_ai.request.frequency_penalty',
  'gen_ai.request.presence_penalty',
  'gen_ai.output.type',
]

/** How a stream went. */
export const STREAM = [
  'gen_ai.request.stream',
  'gen_ai.response.time_to_first_chunk',
  'perf.stream.end',
  'perf.stream.chunks',
  'perf.stream.time_to_first_content_ms',
  'perf.stream.max_gap_ms',
  'perf.stream.mean_gap_ms',
]

/** What the model answered, and what that took. */
export const ANSWER = ['gen_ai.response.finish_reasons', 'perf.ai.tool_calls', 'gen_ai.usage.input_tokens', 'gen_ai.usage.output_tokens']

/** Which answer it was, of which model. */
export const IDENTITY = ['gen_ai.response.id', 'gen_ai.response.model']

/** Tokens that cost less, or are not seen. */
export const CACHED = ['gen_ai.usage.cache_read.input_tokens']
export const REASONING = ['gen_ai.usage.reasoning.output_tokens']

/** Of embeddings. */
export const VECTORS = ['gen_ai.embeddings.dimension.count', 'perf.ai.embeddings.count']

/** Of a call that failed. */
export const FAILURE = ['http.response.status_code', 'perf.ai.request_id', 'perf.ai.retry_after_ms']

/** Of the promises of Stainless's SDKs: the raw response, and a call that nobody asked. */
export const LAZY = ['http.response.body.size', 'perf.ai.raw_response', 'perf.call.end']
