// A local server that speaks Gemini's protocol: JSON, and streams of server-sent events without names.
import { countTokens, pieces } from '../../examples/assistant/src/embedded/scripted-model.js'
import type { Turn } from '../../examples/assistant/src/embedded/scripted-model.js'
import { startScriptedServer } from '../../examples/assistant/src/embedded/scripted-server.js'
import type { Exchange, ScriptedServer } from '../../examples/assistant/src/embedded/scripted-server.js'
import { answerTo } from './chat-format.ts'

interface Request {
  contents?: { role?: string; parts?: Part[] }[]
  instances?: { prompt?: string }[]
  requests?: { content?: { parts?: Part[] } }[]
  tools?: { functionDeclarations?: { name: string; parameters?: unknown }[] }[]
}
interface Part {
  text?: string
  functionCall?: unknown
  functionResponse?: { response?: unknown }
}

const STATUSES: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  503: 'UNAVAILABLE',
}

/** Starts the server on a free port; pass its `url` to the SDK as `httpOptions.baseUrl`. */
export function startGeminiServer(): Promise<ScriptedServer> {
  return startScriptedServer({
    promptOf: (body: Request) => textOf((body.contents ?? []).filter(({ role }) => role !== 'model').flatMap(({ parts }) => parts ?? [])),
    errorBody: (code, message) => ({ error: { code, message, status: STATUSES[code] ?? 'INTERNAL' } }),
    errorEvent: () => ({ data: { error: { code: 503, message: 'The model is overloaded.', status: 'UNAVAILABLE' } } }),
    headers: () => ({}),
    routes: [
      { method: 'POST', path: /^\/v1(?:beta)?\/models\/(?<model>[^:]+):generateContent$/, handle: generate },
      { method: 'POST', path: /^\/v1(?:beta)?\/models\/(?<model>[^:]+):streamGenerateContent$/, handle: stream },
      {
        method: 'POST',
        path: /^\/v1(?:beta)?\/models\/[^:]+:batchEmbedContents$/,
        handle: ({ body, reply }) =>
          reply.json(200, { embeddings: (body as Required<Request>).requests.map(() => ({ values: [0.1, 0.2, 0.3] })) }),
      },
      {
        method: 'POST',
        path: /^\/v1(?:beta)?\/models\/[^:]+:countTokens$/,
        handle: ({ body, reply }) => reply.json(200, { totalTokens: countTokens(body.contents) }),
      },
      {
        method: 'POST',
        path: /^\/v1(?:beta)?\/models\/[^:]+:predict$/,
        handle: ({ reply }) =>
          reply.json(200, {
            predictions: [1, 2].map(() => ({ mimeType: 'image/png', bytesBase64Encoded: Buffer.alloc(70).toString('base64') })),
          }),
      },
    ],
  })
}

const textOf = (parts: Part[]): string => parts.map(({ text }) => text ?? '').join(' ')

function answer({ body, markers, params }: Exchange) {
  const { contents = [], tools = [] } = body as Request
  const messages = contents.map(({ role, parts = [] }) =>
    role === 'model'
      ? { role: 'assistant', tool_calls: parts.filter(({ functionCall }) => functionCall !== undefined) }
      : parts.some(({ functionResponse }) => functionResponse !== undefined)
        ? { role: 'tool', content: JSON.stringify(parts[0]?.functionResponse?.response) }
        : { role: 'user', content: textOf(parts) },
  )
  const declared = tools.flatMap(({ functionDeclarations = [] }) => functionDeclarations)
  const { head, turn, finishReason } = answerTo(
    {
      model: params['model'] ?? '',
      messages,
      tools: declared.map(({ name, parameters }) => ({ function: { name, parameters } })),
    },
    markers,
  )
  const calls: Part[] = turn.calls.map(({ name, arguments: json }) => ({ functionCall: { name, args: JSON.parse(json) as unknown } }))
  const common = { modelVersion: head.model, responseId: head.id }
  return { turn, calls, common, reason: finishReason === 'length' ? 'MAX_TOKENS' : 'STOP' }
}

function usageOf(usage: Turn['usage'], share = 1): object {
  const { input = 0, output = 0, cached = 0, reasoning = 0 } = usage ?? {}
  const candidates = Math.round((output - reasoning) * share)
  return {
    promptTokenCount: input,
    candidatesTokenCount: candidates,
    totalTokenCount: input + candidates + reasoning,
    ...(cached > 0 && { cachedContentTokenCount: cached }),
    ...(reasoning > 0 && { thoughtsTokenCount: reasoning }),
  }
}

function generate(exchange: Exchange): void {
  const { turn, calls, common, reason } = answer(exchange)
  const parts = [...(turn.text === '' ? [] : [{ text: turn.text }]), ...calls]
  const candidates = [{ content: { role: 'model', parts }, finishReason: reason, index: 0 }]
  exchange.reply.json(200, { candidates, usageMetadata: usageOf(turn.usage), ...common })
}

function stream(exchange: Exchange): Promise<void> {
  const { turn, calls, common, reason } = answer(exchange)
  const parts: Part[] = [...pieces(turn.text).map((text) => ({ text })), ...calls]
  const events = parts.map((part, index) => ({
    data: {
      candidates: [{ content: { role: 'model', parts: [part] }, index: 0, ...(index === parts.length - 1 && { finishReason: reason }) }],
      usageMetadata: usageOf(turn.usage, (index + 1) / parts.length),
      ...common,
    },
  }))
  return exchange.reply.stream(events)
}
