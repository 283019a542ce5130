import { defineIntegration, target } from '../core/integration.ts'
import { TOOL_CALL } from '../semantics/ai-attributes.ts'
import { chatEnd, chatStream, embeddingsEnd, imagesEnd, responseEnd, responseStream, transcriptionEnd } from '../semantics/ai-openai.ts'
import {
  audioAttributes,
  chatAttributes,
  embeddingsAttributes,
  imageAttributes,
  responsesAttributes,
  speechAttributes,
} from '../semantics/ai-openai-request.ts'
import { openAiTargets } from '../semantics/ai-openai-target.ts'
import { toolEnd, toolStart } from '../semantics/tool.ts'

const call = openAiTargets('openai')
const ALL = '>=4.20.0 <8'

export default defineIntegration({
  name: 'openai',
  module: 'openai',
  kind: 'ai',
  records: {
    spans: ['chat gpt-4o-mini', 'embeddings text-embedding-3-small', 'chat o3 (responses)', 'execute_tool lookup'],
    attributes: [
      ...TOOL_CALL,
      'gen_ai.conversation.id',
      'gen_ai.embeddings.dimension.count',
      'gen_ai.operation.name',
      'gen_ai.output.type',
      'gen_ai.provider.name',
      'gen_ai.request.choice.count',
      'gen_ai.request.max_tokens',
      'gen_ai.request.model',
      'gen_ai.request.seed',
      'gen_ai.request.stop_sequences',
      'gen_ai.request.stream',
      'gen_ai.request.temperature',
      'gen_ai.response.finish_reasons',
      'gen_ai.response.id',
      'gen_ai.response.model',
      'gen_ai.response.time_to_first_chunk',
      'gen_ai.usage.cache_read.input_tokens',
      'gen_ai.usage.input_tokens',
      'gen_ai.usage.output_tokens',
      'gen_ai.usage.reasoning.output_tokens',
      'http.response.body.size',
      'http.response.status_code',
      'openai.api.type',
      'openai.response.service_tier',
      'openai.response.system_fingerprint',
      'perf.ai.audio.bytes',
      'perf.ai.audio.seconds',
      'perf.ai.embeddings.count',
      'perf.ai.images.bytes',
      'perf.ai.images.count',
      'perf.ai.messages',
      'perf.ai.raw_response',
      'perf.ai.request_id',
      'perf.ai.retry_after_ms',
      'perf.ai.tool_calls',
      'perf.ai.tool_definitions',
      'perf.ai.usage.accepted_prediction_tokens',
      'perf.ai.usage.rejected_prediction_tokens',
      'perf.ai.usage_requested',
      'perf.call.end',
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
    runTools('OpenAI.Chat.Completions.prototype.runTools', '>=5.0.0 <8'),
  ],
})

/** The tools that the SDK's own runner calls. */
function runTools(path: string, versions: string) {
  return target<{ self: { name?: unknown }; args: [input: unknown] }>({
    path,
    versions,
    given: '0.tools.*.function.function',
    settles: 'promise',
    start: ({ self, args: [args] }) => toolStart({ name: String(self.name), args }),
    end: (_, outcome) => (outcome.ok ? toolEnd(outcome.result) : undefined),
  })
}
