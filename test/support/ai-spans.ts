// What the tests of AI clients expect of every span of a model call.
import type { ExpectedSpan, ExpectedValue } from './expect-spans.ts'

export type Attributes = Record<string, ExpectedValue>

export const isPositive = (value: unknown): boolean => typeof value === 'number' && value > 0
export const isDuration = (value: unknown): boolean => typeof value === 'number' && value >= 0

/** Roles of the payloads of a call that was answered, and of one that was not. */
export const both = ['gen_ai.input.messages', 'gen_ai.output.messages']
export const input = ['gen_ai.input.messages']

/** The scripted `[[usage:input,output,cached,,reasoning]]`; a count that is left out is not expected. */
export const usage = (inputTokens: number, outputTokens: number, cached?: number, reasoning?: number): Attributes => ({
  'gen_ai.usage.input_tokens': inputTokens,
  'gen_ai.usage.output_tokens': outputTokens,
  ...(cached !== undefined && { 'gen_ai.usage.cache_read.input_tokens': cached }),
  ...(reasoning !== undefined && { 'gen_ai.usage.reasoning.output_tokens': reasoning }),
})

/** A call named `chat gpt-4o`: operation and model, then what is special. */
export function aiCall(name: string, attributes: Attributes, more: Partial<ExpectedSpan> = {}): ExpectedSpan {
  const [operation = '', ...model] = name.split(' ')
  const named: Attributes = {
    'gen_ai.operation.name': operation,
    ...(model.length > 0 && { 'gen_ai.request.model': model.join(' ') }),
  }
  return { name, kind: 'client', attributes: { ...named, ...attributes }, ...more }
}

/** How a stream went. */
export const streaming = (chunks: number | ((value: unknown) => boolean), end: string): Attributes => ({
  'gen_ai.request.stream': true,
  'gen_ai.response.time_to_first_chunk': isPositive,
  'perf.stream.end': end,
  'perf.stream.chunks': chunks,
})

/** What a stream of more than one chunk, with content, says besides. */
export const gaps: Attributes = {
  'perf.stream.max_gap_ms': isDuration,
  'perf.stream.mean_gap_ms': isDuration,
  'perf.stream.time_to_first_content_ms': isPositive,
}
