// A local server that speaks the protocol of Amazon Bedrock's runtime: JSON, and streams in the binary frames of
// `application/vnd.amazon.eventstream`.
import { crc32 } from 'node:zlib'
import { fragments, pieces } from '../../examples/assistant/src/embedded/scripted-model.js'
import type { Turn } from '../../examples/assistant/src/embedded/scripted-model.js'
import { startScriptedServer } from '../../examples/assistant/src/embedded/scripted-server.js'
import type { Exchange, ScriptedServer } from '../../examples/assistant/src/embedded/scripted-server.js'
import { answerTo } from './chat-format.ts'
import type { Answer } from './chat-format.ts'

interface Block {
  text?: string
  toolResult?: unknown
}
interface Request {
  messages?: { role: string; content: Block[] | string }[]
  toolConfig?: { tools: { toolSpec: { name: string } }[] }
  inputText?: string
}

const NAMES: Record<number, string> = {
  400: 'ValidationException',
  403: 'AccessDeniedException',
  429: 'ThrottlingException',
  503: 'ServiceUnavailableException',
}

/** Starts the server on a free port; pass its `url` to the client as `endpoint`. */
export function startBedrockServer(): Promise<ScriptedServer> {
  let answers = 0
  return startScriptedServer({
    promptOf: (body: Request) =>
      body.messages === undefined ? (body.inputText ?? '') : textOf(body.messages.findLast(({ role }) => role === 'user')?.content),
    errorBody: (status, message) => ({ __type: NAMES[status] ?? 'InternalServerException', message }),
    errorEvent: () => ({ data: '' }),
    headers: () => ({ 'x-amzn-requestid': `00000000-0000-4000-8000-${String(++answers).padStart(12, '0')}` }),
    routes: [
      { method: 'POST', path: /^\/model\/[^/]+\/converse$/, handle: converse },
      { method: 'POST', path: /^\/model\/[^/]+\/converse-stream$/, handle: converseStream },
      { method: 'POST', path: /^\/model\/[^/]+\/invoke$/, handle: invoke },
      { method: 'POST', path: /^\/model\/[^/]+\/invoke-with-response-stream$/, handle: invokeStream },
    ],
  })
}

const textOf = (content: Block[] | string | undefined): string =>
  typeof content === 'string' ? content : (content ?? []).map(({ text }) => text ?? '').join(' ')

function answer({ body, markers }: Pick<Exchange, 'body' | 'markers'>): Answer {
  const { messages = [], toolConfig } = body as Request
  return answerTo(
    {
      model: 'model',
      messages: messages.map(({ role, content }) => ({ role, content: textOf(content) })),
      tools: (toolConfig?.tools ?? []).map(({ toolSpec: { name } }) => ({ function: { name } })),
    },
    markers,
  )
}

// What came from the cache is not part of `inputTokens`.
function usageOf(usage: Turn['usage']): object {
  const { input = 0, output = 0, cached = 0, cacheWrite = 0 } = usage ?? {}
  return {
    inputTokens: input,
    outputTokens: output,
    totalTokens: input + output + cached + cacheWrite,
    ...(cached + cacheWrite > 0 && { cacheReadInputTokens: cached, cacheWriteInputTokens: cacheWrite }),
  }
}

const REASONS: Record<string, string> = { stop: 'end_turn', tool_calls: 'tool_use', length: 'max_tokens' }

function converse(exchange: Exchange): void {
  const { turn, calls, finishReason } = answer(exchange)
  const content = [
    ...(turn.text === '' ? [] : [{ text: turn.text }]),
    ...calls.map(({ id, function: fn }) => ({ toolUse: { toolUseId: id, name: fn.name, input: JSON.parse(fn.arguments) as unknown } })),
  ]
  exchange.reply.json(200, {
    output: { message: { role: 'assistant', content } },
    stopReason: REASONS[finishReason],
    usage: usageOf(turn.usage),
    metrics: { latencyMs: 5 },
  })
}

function converseStream(exchange: Exchange): Promise<void> {
  const { turn, calls, finishReason } = answer(exchange)
  const contentBlockIndex = 0
  const events: [string, object][] = [
    ['messageStart', { role: 'assistant' }],
    ...pieces(turn.text).map((text): [string, object] => ['contentBlockDelta', { contentBlockIndex, delta: { text } }]),
    ...calls.flatMap(({ id, function: fn }): [string, object][] => [
      ['contentBlockStart', { contentBlockIndex, start: { toolUse: { toolUseId: id, name: fn.name } } }],
      ...fragments(fn.arguments).map((input): [string, object] => [
        'contentBlockDelta',
        { contentBlockIndex, delta: { toolUse: { input } } },
      ]),
    ]),
    ['contentBlockStop', { contentBlockIndex }],
    ['messageStop', { stopReason: REASONS[finishReason] }],
    ['metadata', { usage: usageOf(turn.usage), metrics: { latencyMs: 5 } }],
  ]
  return sendEvents(exchange, events)
}

/** Anthropic's format for its models, Titan's for the embeddings. */
function invoke(exchange: Exchange): void {
  if ((exchange.body as Request).inputText !== undefined) {
    exchange.reply.json(200, { embedding: [0.1, 0.2, 0.3], inputTextTokenCount: 5 })
    return
  }
  const { head, turn } = answer(exchange)
  exchange.reply.json(200, {
    id: head.id,
    type: 'message',
    role: 'assistant',
    model: 'claude-sonnet-4-5-20250929',
    content: [{ type: 'text', text: turn.text }],
    stop_reason: 'end_turn',
    usage: { input_tokens: turn.usage?.input, output_tokens: turn.usage?.output },
  })
}

function invokeStream(exchange: Exchange): Promise<void> {
  const { head, turn } = answer(exchange)
  const metrics = { inputTokenCount: turn.usage?.input, outputTokenCount: turn.usage?.output, invocationLatency: 5, firstByteLatency: 2 }
  const parts: object[] = [
    { type: 'message_start', message: { id: head.id, model: 'claude-sonnet-4-5-20250929', usage: { input_tokens: 1, output_tokens: 1 } } },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    ...pieces(turn.text).map((text) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: turn.usage?.output } },
    { type: 'message_stop', 'amazon-bedrock-invocationMetrics': metrics },
  ]
  return sendEvents(
    exchange,
    parts.map((part) => ['chunk', { bytes: Buffer.from(JSON.stringify(part)).toString('base64') }]),
  )
}

function sendEvents({ reply }: Exchange, events: [string, object][]): Promise<void> {
  const frames = events.map(([type, payload]) =>
    frame({ ':event-type': type, ':content-type': 'application/json', ':message-type': 'event' }, payload),
  )
  const failing = { ':exception-type': 'modelStreamErrorException', ':content-type': 'application/json', ':message-type': 'exception' }
  return reply.frames('application/vnd.amazon.eventstream', frames, () => frame(failing, { message: 'The model failed.' }))
}

/*
 * total length │ headers length │ CRC of both │ headers                                   │ payload │ CRC of all
 *      4       │       4        │      4      │ name length 1, name, type 7, length 2, text │         │     4
 */
function frame(headers: Record<string, string>, payload: object): Buffer {
  const encoded = Object.entries(headers).map(([name, value]) => {
    const start = Buffer.from([name.length, ...Buffer.from(name), 7])
    const length = Buffer.alloc(2)
    length.writeUInt16BE(Buffer.byteLength(value))
    return Buffer.concat([start, length, Buffer.from(value)])
  })
  const head = Buffer.concat(encoded)
  const body = Buffer.from(JSON.stringify(payload))
  const prelude = Buffer.alloc(12)
  prelude.writeUInt32BE(12 + head.length + body.length + 4, 0)
  prelude.writeUInt32BE(head.length, 4)
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8)
  const message = Buffer.concat([prelude, head, body])
  const check = Buffer.alloc(4)
  check.writeUInt32BE(crc32(message))
  return Buffer.concat([message, check])
}
