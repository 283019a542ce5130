// POST /v1/responses: whole responses and the full sequence of typed events; GET /v1/responses/:id.
import { withoutMarkers } from './markers.js'
import { fragments, pieces, planTurn } from './scripted-model.js'

const MAX_STORED = 1000

/** The routes with their own store, so that `previous_response_id` continues a conversation. */
export function createResponsesRoutes() {
  const stored = new Map()

  function create({ body, markers, reply }) {
    const history = [...(stored.get(body.previous_response_id)?.history ?? []), ...inputItems(body.input)]
    const turn = planTurn({ markers, ...situationOf(body, history) })
    const response = responseOf(body, turn, stored.size + 1)
    if (stored.size < MAX_STORED) stored.set(response.id, { response, history: [...history, ...response.output] })
    return body.stream ? reply.stream(events(response, markers)) : reply.json(200, response)
  }

  function retrieve({ params, reply }) {
    const entry = stored.get(params.id)
    return entry ? reply.json(200, entry.response) : reply.error(404, `Response with id '${params.id}' not found.`)
  }

  return [
    { method: 'POST', path: /^\/v1\/responses$/, handle: create },
    { method: 'GET', path: /^\/v1\/responses\/(?<id>[\w-]+)$/, handle: retrieve },
  ]
}

const inputItems = (input = []) => (typeof input === 'string' ? [{ role: 'user', content: input }] : input)

function situationOf({ tools = [], tool_choice: toolChoice, text, instructions }, history) {
  const lastUser = history.findLastIndex(({ role }) => role === 'user')
  const after = history.slice(lastUser + 1)
  const content = history[lastUser]?.content ?? ''
  const outputs = after.filter(({ type }) => type === 'function_call_output')
  return {
    prompt: typeof content === 'string' ? content : content.map((part) => part.text ?? '').join(' '),
    context: [instructions, history],
    round: after.filter((item, index) => item.type === 'function_call' && after[index - 1]?.type !== 'function_call').length,
    toolResults: outputs.map(({ output }) => String(output)),
    tools: tools.filter(({ type }) => type === 'function').map(({ name, parameters }) => ({ name, schema: parameters })),
    toolsRequired: toolChoice === 'required' || typeof toolChoice === 'object',
    schema: text?.format?.type === 'json_schema' ? text.format.schema : undefined,
  }
}

function responseOf(body, turn, number) {
  const id = String(number).padStart(8, '0')
  const part =
    turn.stop === 'refusal'
      ? { type: 'refusal', refusal: turn.text }
      : { type: 'output_text', text: turn.text, annotations: [], logprobs: [] }
  const message = { id: `msg_${id}`, type: 'message', status: 'completed', role: 'assistant', content: [part] }
  const calls = turn.calls.map((call, index) => ({
    id: `fc_${id}_${index}`,
    type: 'function_call',
    status: 'completed',
    call_id: `call_${id}_${index}`,
    ...call,
  }))
  const reasoning = { id: `rs_${id}`, type: 'reasoning', summary: [{ type: 'summary_text', text: turn.reasoning }] }
  return {
    id: `resp_${id}`,
    object: 'response',
    created_at: Math.floor(Date.now() / 1000),
    status: turn.stop === 'length' ? 'incomplete' : 'completed',
    error: null,
    incomplete_details: turn.stop === 'length' ? { reason: 'max_output_tokens' } : null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    model: withoutMarkers(String(body.model)),
    output: [...(turn.reasoning ? [reasoning] : []), ...(calls.length > 0 ? calls : [message])],
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: body.previous_response_id ?? null,
    reasoning: { effort: null, summary: null },
    service_tier: 'default',
    store: body.store ?? true,
    temperature: body.temperature ?? 1,
    text: body.text ?? { format: { type: 'text' } },
    tool_choice: body.tool_choice ?? 'auto',
    tools: body.tools ?? [],
    top_p: body.top_p ?? 1,
    truncation: 'disabled',
    usage: turn.usage && usageOf(turn.usage),
    user: null,
  }
}

function usageOf({ input, output, cached, reasoning }) {
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cached },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: input + output,
  }
}

function events(response, markers) {
  const open = { ...response, status: 'in_progress', output: [], incomplete_details: null, usage: null }
  const failed = { ...open, status: 'failed', error: { code: 'server_error', message: 'Scripted failure of the response.' } }
  const end = markers.has('failed') ? { type: 'response.failed', response: failed } : { type: `response.${response.status}`, response }
  const list = [
    { type: 'response.created', response: open },
    { type: 'response.in_progress', response: open },
    ...response.output.flatMap(itemEvents),
    end,
  ]
  return list.map((data, index) => ({ event: data.type, data: { ...data, sequence_number: index } }))
}

function itemEvents(item, outputIndex) {
  const at = { output_index: outputIndex }
  const empty = { message: { content: [] }, function_call: { arguments: '' }, reasoning: { summary: [] } }[item.type]
  const inner = { message: messageEvents, function_call: callEvents, reasoning: reasoningEvents }[item.type]
  const status = item.status && { status: 'in_progress' }
  return [
    { type: 'response.output_item.added', ...at, item: { ...item, ...empty, ...status } },
    ...inner(item, { ...at, item_id: item.id }),
    { type: 'response.output_item.done', ...at, item },
  ]
}

function messageEvents(item, at) {
  return item.content.flatMap((part, contentIndex) => {
    const here = { ...at, content_index: contentIndex }
    const isText = part.type === 'output_text'
    const [kind, field] = isText ? ['response.output_text', 'text'] : ['response.refusal', 'refusal']
    const logprobs = isText ? { logprobs: [] } : {}
    return [
      { type: 'response.content_part.added', ...here, part: { ...part, [field]: '' } },
      ...pieces(part[field]).map((delta) => ({ type: `${kind}.delta`, ...here, delta, ...logprobs })),
      { type: `${kind}.done`, ...here, [field]: part[field], ...logprobs },
      { type: 'response.content_part.done', ...here, part },
    ]
  })
}

function callEvents(item, at) {
  return [
    ...fragments(item.arguments).map((delta) => ({ type: 'response.function_call_arguments.delta', ...at, delta })),
    { type: 'response.function_call_arguments.done', ...at, name: item.name, arguments: item.arguments },
  ]
}

function reasoningEvents(item, at) {
  return item.summary.flatMap((part, summaryIndex) => {
    const here = { ...at, summary_index: summaryIndex }
    return [
      { type: 'response.reasoning_summary_part.added', ...here, part: { ...part, text: '' } },
      ...pieces(part.text).map((delta) => ({ type: 'response.reasoning_summary_text.delta', ...here, delta })),
      { type: 'response.reasoning_summary_text.done', ...here, text: part.text },
      { type: 'response.reasoning_summary_part.done', ...here, part },
    ]
  })
}
