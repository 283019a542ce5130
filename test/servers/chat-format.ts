// The chat format of OpenAI as other providers speak it: whole answers and chunks, without what only OpenAI sends.
import { withoutMarkers } from '../../examples/assistant/src/embedded/markers.js'
import { fragments, pieces, planTurn } from '../../examples/assistant/src/embedded/scripted-model.js'
import type { Turn } from '../../examples/assistant/src/embedded/scripted-model.js'
import type { Markers } from '../../examples/assistant/src/embedded/markers.js'

export interface ChatRequest {
  model: string
  stream?: boolean
  messages: { role: string; content?: unknown; tool_calls?: unknown[] }[]
  tools?: { function: { name: string; parameters?: unknown } }[]
  tool_choice?: unknown
}

interface ToolCall {
  id: string
  type: 'function'
  index: number
  function: { name: string; arguments: string }
}

/** One answer, before it is put on the wire. */
export interface Answer {
  head: { id: string; created: number; model: string }
  turn: Turn
  calls: ToolCall[]
  finishReason: string
}

let answers = 0

/** What the scripted model answers to `body`. */
export function answerTo(body: ChatRequest, markers: Markers): Answer {
  const lastUser = body.messages.findLastIndex(({ role }) => role === 'user')
  const after = body.messages.slice(lastUser + 1)
  const turn = planTurn({
    markers,
    prompt: textOf(body.messages[lastUser]?.content),
    context: body.messages,
    round: after.filter((message) => (message.tool_calls?.length ?? 0) > 0).length,
    toolResults: after.filter(({ role }) => role === 'tool').map(({ content }) => textOf(content)),
    tools: (body.tools ?? []).map(({ function: { name, parameters } }) => ({ name, schema: parameters })),
    toolsRequired: body.tool_choice === 'required' || body.tool_choice === 'any',
  })
  const head = {
    id: `chatcmpl-${String(++answers).padStart(8, '0')}`,
    created: Math.floor(Date.now() / 1000),
    model: withoutMarkers(body.model),
  }
  const calls = turn.calls.map((call, index) => ({
    id: `call${String(answers).padStart(5, '0')}`,
    type: 'function' as const,
    index,
    function: call,
  }))
  return { head, turn, calls, finishReason: { tools: 'tool_calls', length: 'length', end: 'stop', refusal: 'stop' }[turn.stop] }
}

/** A whole chat completion; `more` stands beside its choices. */
export function completionOf({ head, turn, calls, finishReason }: Answer, more: object): object {
  const message = {
    role: 'assistant',
    content: turn.text,
    ...(turn.reasoning && { reasoning: turn.reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  }
  return { ...head, object: 'chat.completion', choices: [{ index: 0, message, logprobs: null, finish_reason: finishReason }], ...more }
}

/** The same in chunks; `last` stands in the one that says why it ended. */
export function chunksOf({ head, turn, calls, finishReason }: Answer, first: object, last: object): { data: unknown }[] {
  const chunk = (delta: object, reason: string | null, more: object = {}) => ({
    data: { ...head, object: 'chat.completion.chunk', choices: [{ index: 0, delta, logprobs: null, finish_reason: reason }], ...more },
  })
  return [
    chunk({ role: 'assistant', content: '' }, null, first),
    ...pieces(turn.text).map((content) => chunk({ content }, null)),
    ...calls.flatMap((call) =>
      ['', ...fragments(call.function.arguments)].map((part) =>
        chunk({ tool_calls: [{ ...call, function: { name: call.function.name, arguments: part } }] }, null),
      ),
    ),
    chunk({}, finishReason, last),
    { data: '[DONE]' },
  ]
}

/** The part of a request that may carry markers. */
export function promptOf(body: { model?: unknown; messages?: ChatRequest['messages']; input?: unknown; inputs?: unknown }): string {
  const user = body.messages?.findLast(({ role }) => role === 'user')?.content
  return [body.model, textOf(user), textOf(body.input ?? body.inputs)].filter(Boolean).join(' ')
}

function textOf(content: unknown): string {
  if (!Array.isArray(content)) return typeof content === 'string' ? content : ''
  return content.map((part: unknown) => (typeof part === 'string' ? part : ((part as { text?: string }).text ?? ''))).join(' ')
}
