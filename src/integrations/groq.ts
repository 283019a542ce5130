import { defineIntegration } from '../core/integration.ts'
import type { Attributes } from '../core/integration.ts'
import { chatEnd, chatStream, embeddingsEnd, transcriptionEnd } from '../semantics/ai-openai.ts'
import { audioAttributes, chatAttributes, embeddingsAttributes, speechAttributes } from '../semantics/ai-openai-request.ts'
import type { OpenAiBody } from '../semantics/ai-openai-request.ts'
import { openAiTargets } from '../semantics/ai-openai-target.ts'
import { ANSWER, CACHED, CALL, FAILURE, IDENTITY, LAZY, REASONING, SAMPLING, STREAM, VECTORS } from '../semantics/ai-records.ts'

const call = openAiTargets('groq')
const ALL = '>=0.5.0 <2'

export default defineIntegration({
  name: 'groq',
  module: 'groq-sdk',
  kind: 'ai',
  inBundle: ['X-Stainless-Runtime', 'GROQ_API_KEY'],
  records: {
    spans: ['chat llama-3.3-70b-versatile', 'embeddings nomic-embed-text-v1_5', 'generate_content whisper-large-v3'],
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
      ...LAZY,
      'gen_ai.request.choice.count',
      'gen_ai.request.encoding_formats',
      'openai.request.service_tier',
      'openai.response.service_tier',
      'openai.response.system_fingerprint',
      'perf.ai.reasoning_effort',
      'perf.ai.audio.bytes',
      'perf.ai.audio.seconds',
    ],
    against: 'a scripted server that speaks its protocol to the real SDK',
  },
  targets: [
    call('Groq.Chat.Completions.prototype.create', ALL, 'chat', completionAttributes, chatEnd, chatStream),
    call('Groq.Embeddings.prototype.create', ALL, 'embeddings', embeddingsAttributes, embeddingsEnd),
    call('Groq.Audio.Speech.prototype.create', '>=0.17.0 <2', 'generate_content', speechAttributes, () => undefined),
    call('Groq.Audio.Transcriptions.prototype.create', ALL, 'generate_content', audioAttributes, transcriptionEnd),
    call('Groq.Audio.Translations.prototype.create', ALL, 'generate_content', audioAttributes, transcriptionEnd),
  ],
})

/** Groq has no other API, and the last chunk of a stream brings the usage unasked. */
function completionAttributes(body: OpenAiBody): Attributes {
  return { ...chatAttributes(body), 'openai.api.type': undefined, 'perf.ai.usage_requested': undefined }
}
