// A local server that speaks Groq's protocol: OpenAI's below `/openai/v1`, with usage in `x_groq` of a stream's last chunk.
import { countTokens } from '../../examples/assistant/src/embedded/scripted-model.js'
import type { Turn } from '../../examples/assistant/src/embedded/scripted-model.js'
import { startScriptedServer } from '../../examples/assistant/src/embedded/scripted-server.js'
import type { ScriptedServer } from '../../examples/assistant/src/embedded/scripted-server.js'
import { answerTo, chunksOf, completionOf, promptOf } from './chat-format.ts'
import type { ChatRequest } from './chat-format.ts'

const CODES: Record<number, string> = { 401: 'invalid_api_key', 429: 'rate_limit_exceeded' }

/** Starts the server on a free port; pass its `url` to the SDK as `baseURL`. */
export function startGroqServer(): Promise<ScriptedServer> {
  return startScriptedServer({
    promptOf,
    errorBody: (status, message) => ({ error: { message, type: 'invalid_request_error', code: CODES[status] ?? 'internal_server_error' } }),
    errorEvent: () => ({
      data: { error: { message: 'The server failed.', type: 'internal_server_error', code: 'internal_server_error' } },
    }),
    headers: () => ({ 'x-request-id': 'req_groq00000001' }),
    routes: [
      {
        method: 'POST',
        path: /^\/openai\/v1\/chat\/completions$/,
        handle: ({ body, markers, reply }) => {
          const answer = answerTo(body as ChatRequest, markers)
          const usage = usageOf(answer.turn.usage)
          const common = { system_fingerprint: 'fp_groq', service_tier: 'on_demand' }
          if (body.stream !== true) return reply.json(200, completionOf(answer, { ...common, usage, x_groq: { id: 'req_groq00000001' } }))
          const first = { system_fingerprint: 'fp_groq', x_groq: { id: 'req_groq00000001' } }
          return reply.stream(chunksOf(answer, first, { x_groq: { id: 'req_groq00000001', usage } }))
        },
      },
      {
        method: 'POST',
        path: /^\/openai\/v1\/embeddings$/,
        handle: ({ body, reply }) => {
          const inputs = [body.input].flat() as string[]
          const data = inputs.map((_, index) => ({ object: 'embedding', index, embedding: [0.1, 0.2, 0.3] }))
          const tokens = countTokens(inputs.join(' '))
          reply.json(200, { object: 'list', model: body.model, data, usage: { prompt_tokens: tokens, total_tokens: tokens } })
        },
      },
      {
        method: 'POST',
        path: /^\/openai\/v1\/audio\/transcriptions$/,
        handle: ({ reply }) => reply.json(200, { text: 'A scripted transcription.', x_groq: { id: 'req_groq00000001' } }),
      },
    ],
  })
}

function usageOf(usage: Turn['usage']): object | undefined {
  if (usage === undefined) return undefined
  return {
    queue_time: 0.01,
    prompt_time: 0.002,
    completion_time: 0.03,
    total_time: 0.032,
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    ...(usage.cached > 0 && { prompt_tokens_details: { cached_tokens: usage.cached } }),
    ...(usage.reasoning > 0 && { completion_tokens_details: { reasoning_tokens: usage.reasoning } }),
  }
}
