import type { Attributes, SpanEnd } from '../core/integration.ts'
import { aiStream, finishReasons, joined, toolCallNames, usageAttributes } from './ai.ts'
import type { AiUsage } from './ai.ts'

// The wire format of Anthropic's Messages API turned into attributes. Every field may be missing.

interface Block {
  type?: string
  name?: string
}

/** An answer of the Messages API. */
export interface Message {
  id?: string
  model?: string
  role?: string
  content?: Block[]
  stop_reason?: string | null
  usage?: WireUsage | null
}

interface WireUsage {
  input_tokens?: number | null
  output_tokens?: number | null
  cache_creation_input_tokens?: number | null
  cache_read_input_tokens?: number | null
  cache_creation?: { ephemeral_1h_input_tokens?: number | null } | null
  output_tokens_details?: { thinking_tokens?: number | null } | null
  service_tier?: string | null
}

/** Usage with the tokens read from and written to the cache added to the input: Anthropic's `input_tokens` leaves them out. */
export function anthropicUsage(usage: WireUsage | null | undefined): AiUsage | undefined {
  if (usage === null || usage === undefined) return undefined
  const { input_tokens: input, cache_read_input_tokens: read, cache_creation_input_tokens: created } = usage
  return {
    inputTokens: typeof input === 'number' ? input + (read ?? 0) + (created ?? 0) : undefined,
    outputTokens: usage.output_tokens ?? undefined,
    cacheReadTokens: read ?? undefined,
    cacheCreationTokens: created ?? undefined,
    cacheCreation1hTokens: usage.cache_creation?.ephemeral_1h_input_tokens ?? undefined,
    reasoningTokens: usage.output_tokens_details?.thinking_tokens ?? undefined,
  }
}

/** The end of a message that came in one piece. */
export function messageEnd(message: Message): SpanEnd {
  return {
    attributes: messageAttributes(message, message.content ?? []),
    payloads: [{ role: 'gen_ai.output.messages', value: [{ role: message.role, content: message.content }] }],
  }
}

function messageAttributes(message: Message, blocks: readonly Block[]): Attributes {
  return {
    'gen_ai.response.id': message.id,
    'gen_ai.response.model': message.model,
    'gen_ai.response.finish_reasons': finishReasons([message.stop_reason]),
    'perf.ai.tool_calls': toolCallNames(blocks.filter(({ type }) => type?.endsWith('tool_use')).map(({ name }) => name)),
    'perf.ai.service_tier': message.usage?.service_tier ?? undefined,
    ...usageAttributes(anthropicUsage(message.usage)),
  }
}

interface StreamEvent {
  type?: string
  index?: number
  message?: Message
  content_block?: Block
  delta?: { text?: string; partial_json?: string; thinking?: string; stop_reason?: string | null }
  usage?: WireUsage
}

interface State {
  message: Message
  blocks: { type?: string; name?: string; content: string }[]
  /** The final counts came; before, they are the provider's at the start of the message. */
  isFinal: boolean
}

/** Events of the Messages API: input tokens come first, output tokens at the end. */
export const messageStream = aiStream<State>({
  state: () => ({ message: {}, blocks: [], isFinal: false }),
  chunk(state, chunk) {
    const { type, index = 0, message, content_block: block, delta, usage } = chunk as StreamEvent
    if (type === 'message_start' && message !== undefined) {
      state.message = { id: message.id, model: message.model, usage: { ...message.usage } } as Message
    } else if (type === 'content_block_start' && block !== undefined) {
      state.blocks[index] = { type: block.type, name: block.name, content: '' } as State['blocks'][number]
    } else if (type === 'content_block_delta') {
      const kept = state.blocks[index]
      if (kept !== undefined) kept.content = joined(kept.content, delta?.text ?? delta?.partial_json ?? delta?.thinking)
      return true
    } else if (type === 'message_delta') {
      state.message.stop_reason = delta?.stop_reason ?? null
      state.message.usage = { ...state.message.usage, ...given(usage) }
      state.isFinal = true
    }
    return false
  },
  finish({ message, blocks, isFinal }) {
    const seen = blocks.filter((block) => block !== undefined)
    const attributes = messageAttributes(message, seen)
    if (!isFinal && message.usage) attributes['perf.ai.usage.partial'] = true
    return {
      attributes,
      payloads: seen.length === 0 ? [] : [{ role: 'gen_ai.output.messages', value: [{ role: 'assistant', content: seen }] }],
    }
  },
})

/** Without the fields that are null: they do not take back what the start of the message said. */
function given(usage: WireUsage | undefined): WireUsage {
  return Object.fromEntries(Object.entries(usage ?? {}).filter(([, value]) => value !== null && value !== undefined))
}
