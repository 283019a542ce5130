import type { SpanEnd } from '../core/integration.ts'
import { aiStream } from './ai.ts'
import { chatEnd, chatStream } from './ai-openai.ts'
import type { ChatCompletion } from './ai-openai.ts'

// Mistral's chat format is OpenAI's; its SDK turns the names it knows into camelCase and leaves the others. Every field may be missing.

interface Message {
  content?: unknown
  toolCalls?: { index?: number; function?: { name?: string; arguments?: unknown } }[] | null
}

/** A chat completion of the SDK, or one chunk of it. */
export interface MistralCompletion {
  id?: string
  model?: string
  choices?: { index?: number; message?: Message; delta?: Message; finishReason?: string | null }[]
  usage?: MistralUsage
}

/** Usage as the SDK gives it. */
export interface MistralUsage {
  promptTokens?: number
  completionTokens?: number
  num_cached_tokens?: number
  /** 1.x keeps here what 2 leaves beside the others. */
  additionalProperties?: MistralUsage
}

/** The end of a completion that came in one piece. */
export function completionEnd(completion: MistralCompletion): SpanEnd {
  const outputs = (completion.choices ?? []).map(({ message }) => message)
  return { ...chatEnd(openAiFormat(completion)), payloads: [{ role: 'gen_ai.output.messages', value: outputs }] }
}

/** Events of a streamed completion; the usage comes in the last one. */
export const completionStream = aiStream({
  state: chatStream.state,
  chunk: (state, event) => chatStream.chunk(state, openAiFormat((event as { data?: MistralCompletion }).data ?? {})),
  finish: chatStream.finish,
})

/** Usage in OpenAI's format. */
export function openAiUsageOf(usage: MistralUsage | undefined): NonNullable<ChatCompletion['usage']> | undefined {
  if (usage === undefined) return undefined
  const { promptTokens, completionTokens, additionalProperties: others = usage } = usage
  const { num_cached_tokens: cached } = others
  return {
    ...(promptTokens !== undefined && { prompt_tokens: promptTokens }),
    ...(completionTokens !== undefined && { completion_tokens: completionTokens }),
    ...(cached !== undefined && { prompt_cache_hit_tokens: cached }),
  }
}

function openAiFormat({ id, model, choices = [], usage }: MistralCompletion): ChatCompletion {
  const counted = openAiUsageOf(usage)
  return {
    ...(id !== undefined && { id }),
    ...(model !== undefined && { model }),
    ...(counted !== undefined && { usage: counted }),
    choices: choices.map(({ index = 0, message, delta, finishReason }) => ({
      index,
      finish_reason: finishReason ?? null,
      ...(message && { message: openAiMessage(message) }),
      ...(delta && { delta: openAiMessage(delta) }),
    })),
  }
}

type OpenAiMessage = NonNullable<NonNullable<ChatCompletion['choices']>[number]['message']>

/** Text alone, also where the content is a list of parts; a model that reasons sends its thoughts as parts. */
function openAiMessage({ content, toolCalls }: Message): OpenAiMessage {
  const parts = Array.isArray(content) ? (content as { type?: string; text?: unknown }[]) : undefined
  return {
    content: parts === undefined ? content : parts.map(({ text }) => (typeof text === 'string' ? text : '')).join(''),
    reasoning_content: parts?.some(({ type }) => type === 'thinking') === true ? true : undefined,
    tool_calls: toolCalls?.length
      ? toolCalls.map(({ index = 0, function: fn }) => ({
          index,
          function: {
            ...(fn?.name && { name: fn.name }),
            arguments: typeof fn?.arguments === 'string' ? fn.arguments : JSON.stringify(fn?.arguments ?? ''),
          },
        }))
      : null,
  }
}
