// A local server that speaks Mistral's protocol: chat, agents, fill-in-the-middle, embeddings, conversations, OCR, classifiers, audio.
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
    promptOf: (body: ChatRequest & { prompt?: string; inputs?: unknown }) =>
      `${promptOf(body)} ${body.prompt ?? ''} ${typeof body.inputs === 'string' ? body.inputs : ''}`,
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
      { method: 'POST', path: /^\/v1\/conversations(?:\/conv_1)?(?:\/restart)?$/, handle: converse },
      {
        method: 'POST',
        path: /^\/v1\/ocr$/,
        handle: ({ body, reply }) => {
          const pages = [0, 1].map((index) => ({ index, markdown: '# Page', images: [], dimensions: null }))
          reply.json(200, { model: body.model, pages, usage_info: { pages_processed: 2, doc_size_bytes: 4096 } })
        },
      },
      {
        method: 'POST',
        path: /^\/v1\/(?:chat\/)?moderations$/,
        handle: ({ body, reply }) => {
          const results = [body.input].flat().map(() => ({ categories: { pii: true }, category_scores: { pii: 0.9 } }))
          reply.json(200, { id: 'mod-1', model: body.model, results })
        },
      },
      {
        method: 'POST',
        path: /^\/v1\/(?:chat\/)?classifications$/,
        handle: ({ body, reply }) => {
          const results = [body.input].flat().map(() => ({ mood: { scores: { glad: 0.9 } } }))
          reply.json(200, { id: 'cls-1', model: body.model, results })
        },
      },
      {
        method: 'POST',
        path: /^\/v1\/audio\/transcriptions$/,
        handle: ({ body, reply }) => {
          const usage = { prompt_tokens: 4, completion_tokens: 6, total_tokens: 10, prompt_audio_seconds: 3 }
          const whole = { model: 'voxtral-mini-latest', text: 'Good day', language: 'en', segments: [], usage }
          if (!/name="stream"\s+true/.test(String(body))) return reply.json(200, whole)
          const deltas = ['Good', ' day'].map((text) => ({ type: 'transcription.text.delta', text }))
          return reply.stream([...deltas, { type: 'transcription.done', ...whole }].map((data) => ({ event: data.type, data })))
        },
      },
    ],
  })
}

/** A turn of a conversation; `[[tool:…]]` calls a function. */
function converse({ body, markers, reply }: Exchange): void | Promise<void> {
  const { inputs, stream } = body as { inputs: string; stream?: boolean }
  const tools = markers.has('tool') ? { tools: [{ function: { name: 'lookup' } }] } : {}
  const answer = answerTo({ model: 'mistral-medium-2508', messages: [{ role: 'user', content: inputs }], ...tools }, markers)
  const { text, calls } = answer.turn
  const model = 'mistral-medium-2508'
  const entries = calls.map(({ name, arguments: json }, i) => ({
    type: 'function.call',
    tool_call_id: `c${i}`,
    id: `f${i}`,
    name,
    arguments: json,
    model,
  }))
  const message = { type: 'message.output', role: 'assistant', id: 'm1', content: text, model }
  const usage = usageOf(answer.turn.usage)
  const outputs = entries.length > 0 ? entries : [message]
  if (stream !== true) return reply.json(200, { object: 'conversation.response', conversation_id: 'conv_1', outputs, usage })
  const deltas = outputs.map((entry) => ({ ...entry, type: `${entry.type}.delta`, output_index: 0, content_index: 0 }))
  const started = { type: 'conversation.response.started', conversation_id: 'conv_1' }
  const last = markers.has('broken')
    ? { type: 'conversation.response.error', message: 'no', code: 3001 }
    : { type: 'conversation.response.done', usage }
  return reply.stream([started, ...deltas, last].map((data) => ({ event: data.type, data })))
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
