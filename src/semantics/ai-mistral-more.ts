import type { Payload, SpanEnd } from '../core/integration.ts'
import { aiStream, countOf, joined, toolCallNames, usageAttributes } from './ai.ts'
import { openAiUsage } from './ai-openai.ts'
import { openAiUsageOf } from './ai-mistral.ts'
import type { MistralUsage } from './ai-mistral.ts'

// Mistral's conversations (its agents API), OCR, classifiers and audio as its SDK gives them. Every field may be missing.

interface Entry {
  type?: string
  model?: string | null
  name?: string
  content?: unknown
}

/** The answer in a conversation. */
export interface ConversationResponse {
  conversationId?: string
  outputs?: Entry[]
  usage?: MistralUsage
}

/** The end of a turn of a conversation that came in one piece. */
export function conversationEnd({ conversationId, outputs = [], usage }: ConversationResponse): SpanEnd {
  return turnEnd(conversationId, outputs, usage, [{ role: 'gen_ai.output.messages', value: outputs }])
}

function turnEnd(id: string | undefined, outputs: readonly Entry[], usage: MistralUsage | undefined, payloads: Payload[]): SpanEnd {
  const called = outputs.filter(({ type }) => type === 'function.call' || type?.startsWith('tool.execution') === true)
  return {
    attributes: {
      'gen_ai.conversation.id': id,
      'gen_ai.response.model': outputs.find(({ model }) => typeof model === 'string')?.model ?? undefined,
      'perf.ai.tool_calls': toolCallNames(called.map(({ name }) => name)),
      ...usageAttributes(openAiUsage(openAiUsageOf(usage))),
    },
    payloads,
  }
}

interface ConversationEvent {
  data?: Entry & { conversationId?: string; usage?: MistralUsage; outputIndex?: number; code?: number; arguments?: unknown }
}

interface State {
  id: string | undefined
  outputs: Entry[]
  text: string
  usage: MistralUsage | undefined
  failed: string | undefined
}

/** Events of a conversation: the usage comes in the last one, names of tools with each piece of their arguments. */
export const conversationStream = aiStream<State>({
  state: () => ({ id: undefined, outputs: [], text: '', usage: undefined, failed: undefined }),
  chunk(state, event) {
    const { type, conversationId, model, name, content, usage, outputIndex = 0, code } = (event as ConversationEvent).data ?? {}
    switch (type) {
      case 'conversation.response.started':
        state.id = conversationId
        return false
      case 'conversation.response.done':
        state.usage = usage
        return false
      case 'conversation.response.error':
        state.failed = String(code ?? 'error')
        return false
      case 'message.output.delta':
        state.outputs[outputIndex] ??= { type: 'message.output', model: model ?? null }
        state.text = joined(state.text, typeof content === 'string' ? content : (content as { text?: unknown } | undefined)?.text)
        return true
      case 'function.call.delta':
      case 'tool.execution.started':
        state.outputs[outputIndex] ??= { type: 'function.call', model: model ?? null, ...(name !== undefined && { name }) }
        return true
      default:
        return false
    }
  },
  finish({ id, outputs, text, usage, failed }) {
    const seen = outputs.filter((entry) => entry !== undefined)
    const end = turnEnd(id, seen, usage, text === '' ? [] : [{ role: 'gen_ai.output.messages', value: text }])
    return failed === undefined ? end : { ...end, status: 'error', errorType: failed }
  },
})

/** The end of reading a document: how many pages and bytes. */
export function ocrEnd(result: {
  model?: string
  pages?: unknown[]
  usageInfo?: { pagesProcessed?: number; docSizeBytes?: number | null }
}): SpanEnd {
  return {
    attributes: {
      'gen_ai.response.model': result.model,
      'perf.ai.pages': result.usageInfo?.pagesProcessed ?? countOf(result.pages),
      'perf.ai.document.bytes': result.usageInfo?.docSizeBytes ?? undefined,
    },
    payloads: [{ role: 'gen_ai.output.messages', value: result.pages }],
  }
}

/** The end of a moderation or classification: how many inputs were judged. */
export function judgedEnd({
  id,
  model,
  results,
  usage,
}: {
  id?: string
  model?: string
  results?: unknown[]
  usage?: MistralUsage
}): SpanEnd {
  return {
    attributes: {
      'gen_ai.response.id': id,
      'gen_ai.response.model': model,
      'perf.ai.results': countOf(results),
      ...usageAttributes(openAiUsage(openAiUsageOf(usage))),
    },
    payloads: [{ role: 'gen_ai.output.messages', value: results }],
  }
}

interface Transcription {
  model?: string
  text?: string
  usage?: MistralUsage & { promptAudioSeconds?: number | null }
}

/** The end of a transcription. */
export function transcribedEnd({ model, text, usage }: Transcription): SpanEnd {
  return {
    attributes: {
      'gen_ai.response.model': model,
      'perf.ai.audio.seconds': usage?.promptAudioSeconds ?? undefined,
      ...usageAttributes(openAiUsage(openAiUsageOf(usage))),
    },
    payloads: [{ role: 'gen_ai.output.messages', value: text }],
  }
}

/** Events of a streamed transcription: the last one repeats all. */
export const transcriptionStream = aiStream<{ last: Transcription }>({
  state: () => ({ last: {} }),
  chunk(state, event) {
    const { type, ...data } = (event as { data?: Transcription & { type?: string } }).data ?? {}
    if (type === 'transcription.done') state.last = data
    return type === 'transcription.text.delta'
  },
  finish: ({ last }) => transcribedEnd(last),
})
