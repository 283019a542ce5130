// A local server that speaks the Anthropic protocol. Markers in the prompt or model name choose what it does: see
// scripted-server.js, scripted-reply.js and scripted-model.js in examples/assistant/src/embedded.
import { withoutMarkers } from '../../examples/assistant/src/embedded/markers.js'
import { countTokens, planTurn } from '../../examples/assistant/src/embedded/scripted-model.js'
import type { Turn } from '../../examples/assistant/src/embedded/scripted-model.js'
import { startScriptedServer } from '../../examples/assistant/src/embedded/scripted-server.js'
import type { Exchange, ScriptedServer, Timing } from '../../examples/assistant/src/embedded/scripted-server.js'
import { batchRoutes } from './anthropic-batches.ts'
import { messageEvents } from './anthropic-events.ts'
import type { ContentBlock, Message, MessagesRequest } from './anthropic-types.ts'

/** Starts the server on a free port; pass its `url` to the SDK as `baseURL`. */
export function startAnthropicServer(options?: Timing & { port?: number }): Promise<ScriptedServer> {
  let answers = 0
  const createMessage = (body: MessagesRequest, exchange: Pick<Exchange, 'markers'>) => messageOf(body, exchange, ++answers)
  return startScriptedServer(
    {
      promptOf,
      errorBody,
      errorEvent: () => ({ event: 'error', data: errorBody(529, 'Overloaded') }),
      headers: () => ({
        'request-id': `req_${String(answers).padStart(12, '0')}`,
        'anthropic-organization-id': '00000000-0000-4000-8000-000000000000',
        'anthropic-ratelimit-requests-limit': '4000',
        'anthropic-ratelimit-requests-remaining': '3999',
      }),
      routes: [
        {
          method: 'POST',
          path: /^\/v1\/messages$/,
          handle: ({ body, markers, reply }) => {
            if (!Array.isArray(body.messages)) return reply.error(400, 'messages: Field required')
            const message = createMessage(body, { markers })
            return body.stream ? reply.stream(messageEvents(message)) : reply.json(200, message)
          },
        },
        {
          method: 'POST',
          path: /^\/v1\/messages\/count_tokens$/,
          handle: ({ body, reply }) => reply.json(200, { input_tokens: countTokens([body.system, body.tools, body.messages]) }),
        },
        ...batchRoutes({ promptOf, errorBody, createMessage }),
      ],
    },
    options,
  )
}

function promptOf(body: MessagesRequest): string {
  // A batch carries its markers in each request, not in the call that creates it.
  if (!body?.messages) return ''
  return `${body.model} ${textOf(body.messages.findLast(isPrompt)?.content ?? '')}`
}

// Tool results are user messages too, so the prompt is the last user message that holds something else.
const isPrompt = ({ role, content }: MessagesRequest['messages'][number]) =>
  role === 'user' && (typeof content === 'string' || content.some(({ type }) => type !== 'tool_result'))

const textOf = (content: string | ContentBlock[]): string =>
  typeof content === 'string' ? content : content.map((block) => (block.type === 'text' ? block.text : '')).join(' ')

const ERROR_TYPES: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  529: 'overloaded_error',
}

const errorBody = (status: number, message: string) => ({
  type: 'error',
  error: { type: ERROR_TYPES[status] ?? 'api_error', message },
  request_id: null,
})

function messageOf(body: MessagesRequest, { markers }: Pick<Exchange, 'markers'>, number: number): Message {
  const lastPrompt = body.messages.findLastIndex(isPrompt)
  const blocks = body.messages.slice(lastPrompt + 1).flatMap(({ content }) => (typeof content === 'string' ? [] : [content]))
  const turn = planTurn({
    markers,
    prompt: textOf(body.messages[lastPrompt]?.content ?? ''),
    context: [body.system, body.tools, body.messages],
    round: blocks.filter((content) => content.some(({ type }) => type === 'tool_use')).length,
    toolResults: blocks.flat().flatMap((block) => (block.type === 'tool_result' ? [resultText(block.content)] : [])),
    tools: (body.tools ?? []).map((tool) => ({ name: tool.name, schema: tool.input_schema })),
    toolsRequired: body.tool_choice?.type === 'any' || body.tool_choice?.type === 'tool',
    schema: body.output_config?.format?.schema ?? body.output_format?.schema,
  })
  const id = String(number).padStart(8, '0')
  const stopReason = { end: 'end_turn', tools: 'tool_use', length: 'max_tokens', refusal: 'refusal' } as const
  return {
    id: `msg_${id}`,
    type: 'message',
    role: 'assistant',
    model: withoutMarkers(body.model),
    content: contentOf(turn, id, body.thinking?.type),
    stop_reason: stopReason[turn.stop],
    stop_sequence: null,
    usage: usageOf(turn.usage),
  }
}

const resultText = (content: unknown): string => (typeof content === 'string' ? content : textOf((content ?? []) as ContentBlock[]))

function contentOf(turn: Turn, id: string, thinking: string | undefined): ContentBlock[] {
  const thought = turn.reasoning || (thinking && thinking !== 'disabled' ? 'Let me think about this.' : '')
  return [
    ...(thought ? [{ type: 'thinking' as const, thinking: thought, signature: `signature_${id}` }] : []),
    ...(turn.text ? [{ type: 'text' as const, text: turn.text, citations: null }] : []),
    ...turn.calls.map((call, index) => ({
      type: 'tool_use' as const,
      id: `toolu_${id}_${index}`,
      name: call.name,
      input: JSON.parse(call.arguments) as unknown,
    })),
  ]
}

// Unlike OpenAI's, `input_tokens` leaves out what came from the cache or was written to it.
function usageOf(usage: Turn['usage']): Message['usage'] {
  return {
    input_tokens: usage?.input ?? 0,
    cache_creation_input_tokens: usage?.cacheWrite ?? 0,
    cache_read_input_tokens: usage?.cached ?? 0,
    cache_creation: { ephemeral_5m_input_tokens: usage?.cacheWrite ?? 0, ephemeral_1h_input_tokens: 0 },
    output_tokens: usage?.output ?? 0,
    service_tier: 'standard',
  }
}
