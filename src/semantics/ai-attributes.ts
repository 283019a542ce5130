// Names of attributes that the integrations of AI frameworks have in common, for what their pages tell.

/** Of a call of a model, and of its answer. */
export const MODEL_CALL = [
  'gen_ai.operation.name',
  'gen_ai.provider.name',
  'gen_ai.request.model',
  'gen_ai.request.temperature',
  'gen_ai.request.max_tokens',
  'gen_ai.request.stream',
  'gen_ai.response.id',
  'gen_ai.response.model',
  'gen_ai.response.time_to_first_chunk',
  'gen_ai.usage.input_tokens',
  'gen_ai.usage.output_tokens',
  'gen_ai.usage.cache_read.input_tokens',
  'gen_ai.usage.reasoning.output_tokens',
  'perf.ai.usage.accepted_prediction_tokens',
  'perf.ai.usage.rejected_prediction_tokens',
  'http.response.status_code',
  'perf.ai.messages',
  'perf.ai.retry_after_ms',
  'perf.ai.tool_calls',
  'perf.ai.tool_definitions',
] as const

/** Of a call of a tool. */
export const TOOL_CALL = ['gen_ai.tool.name', 'gen_ai.tool.type', 'gen_ai.tool.call.id'] as const

/** Of a stream. */
export const STREAM = [
  'perf.stream.end',
  'perf.stream.chunks',
  'perf.stream.time_to_first_chunk_ms',
  'perf.stream.time_to_first_content_ms',
  'perf.stream.max_gap_ms',
  'perf.stream.mean_gap_ms',
] as const
