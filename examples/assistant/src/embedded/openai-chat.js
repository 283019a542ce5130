// POST /v1/chat/completions: whole answers and `chat.completion.chunk` streams.
import { withoutMarkers } from './markers.js'
import { fragments, pieces, planTurn } from './scripted-model.js'

let created = 0

/** Answers one chat completion, streamed when the request says so. */
export function handleChat({ body, markers, reply }) {
  const { messages } = body
  if (!Array.isArray(messages)) return reply.error(400, "Missing required parameter: 'messages'.")
  const turn = planTurn({ markers, ...situationOf(body) })
  const base = {
    id: `chatcmpl-${String(++created).padStart(8, '0')}`,
    created: Math.floor(Date.now() / 1000),
    model: withoutMarkers(String(body.model)),
    service_tier: 'default',
    system_fingerprint: 'fp_scripted',
  }
  const calls = turn.calls.map((call, index) => ({ id: `call_${created}_${index}`, type: 'function', function: call }))
  const choices = Array.from({ length: body.n ?? 1 }, (_, index) => index)
  return body.stream
    ? reply.stream(chunks(base, turn, calls, choices, body.stream_options?.include_usage))
    : reply.json(200, completion(base, turn, calls, choices))
}

function situationOf({ messages, tools = [], tool_choice: toolChoice, response_format: format }) {
  const lastUser = messages.findLastIndex(({ role }) => role === 'user')
  const after = messages.slice(lastUser + 1)
  return {
    prompt: textOf(messages[lastUser]?.content ?? ''),
    context: messages,
    round: after.filter((message) => message.role === 'assistant' && message.tool_calls?.length > 0).length,
    toolResults: after.filter(({ role }) => role === 'tool').map(({ content }) => textOf(content)),
    tools: tools.filter(({ type }) => type === 'function').map((tool) => ({ name: tool.function.name, schema: tool.function.parameters })),
    toolsRequired: toolChoice === 'required' || typeof toolChoice === 'object',
    schema: format?.type === 'json_schema' ? format.json_schema.schema : format?.type === 'json_object' ? { type: 'object' } : undefined,
  }
}

const textOf = (content) => (typeof content === 'string' ? content : content.map((part) => part.text ?? '').join(' '))

const finishReason = ({ stop }) => ({ tools: 'tool_calls', length: 'length', end: 'stop', refusal: 'stop' })[stop]

function completion(base, turn, calls, choices) {
  const message = {
    role: 'assistant',
    content: calls.length > 0 || turn.stop === 'refusal' ? null : turn.text,
    refusal: turn.stop === 'refusal' ? turn.text : null,
    annotations: [],
    ...(calls.length > 0 && { tool_calls: calls }),
  }
  return {
    ...base,
    object: 'chat.completion',
    choices: choices.map((index) => ({ index, message, logprobs: null, finish_reason: finishReason(turn) })),
    ...(turn.usage && { usage: usageOf(turn.usage) }),
  }
}

function chunks(base, turn, calls, choices, includeUsage) {
  const chunk = (index, delta, reason = null) => ({
    data: {
      ...base,
      object: 'chat.completion.chunk',
      choices: [{ index, delta, logprobs: null, finish_reason: reason }],
      ...(includeUsage && { usage: null }),
    },
  })
  const each = (delta, reason) => choices.map((index) => chunk(index, delta, reason))
  const field = turn.stop === 'refusal' ? 'refusal' : 'content'
  const last = { ...base, object: 'chat.completion.chunk', choices: [], usage: turn.usage && usageOf(turn.usage) }
  return [
    ...each({ role: 'assistant', content: calls.length > 0 ? null : '', refusal: null }),
    ...pieces(turn.text).flatMap((piece) => each({ [field]: piece })),
    ...calls.flatMap((call, index) => callDeltas(call, index).flatMap((delta) => each({ tool_calls: [delta] }))),
    ...each({}, finishReason(turn)),
    ...(includeUsage && turn.usage ? [{ data: last }] : []),
    { data: '[DONE]' },
  ]
}

// The first fragment carries id and name with empty arguments; the ones after it only the index and more text.
function callDeltas(call, index) {
  return [
    { index, ...call, function: { ...call.function, arguments: '' } },
    ...fragments(call.function.arguments).map((part) => ({ index, function: { arguments: part } })),
  ]
}

function usageOf({ input, output, cached, reasoning }) {
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: cached, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  }
}
