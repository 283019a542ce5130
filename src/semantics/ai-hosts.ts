import { unescape } from 'node:querystring'
import type { Attributes } from '../core/integration.ts'

// Providers of AI models by the host they answer on, and calls of their APIs by path: how a call of a client that has no integration is
// recognised, and whose models answer an SDK that was given another base URL.

/** What a request to a known AI host is. */
export interface RecognisedCall {
  name: string
  attributes: Attributes
}

/** Custom names where OpenTelemetry's conventions have none. */
const PROVIDERS: readonly [host: RegExp, provider: string, port?: number][] = [
  [/(^|\.)openai\.azure\.com$|\.cognitiveservices\.azure\.com$/, 'azure.ai.openai'],
  [/\.(services|inference)\.ai\.azure\.com$/, 'azure.ai.inference'],
  [/(^|\.)openai\.com$/, 'openai'],
  [/(^|\.)(anthropic|claude)\.com$/, 'anthropic'],
  [/^generativelanguage\.googleapis\.com$/, 'gcp.gemini'],
  [/aiplatform(\.[\w-]+\.rep)?\.googleapis\.com$/, 'gcp.vertex_ai'],
  [/^bedrock.*\.amazonaws\.com$/, 'aws.bedrock'],
  [/(^|\.)mistral\.ai$/, 'mistral_ai'],
  [/(^|\.)groq\.com$/, 'groq'],
  [/(^|\.)cohere\.(ai|com)$/, 'cohere'],
  [/(^|\.)deepseek\.com$/, 'deepseek'],
  [/(^|\.)x\.ai$/, 'x_ai'],
  [/(^|\.)perplexity\.ai$/, 'perplexity'],
  [/(^|\.)moonshot\.(ai|cn)$/, 'moonshot_ai'],
  [/\.ml\.cloud\.ibm\.com$/, 'ibm.watsonx.ai'],
  [/^api\.together\.(xyz|ai)$/, 'together_ai'],
  [/^openrouter\.ai$/, 'openrouter'],
  [/^api\.fireworks\.ai$/, 'fireworks_ai'],
  [/^api\.cerebras\.ai$/, 'cerebras'],
  [/^api\.sambanova\.ai$/, 'sambanova'],
  [/^api\.deepinfra\.com$/, 'deepinfra'],
  [/^integrate\.api\.nvidia\.com$/, 'nvidia'],
  [/^api\.hyperbolic\.xyz$/, 'hyperbolic'],
  [/^api\.novita\.ai$/, 'novita_ai'],
  [/^api\.replicate\.com$/, 'replicate'],
  [/^(router|api-inference)\.huggingface\.co$/, 'hugging_face'],
  [/^models\.(github\.ai|inference\.ai\.azure\.com)$/, 'github_models'],
  [/^ai-gateway\.vercel\.sh$/, 'vercel_ai_gateway'],
  [/^(gateway\.ai|api)\.cloudflare\.com$/, 'cloudflare'],
  [/^dashscope(-intl|-us)?\.aliyuncs\.com$/, 'alibaba_cloud'],
  [/^(api\.z\.ai|open\.bigmodel\.cn)$/, 'z_ai'],
  [/^api\.minimax(i)?\.(io|chat|com)$/, 'minimax'],
  [/^api\.voyageai\.com$/, 'voyage_ai'],
  [/^api\.jina\.ai$/, 'jina_ai'],
  [/^api\.ai21\.com$/, 'ai21'],
  [/(^|\.)ollama\.com$/, 'ollama'],
  [/^(localhost|127\.0\.0\.1|::1|ollama|host\.docker\.internal)$/, 'ollama', 11_434],
]

/** Paths of model calls, common to all hosts; a group is the model. What is not a call of a model (files, threads, lists) is not here. */
const CALLS: readonly [path: RegExp, operation: string][] = [
  [/\/openai\/deployments\/([^/]+)\/(?:extensions\/)?chat\/completions$/, 'chat'],
  [/\/openai\/deployments\/([^/]+)\/completions$/, 'text_completion'],
  [/\/openai\/deployments\/([^/]+)\/embeddings$/, 'embeddings'],
  [/\/openai\/deployments\/([^/]+)\/(?:images\/generations|audio\/(?:speech|transcriptions|translations))$/, 'generate_content'],
  [
    /\/chat\/completions$|\/(?:openai\/)?responses$|\/v\d\w*\/(?:messages|conversations|interactions|chat)$|\/api\/chat$|\/agents\/completions$/,
    'chat',
  ],
  [/\/text\/chat(?:_stream)?$|\/v\d\w*\/ai\/language-model$/, 'chat'],
  [/\/v\d\w*\/(?:fim\/)?completions$|\/(?:v\d\w*|api)\/generate$|\/text\/generation(?:_stream)?$/, 'text_completion'],
  [/\/models\/([^/:]+):(?:g|streamG)enerateContent$/, 'generate_content'],
  [/\/models\/([^/:]+):(?:rawPredict|streamRawPredict|predict)$/, 'generate_content'],
  [/\/models\/([^/:]+):(?:embedContent|batchEmbedContents)$/, 'embeddings'],
  [/\/model\/([^/]*embed[^/]*)\/invoke$/, 'embeddings'],
  [/\/model\/([^/]+)\/(?:converse|converse-stream|invoke|invoke-with-response-stream)$/, 'chat'],
  [/\/(?:embeddings|embed|ai\/embedding-model)$|\/text\/embeddings$/, 'embeddings'],
  [/\/(?:re)?rerank$/, 'rerank'],
  [/\/images\/(?:generations|edits|variations)$|\/audio\/(?:speech|transcriptions|translations)$/, 'generate_content'],
  [/\/v1\/models\/([^/]+\/[^/]+)\/predictions$/, 'generate_content'],
  [/^\/client\/v4\/accounts\/[^/]+\/ai\/run\/(@[^?]+)$/, 'generate_content'],
]

const STREAM = /:streamGenerateContent$|:streamRawPredict$|\/(?:converse-stream|invoke-with-response-stream)$|_stream$/

/** `gen_ai.provider.name` of a host; `fallback` (whose protocol is spoken) for an unknown one. */
export function providerOf(host: string, fallback: string): string {
  return PROVIDERS.find(([pattern, , port]) => port === undefined && pattern.test(host))?.[1] ?? fallback
}

const MAX_KNOWN_HOSTS = 256
const known = new Map<string, string | undefined>()

function providerAt(host: string, port: number | undefined): string | undefined {
  const key = port === undefined || port === 443 || port === 80 ? host : `${host}:${port}`
  if (known.has(key)) return known.get(key)
  const name = host.toLowerCase()
  const provider = PROVIDERS.find(([pattern, , only]) => (only === undefined || only === port) && pattern.test(name))?.[1]
  if (known.size >= MAX_KNOWN_HOSTS) known.clear()
  known.set(key, provider)
  return provider
}

/** The AI call that a request is, by its host and path alone; undefined for any other request. The body is never looked at. */
export function recogniseAiCall(method: string, host: string, port: number | undefined, path: string): RecognisedCall | undefined {
  const provider = providerAt(host, port)
  if (provider === undefined || method !== 'POST') return undefined
  const mark = path.search(/[?#]/)
  const place = mark < 0 ? path : path.slice(0, mark)
  for (const [pattern, operation] of CALLS) {
    const found = pattern.exec(place)
    if (found === null) continue
    const model = found[1] === undefined ? undefined : decoded(found[1])
    return {
      name: model === undefined ? operation : `${operation} ${model}`,
      attributes: {
        'gen_ai.operation.name': operation,
        'gen_ai.provider.name': provider,
        'gen_ai.request.model': model,
        'gen_ai.request.stream': STREAM.test(place) ? true : undefined,
        'perf.ai.recognised_by': 'host',
      },
    }
  }
  return undefined
}

/** A model in a path may be an ARN: its last part. */
function decoded(model: string): string {
  const text = unescape(model)
  return text.startsWith('arn:') ? text.slice(text.lastIndexOf('/') + 1) : text
}
