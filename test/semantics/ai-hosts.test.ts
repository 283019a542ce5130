import { describe, expect, it } from 'vitest'
import { providerOf, recogniseAiCall } from '../../src/semantics/ai-hosts.ts'

/** Provider, operation and model; undefined for what is no AI call. */
function recognised(url: string, method = 'POST'): string | undefined {
  const { hostname, port, pathname, search } = new URL(url)
  const call = recogniseAiCall(method, hostname, port === '' ? undefined : Number(port), pathname + search)
  return call === undefined ? undefined : `${String(call.attributes['gen_ai.provider.name'])} ${call.name}`
}

describe('AI calls by host and path', () => {
  it.each([
    ['https://api.openai.com/v1/chat/completions', 'openai chat'],
    ['https://api.openai.com/v1/responses', 'openai chat'],
    ['https://api.openai.com/v1/completions', 'openai text_completion'],
    ['https://api.openai.com/v1/embeddings', 'openai embeddings'],
    ['https://api.openai.com/v1/images/generations', 'openai generate_content'],
    ['https://eu.api.openai.com/v1/audio/transcriptions', 'openai generate_content'],
    ['https://api.anthropic.com/v1/messages', 'anthropic chat'],
    [
      'https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent',
      'gcp.gemini generate_content gemini-2.5-flash',
    ],
    [
      'https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse',
      'gcp.gemini generate_content gemini-2.5-pro',
    ],
    [
      'https://generativelanguage.googleapis.com/v1beta/models/gemini-embedding-001:batchEmbedContents',
      'gcp.gemini embeddings gemini-embedding-001',
    ],
    ['https://generativelanguage.googleapis.com/v1beta/openai/chat/completions', 'gcp.gemini chat'],
    [
      'https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-pro:generateContent',
      'gcp.vertex_ai generate_content gemini-2.5-pro',
    ],
    ['https://api.mistral.ai/v1/chat/completions', 'mistral_ai chat'],
    ['https://api.mistral.ai/v1/fim/completions', 'mistral_ai text_completion'],
    ['https://api.groq.com/openai/v1/chat/completions', 'groq chat'],
    ['https://api.cohere.com/v2/chat', 'cohere chat'],
    ['https://api.cohere.com/v2/rerank', 'cohere rerank'],
    ['https://api.together.xyz/v1/chat/completions', 'together_ai chat'],
    ['https://openrouter.ai/api/v1/chat/completions', 'openrouter chat'],
    ['https://api.deepseek.com/chat/completions', 'deepseek chat'],
    ['https://api.x.ai/v1/chat/completions', 'x_ai chat'],
    ['https://api.perplexity.ai/chat/completions', 'perplexity chat'],
    ['https://api.fireworks.ai/inference/v1/chat/completions', 'fireworks_ai chat'],
    ['https://bedrock-runtime.us-east-1.amazonaws.com/model/amazon.nova-lite-v1%3A0/converse', 'aws.bedrock chat amazon.nova-lite-v1:0'],
    [
      'https://bedrock-runtime.eu-west-1.amazonaws.com/model/amazon.titan-embed-text-v2%3A0/invoke',
      'aws.bedrock embeddings amazon.titan-embed-text-v2:0',
    ],
    [
      'https://bedrock-runtime.us-east-1.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.amazon.nova-pro-v1%3A0/invoke',
      'aws.bedrock chat us.amazon.nova-pro-v1:0',
    ],
    ['https://mine.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21', 'azure.ai.openai chat gpt-4o'],
    ['https://mine.openai.azure.com/openai/v1/responses', 'azure.ai.openai chat'],
    ['http://localhost:11434/api/chat', 'ollama chat'],
    ['http://127.0.0.1:11434/api/generate', 'ollama text_completion'],
    ['http://localhost:11434/v1/chat/completions', 'ollama chat'],
    ['https://api.voyageai.com/v1/embeddings', 'voyage_ai embeddings'],
    [
      'https://api.replicate.com/v1/models/meta/meta-llama-3-70b-instruct/predictions',
      'replicate generate_content meta/meta-llama-3-70b-instruct',
    ],
  ])('%s is %s', (url, expected) => expect(recognised(url)).toBe(expected))

  it.each([
    'https://api.openai.com/v1/files',
    'https://api.openai.com/v1/threads/thread_1/messages',
    'https://api.openai.com.example.org/v1/chat/completions',
    'https://example.org/v1/chat/completions',
    'http://localhost:3000/v1/chat/completions',
    'http://localhost/api/chat',
    'https://bedrock.us-east-1.amazonaws.com/foundation-models',
    'https://x.ai.example.org/v1/messages',
    'https://s3.amazonaws.com/model/x/invoke',
  ])('%s is none', (url) => expect(recognised(url)).toBeUndefined())

  it('is what is sent, not what is asked for', () => expect(recognised('https://api.openai.com/v1/responses', 'GET')).toBeUndefined())

  it('does not stumble over paths that cannot be decoded', () => {
    expect(recognised('https://generativelanguage.googleapis.com/v1beta/models/%zz:generateContent')).toBe(
      'gcp.gemini generate_content %zz',
    )
    expect(recognised('https://generativelanguage.googleapis.com/v1beta/models/%ff:generateContent')).toMatch(
      /^gcp\.gemini generate_content/,
    )
  })

  it('knows whose models an SDK with another base URL reaches', () => {
    expect([providerOf('openrouter.ai', 'openai'), providerOf('localhost', 'openai')]).toEqual(['openrouter', 'openai'])
  })
})
