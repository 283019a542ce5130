import { defineIntegration } from '../core/integration.ts'
import type { Attributes } from '../core/integration.ts'
import { chatEnd, chatStream, embeddingsEnd, transcriptionEnd } from '../semantics/ai-openai.ts'
import { audioAttributes, chatAttributes, embeddingsAttributes, speechAttributes } from '../semantics/ai-openai-request.ts'
import type { OpenAiBody } from '../semantics/ai-openai-request.ts'
import { openAiTargets } from '../semantics/ai-openai-target.ts'

const call = openAiTargets('groq')
const ALL = '>=0.5.0 <2'

export default defineIntegration({
  name: 'groq',
  module: 'groq-sdk',
  kind: 'ai',
  inBundle: ['X-Stainless-Runtime', 'GROQ_API_KEY'],
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
