// A local server that speaks Cohere's protocol, versions 1 and 2: JSON; version 1 streams JSON lines, version 2 server-sent events.
import { countTokens, fragments, pieces } from '../../examples/assistant/src/embedded/scripted-model.js'
import type { Turn } from '../../examples/assistant/src/embedded/scripted-model.js'
import { startScriptedServer } from '../../examples/assistant/src/embedded/scripted-server.js'
import type { Exchange, ScriptedServer } from '../../examples/assistant/src/embedded/scripted-server.js'
import { answerTo, promptOf } from './chat-format.ts'
import type { Answer, ChatRequest } from './chat-format.ts'

/** Starts the server on a free port; pass its `url` to the SDK as `environment`. */
export function startCohereServer(): Promise<ScriptedServer> {
  return startScriptedServer({
    promptOf: (body: ChatRequest & { message?: string; prompt?: string; texts?: string[]; query?: string }) =>
      [promptOf(body), body.message, body.prompt, body.query].filter(Boolean).join(' '),
    errorBody: (_, message) => ({ id: '00000000-0000-4000-8000-000000000000', message }),
    errorEvent: () => ({ data: 'not JSON' }),
    headers: () => ({ 'x-request-id': 'req_cohere00001' }),
    routes: [
      { method: 'POST', path: /^\/v2\/chat$/, handle: chat },
      { method: 'POST', path: /^\/v1\/chat$/, handle: oldChat },
      { method: 'POST', path: /^\/v1\/generate$/, handle: generate },
      {
        method: 'POST',
        path: /^\/v2\/embed$/,
        handle: ({ body, reply }) => {
          const texts = body.texts as string[]
          const meta = { api_version: { version: '2' }, billed_units: { input_tokens: countTokens(texts.join(' ')) } }
          reply.json(200, {
            id: 'embed-1',
            response_type: 'embeddings_by_type',
            texts,
            embeddings: { float: texts.map(() => [0.1, 0.2, 0.3]) },
            meta,
          })
        },
      },
      {
        method: 'POST',
        path: /^\/v1\/classify$/,
        handle: ({ body, reply }) => {
          const classifications = (body.inputs as string[]).map((input, i) => ({
            id: `c${i}`,
            input,
            predictions: ['glad'],
            confidences: [0.9],
            labels: {},
            classification_type: 'single-label',
          }))
          reply.json(200, {
            id: 'classify-1',
            classifications,
            meta: { api_version: { version: '1' }, billed_units: { classifications: 2 } },
          })
        },
      },
      {
        method: 'POST',
        path: /^\/v2\/rerank$/,
        handle: ({ body, reply }) => {
          const results = (body.documents as string[])
            .slice(0, body.top_n as number)
            .map((_, index) => ({ index, relevance_score: 0.9 - index / 10 }))
          reply.json(200, { id: 'rerank-1', results, meta: { api_version: { version: '2' }, billed_units: { search_units: 1 } } })
        },
      },
    ],
  })
}

const REASONS: Record<string, string> = { stop: 'COMPLETE', length: 'MAX_TOKENS', tool_calls: 'TOOL_CALL' }

function usageOf(usage: Turn['usage']): object {
  const { input = 0, output = 0, cached = 0 } = usage ?? {}
  const counts = { input_tokens: input, output_tokens: output }
  // The model sees more than is billed: the tokens of the format.
  return {
    billed_units: counts,
    tokens: { input_tokens: input + 60, output_tokens: output + 2 },
    ...(cached > 0 && { cached_tokens: cached }),
  }
}

function chat({ body, markers, reply }: Exchange): void | Promise<void> {
  const answer = answerTo(body as ChatRequest, markers)
  const end = { finish_reason: REASONS[answer.finishReason], usage: usageOf(answer.turn.usage) }
  if (body.stream === true) return reply.stream(chatEvents(answer, end).map((data) => ({ event: data.type, data })))
  const calls = answer.calls.map(({ id, type, function: fn }) => ({ id, type, function: fn }))
  const message = {
    role: 'assistant',
    ...(calls.length > 0 ? { tool_plan: 'I look it up.', tool_calls: calls } : { content: [{ type: 'text', text: answer.turn.text }] }),
  }
  return reply.json(200, { id: answer.head.id, message, ...end })
}

function chatEvents({ head, turn, calls }: Answer, end: object): ({ type: string } & Record<string, unknown>)[] {
  return [
    {
      type: 'message-start',
      id: head.id,
      delta: { message: { role: 'assistant', content: [], tool_plan: '', tool_calls: [], citations: [] } },
    },
    ...(turn.text === '' ? [] : [{ type: 'content-start', index: 0, delta: { message: { content: { type: 'text', text: '' } } } }]),
    ...pieces(turn.text).map((text) => ({ type: 'content-delta', index: 0, delta: { message: { content: { text } } } })),
    ...(turn.text === '' ? [] : [{ type: 'content-end', index: 0 }]),
    ...calls.flatMap(({ id, index, function: fn }) => [
      {
        type: 'tool-call-start',
        index,
        delta: { message: { tool_calls: { id, type: 'function', function: { name: fn.name, arguments: '' } } } },
      },
      ...fragments(fn.arguments).map((part) => ({
        type: 'tool-call-delta',
        index,
        delta: { message: { tool_calls: { function: { arguments: part } } } },
      })),
      { type: 'tool-call-end', index },
    ]),
    { type: 'message-end', delta: end },
  ]
}

function oldChat({ body, markers, reply }: Exchange): void | Promise<void> {
  const { head, turn, finishReason } = answerTo(
    { model: body.model as string, messages: [{ role: 'user', content: body.message }] },
    markers,
  )
  const reason = { finish_reason: REASONS[finishReason] }
  const response = {
    response_id: `r-${head.id}`,
    generation_id: head.id,
    text: turn.text,
    chat_history: [],
    ...reason,
    meta: { api_version: { version: '1' }, ...usageOf(turn.usage) },
  }
  if (body.stream !== true) return reply.json(200, response)
  const events = [
    { event_type: 'stream-start', is_finished: false, generation_id: head.id },
    ...pieces(turn.text).map((text) => ({ event_type: 'text-generation', is_finished: false, text })),
    { event_type: 'stream-end', is_finished: true, ...reason, response },
  ]
  return reply.frames(
    'application/stream+json',
    events.map((event) => `${JSON.stringify(event)}\n`),
    () => 'not JSON\n',
  )
}

function generate({ body, markers, reply }: Exchange): void {
  const { head, turn } = answerTo({ model: body.model as string, messages: [{ role: 'user', content: body.prompt }] }, markers)
  const generations = [{ id: `g-${head.id}`, text: turn.text, finish_reason: 'COMPLETE' }]
  reply.json(200, { id: head.id, prompt: body.prompt, generations, meta: { api_version: { version: '1' }, ...usageOf(turn.usage) } })
}
