import type { Attributes, SpanEnd } from '../core/integration.ts'
import { aiStream, base64Bytes, countOf, finishReasons, joined, toolCallNames, usageAttributes } from './ai.ts'
import type { AiUsage } from './ai.ts'

// Answers of Gemini's API, on generativelanguage.googleapis.com and Vertex AI, turned into attributes. Every field may be missing.

interface Part {
  text?: string
  /** The text is what the model thought, not what it says. */
  thought?: boolean
  functionCall?: { name?: string }
  inlineData?: { data?: string }
}

interface WireUsage {
  promptTokenCount?: number
  toolUsePromptTokenCount?: number
  candidatesTokenCount?: number
  thoughtsTokenCount?: number
  cachedContentTokenCount?: number
}

/** An answer of `generateContent`, or one part of a streamed one. */
export interface GeminiAnswer {
  responseId?: string
  modelVersion?: string
  candidates?: { content?: { role?: string; parts?: Part[] }; finishReason?: string }[]
  promptFeedback?: { blockReason?: string }
  usageMetadata?: WireUsage
}

/** Usage with what Gemini counts apart: thoughts are output, what tools put into the prompt is input. Cached tokens are in the prompt. */
export function geminiUsage(usage: WireUsage | undefined): AiUsage | undefined {
  if (usage === undefined) return undefined
  const { promptTokenCount: prompt, candidatesTokenCount: answer, thoughtsTokenCount: thoughts } = usage
  return {
    inputTokens: prompt === undefined ? undefined : prompt + (usage.toolUsePromptTokenCount ?? 0),
    outputTokens: answer === undefined && thoughts === undefined ? undefined : (answer ?? 0) + (thoughts ?? 0),
    cacheReadTokens: usage.cachedContentTokenCount,
    reasoningTokens: thoughts,
  }
}

/** The end of an answer that came in one piece. */
export function geminiEnd(answer: GeminiAnswer): SpanEnd {
  const candidates = answer.candidates ?? []
  const parts = candidates.flatMap(({ content }) => content?.parts ?? [])
  const reasons = candidates.map(({ finishReason }) => finishReason)
  return {
    attributes: answerAttributes(
      answer,
      reasons,
      parts.map(({ functionCall }) => functionCall?.name),
    ),
    payloads: candidates.length === 0 ? [] : [{ role: 'gen_ai.output.messages', value: candidates.map(({ content }) => content) }],
  }
}

function answerAttributes(answer: GeminiAnswer, reasons: readonly unknown[], calls: readonly unknown[]): Attributes {
  return {
    'gen_ai.response.id': answer.responseId,
    'gen_ai.response.model': answer.modelVersion,
    // A prompt that was refused has no candidate.
    'gen_ai.response.finish_reasons': finishReasons([...reasons, answer.promptFeedback?.blockReason]),
    'perf.ai.tool_calls': toolCallNames(calls),
    ...usageAttributes(geminiUsage(answer.usageMetadata)),
  }
}

interface State {
  last: GeminiAnswer
  reasons: (string | undefined)[]
  calls: string[]
  text: string
}

/** Parts of a streamed answer; each brings the counts so far. */
export const geminiStream = aiStream<State>({
  state: () => ({ last: {}, reasons: [], calls: [], text: '' }),
  chunk(state, chunk) {
    const { responseId, modelVersion, promptFeedback, usageMetadata, candidates = [] } = chunk as GeminiAnswer
    if (responseId !== undefined) state.last.responseId = responseId
    if (modelVersion !== undefined) state.last.modelVersion = modelVersion
    if (promptFeedback !== undefined) state.last.promptFeedback = promptFeedback
    if (usageMetadata !== undefined) state.last.usageMetadata = { ...state.last.usageMetadata, ...usageMetadata }
    let hasContent = false
    for (const [index, { content, finishReason }] of candidates.entries()) {
      if (finishReason !== undefined) state.reasons[index] = finishReason
      for (const { text, functionCall } of content?.parts ?? []) {
        state.text = joined(state.text, text)
        if (functionCall?.name !== undefined) state.calls.push(functionCall.name)
        hasContent ||= Boolean(text) || functionCall !== undefined
      }
    }
    return hasContent
  },
  finish({ last, reasons, calls, text }) {
    const attributes = answerAttributes(last, reasons, calls)
    // The counts grow with every part: those of the last one before an early end are not final.
    if (reasons.length === 0 && last.usageMetadata !== undefined) attributes['perf.ai.usage.partial'] = true
    return {
      attributes,
      payloads: text === '' && calls.length === 0 ? [] : [{ role: 'gen_ai.output.messages', value: [{ role: 'model', text, calls }] }],
    }
  },
})

interface Embeddings {
  embeddings?: { values?: unknown[]; statistics?: { tokenCount?: number } }[]
}

/** The end of an embeddings call: dimensions and how many, never the vectors; Vertex AI counts tokens, Gemini does not. */
export function geminiEmbeddingsEnd({ embeddings = [] }: Embeddings): SpanEnd {
  const tokens = embeddings.flatMap(({ statistics }) => (statistics?.tokenCount === undefined ? [] : [statistics.tokenCount]))
  return {
    attributes: {
      'gen_ai.embeddings.dimension.count': countOf(embeddings[0]?.values),
      'perf.ai.embeddings.count': embeddings.length,
      ...usageAttributes(tokens.length === 0 ? undefined : { inputTokens: tokens.reduce((sum, count) => sum + count, 0) }),
    },
  }
}

/** The end of an image call: how many and how large. */
export function geminiImagesEnd({ generatedImages = [] }: { generatedImages?: { image?: { imageBytes?: string } }[] }): SpanEnd {
  const sizes = generatedImages.flatMap(({ image }) => (image?.imageBytes === undefined ? [] : [base64Bytes(image.imageBytes)]))
  return {
    attributes: {
      'perf.ai.images.count': generatedImages.length,
      'perf.ai.images.bytes': sizes.length === 0 ? undefined : sizes.reduce((sum, size) => sum + size, 0),
    },
  }
}
