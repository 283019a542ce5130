// A local server that speaks Ollama's protocol: JSON, and streams of one JSON text a line.
import { withoutMarkers } from '../../examples/assistant/src/embedded/markers.js'
import { countTokens, pieces } from '../../examples/assistant/src/embedded/scripted-model.js'
import { startScriptedServer } from '../../examples/assistant/src/embedded/scripted-server.js'
import type { Exchange, ScriptedServer } from '../../examples/assistant/src/embedded/scripted-server.js'
import { answerTo, promptOf } from './chat-format.ts'
import type { ChatRequest } from './chat-format.ts'

/** Starts the server on a free port; pass its `url` to the client as `host`. */
export function startOllamaServer(): Promise<ScriptedServer> {
  return startScriptedServer({
    promptOf: (body: { model: string; prompt?: string; messages?: ChatRequest['messages'] }) => `${promptOf(body)} ${body.prompt ?? ''}`,
    errorBody: (_, message) => ({ error: message }),
    errorEvent: () => ({ data: '' }),
    headers: () => ({}),
    routes: [
      { method: 'POST', path: /^\/api\/chat$/, handle: (exchange) => answer(exchange, (message) => ({ message })) },
      {
        method: 'POST',
        path: /^\/api\/generate$/,
        handle: (exchange) => answer(exchange, ({ content }) => ({ response: content })),
      },
      {
        method: 'POST',
        path: /^\/api\/embed$/,
        handle: ({ body, reply }) => {
          const inputs = [body.input].flat() as string[]
          const counts = { total_duration: 14_143_917, load_duration: 1_019_500, prompt_eval_count: countTokens(inputs.join(' ')) }
          reply.json(200, { model: body.model, embeddings: inputs.map(() => [0.1, 0.2, 0.3]), ...counts })
        },
      },
      { method: 'POST', path: /^\/api\/embeddings$/, handle: ({ reply }) => reply.json(200, { embedding: [0.1, 0.2, 0.3, 0.4] }) },
    ],
  })
}

interface Message {
  role: 'assistant'
  content: string
  tool_calls?: { function: { name: string; arguments: unknown } }[]
}

function answer({ body, markers, reply }: Exchange, wrapped: (message: Message) => object): void | Promise<void> {
  const { messages = [{ role: 'user', content: body.prompt as string }], model, stream } = body as Partial<ChatRequest> & { model: string }
  const { turn, calls, finishReason } = answerTo({ ...(body as ChatRequest), messages }, markers)
  const head = { model: withoutMarkers(model), created_at: '2026-01-01T00:00:00.000000000Z' }
  const last = {
    done: true,
    done_reason: finishReason === 'tool_calls' ? 'stop' : finishReason,
    total_duration: 4_883_583_458,
    load_duration: 1_334_875,
    prompt_eval_count: turn.usage?.input,
    prompt_eval_duration: 342_546_000,
    eval_count: turn.usage?.output,
    eval_duration: 4_535_599_000,
  }
  // Tool calls come whole and without an id.
  const called = calls.map(({ function: fn }) => ({ function: { name: fn.name, arguments: JSON.parse(fn.arguments) as unknown } }))
  const tools = called.length > 0 ? { tool_calls: called } : {}
  const message = (content: string, more: object = {}) => wrapped({ role: 'assistant', content, ...more })
  if (stream !== true) return reply.json(200, { ...head, ...message(turn.text, tools), ...last })
  const parts = [...pieces(turn.text).map((piece) => message(piece)), ...(called.length > 0 ? [message('', tools)] : [])].map((part) => ({
    ...head,
    ...part,
    done: false,
  }))
  const lines = [...parts, { ...head, ...message(''), ...last }].map((part) => `${JSON.stringify(part)}\n`)
  return reply.frames(
    'application/x-ndjson',
    lines,
    () => `${JSON.stringify({ error: 'an error was encountered while running the model' })}\n`,
  )
}
