import { defineIntegration } from '../core/integration.ts'
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

const call = openAiTargets('openai')
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
