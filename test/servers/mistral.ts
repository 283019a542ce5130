// A local server that speaks Mistral's protocol: chat, agents, fill-in-the-middle, embeddings.
import { countTokens } from '../../examples/assistant/src/embedded/scripted-model.js'
import type { Turn } from '../../examples/assistant/src/embedded/scripted-model.js'
import { startScriptedServer } from '../../examples/assistant/src/embedded/scripted-server.js'
import type { Exchange, ScriptedServer } from '../../examples/assistant/src/embedded/scripted-server.js'
import { answerTo, chunksOf, completionOf, promptOf } from './chat-format.ts'
import type { ChatRequest } from './chat-format.ts'

const TYPES: Record<number, string> = { 400: 'invalid_request_error', 429: 'rate_limited', 503: 'service_unavailable' }

/** Starts the server on a free port; pass its `url` to the SDK as `serverURL`. */
export function startMistralServer(): Promise<ScriptedServer> {
  return startScriptedServer({
    promptOf: (body: ChatRequest & { prompt?: string }) => `${promptOf(body)} ${body.prompt ?? ''}`,
    errorBody: (status, message) =>
      status === 401
        ? { detail: 'Unauthorized' }
        : { object: 'error', message, type: TYPES[status] ?? 'internal_error', param: null, code: '1000' },
    errorEvent: () => ({ data: 'not JSON' }),
    headers: () => ({ 'x-request-id': 'req_mistral0001' }),
    routes: [
      { method: 'POST', path: /^\/v1\/(?:chat|agents|fim)\/completions$/, handle: complete },
      {
        method: 'POST',
        path: /^\/v1\/embeddings$/,
        handle: ({ body, reply }) => {
          const inputs = [body.input].flat() as string[]
          const data = inputs.map((_, index) => ({ object: 'embedding', index, embedding: [0.1, 0.2, 0.3] }))
          const tokens = countTokens(inputs.join(' '))
          const usage = { prompt_tokens: tokens, completion_tokens: 0, total_tokens: tokens }
          reply.json(200, { id: 'embd-0001', object: 'list', model: body.model, data, usage })
        },
      },
    ],
  })
}

function complete({ body, markers, reply }: Exchange): void | Promise<void> {
  const request = body as ChatRequest & { prompt?: string }
  const messages = request.messages ?? [{ role: 'user', content: request.prompt }]
  const answer = answerTo({ ...request, model: request.model ?? 'mistral-medium-2508', messages }, markers)
  const usage = usageOf(answer.turn.usage)
  return request.stream === true ? reply.stream(chunksOf(answer, {}, { usage })) : reply.json(200, completionOf(answer, { usage }))
}

function usageOf(usage: Turn['usage']): object {
  const { input = 0, output = 0, cached = 0 } = usage ?? {}
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    ...(cached > 0 && { num_cached_tokens: cached, prompt_tokens_details: { cached_tokens: cached } }),
  }
}
