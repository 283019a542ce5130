import { defineIntegration, target } from '../core/integration.ts'
import type { Attributes, Outcome, Payload, SpanEnd } from '../core/integration.ts'
import { TOOL_CALL } from '../semantics/ai-attributes.ts'
import { toolEnd, toolStart } from '../semantics/tool.ts'
import { aiStart, apiErrorEnd, countOf, endpointAttributes, rawResponseEnd } from '../semantics/ai.ts'
import type { AiOperation, AiResource } from '../semantics/ai.ts'
import { messageEnd, messageStream } from '../semantics/ai-anthropic.ts'
import type { Message } from '../semantics/ai-anthropic.ts'

interface Body {
  model?: string
  messages?: unknown
  prompt?: unknown
  system?: unknown
  tools?: unknown
  requests?: unknown
  stream?: boolean
  temperature?: number
  top_p?: number
  top_k?: number
  max_tokens?: number
  max_tokens_to_sample?: number
  stop_sequences?: string[]
  thinking?: { type?: string; budget_tokens?: number }
  output_config?: { effort?: string; format?: { type?: string } }
  service_tier?: string
  thread?: { previous_message_id?: string }
}

interface Shape {
  self: AiResource
  args: [body: Body]
  result: object
}

const ALL = '>=0.20.0 <2'

export default defineIntegration({
  name: 'anthropic',
  module: '@anthropic-ai/sdk',
  kind: 'ai',
  records: {
    spans: ['chat claude-sonnet-4-5', 'create_batch', 'execute_tool lookup'],
    attributes: [
      ...TOOL_CALL,
      'gen_ai.conversation.id',
      'gen_ai.operation.name',
      'gen_ai.provider.name',
      'gen_ai.request.max_tokens',
      'gen_ai.request.model',
      'gen_ai.request.stop_sequences',
      'gen_ai.request.stream',
      'gen_ai.request.temperature',
      'gen_ai.request.top_k',
      'gen_ai.response.finish_reasons',
      'gen_ai.response.id',
      'gen_ai.response.model',
      'gen_ai.response.time_to_first_chunk',
      'gen_ai.usage.cache_creation.input_tokens',
      'gen_ai.usage.cache_read.input_tokens',
      'gen_ai.usage.input_tokens',
      'gen_ai.usage.output_tokens',
      'http.response.body.size',
      'http.response.status_code',
      'perf.ai.batch.id',
      'perf.ai.batch.requests',
      'perf.ai.batch.status',
      'perf.ai.counted_tokens',
      'perf.ai.messages',
      'perf.ai.raw_response',
      'perf.ai.request_id',
      'perf.ai.retry_after_ms',
      'perf.ai.service_tier',
      'perf.ai.tool_calls',
      'perf.ai.tool_definitions',
      'perf.ai.usage.partial',
      'perf.stream.chunks',
      'perf.stream.end',
      'perf.stream.max_gap_ms',
      'perf.stream.mean_gap_ms',
      'perf.stream.time_to_first_content_ms',
      'server.address',
      'server.port',
    ],
    against: 'a scripted server that speaks the real protocol',
  },
  inBundle: ['X-Stainless-Runtime', 'anthropic-version'],
  targets: [
    call('Anthropic.Messages.prototype.create', ALL, 'chat', messageEnd, messageStream),
    call('Anthropic.Beta.Messages.prototype.create', '>=0.29.0 <2', 'chat', messageEnd, messageStream),
    call('Anthropic.Beta.PromptCaching.Messages.prototype.create', '>=0.27.0 <0.33.0', 'chat', messageEnd, messageStream),
    call('Anthropic.Messages.prototype.countTokens', '>=0.33.0 <2', 'count_tokens', countEnd),
    call('Anthropic.Beta.Messages.prototype.countTokens', '>=0.32.0 <2', 'count_tokens', countEnd),
    call('Anthropic.Messages.Batches.prototype.create', '>=0.33.0 <2', 'create_batch', batchEnd),
    call('Anthropic.Beta.Messages.Batches.prototype.create', '>=0.29.0 <2', 'create_batch', batchEnd),
    target<{ self: { name?: unknown }; args: [input: unknown, context?: { toolUse?: { id?: unknown } }] }>({
      path: 'Anthropic.Beta.Messages.prototype.toolRunner',
      versions: '>=0.63.0 <2',
      given: '0.tools.*.run',
      settles: 'promise',
      start: ({ self, args: [args, context] }) => toolStart({ name: String(self.name), args, callId: context?.toolUse?.id }),
      end: (_, outcome) => (outcome.ok ? toolEnd(outcome.result) : undefined),
    }),
    call('Anthropic.Completions.prototype.create', '>=0.20.0 <1', 'text_completion', completionEnd, messageStream),
  ],
})

/** A target that returns the SDK's lazy promise; `stream()`, `parse()` and the tool runner of the SDK call these too. */
function call<R>(
  path: string,
  versions: string,
  operation: AiOperation,
  endOf: (result: R) => SpanEnd | undefined,
  stream?: typeof messageStream,
) {
  return target<Shape>({
    path,
    versions,
    settles: 'lazy',
    start: ({ self, args: [body] }) =>
      aiStart(operation, body.model, { ...endpointAttributes(self, 'anthropic'), ...requestAttributes(body) }, payloads(body)),
    end: (_, outcome) => end(outcome as Outcome<R>, endOf),
    ...(stream && { stream }),
  })
}

function end<R>(outcome: Outcome<R>, endOf: (result: R) => SpanEnd | undefined): SpanEnd | undefined {
  if (!outcome.ok) return apiErrorEnd(outcome.error)
  return outcome.result === undefined || outcome.result === null ? undefined : (rawResponseEnd(outcome.result) ?? endOf(outcome.result))
}

function requestAttributes(body: Body): Attributes {
  return {
    'gen_ai.request.temperature': body.temperature,
    'gen_ai.request.top_p': body.top_p,
    'gen_ai.request.top_k': body.top_k,
    'gen_ai.request.max_tokens': body.max_tokens ?? body.max_tokens_to_sample,
    'gen_ai.request.stop_sequences': body.stop_sequences,
    'gen_ai.request.stream': body.stream === true ? true : undefined,
    'gen_ai.output.type': body.output_config?.format?.type?.startsWith('json') ? 'json' : undefined,
    // Message threads of @anthropic-ai/sdk 1: a turn names the message it continues.
    'gen_ai.conversation.id': body.thread?.previous_message_id,
    'perf.ai.messages': countOf(body.messages),
    'perf.ai.tool_definitions': countOf(body.tools),
    'perf.ai.batch.requests': countOf(body.requests),
    'perf.ai.thinking_budget_tokens': body.thinking?.budget_tokens,
    'perf.ai.reasoning_effort': body.output_config?.effort,
  }
}

function payloads(body: Body): Payload[] {
  return [
    { role: 'gen_ai.input.messages', value: body.messages ?? body.prompt ?? body.requests },
    { role: 'gen_ai.system_instructions', value: body.system },
    { role: 'gen_ai.tool.definitions', value: body.tools },
  ]
}

/** Counted tokens are not used tokens, so they are not `gen_ai.usage.*`. */
function countEnd({ input_tokens: count }: { input_tokens?: number }): SpanEnd {
  return { attributes: { 'perf.ai.counted_tokens': count } }
}

function batchEnd({ id, processing_status: status }: { id?: string; processing_status?: string }): SpanEnd {
  return { attributes: { 'perf.ai.batch.id': id, 'perf.ai.batch.status': status } }
}

function completionEnd({ completion, ...message }: Message & { completion?: string }): SpanEnd {
  const known = messageEnd(message)
  return { ...known, payloads: [{ role: 'gen_ai.output.messages', value: completion }] }
}
