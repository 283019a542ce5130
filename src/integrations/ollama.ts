import { defineIntegration, target } from '../core/integration.ts'
import type { Attributes, Outcome, Payload, SpanEnd } from '../core/integration.ts'
import {
  aiStart,
  aiStream,
  countOf,
  errorEnd,
  finishReasons,
  joined,
  serverAttributes,
  toolCallNames,
  usageAttributes,
} from '../semantics/ai.ts'
import type { AiOperation } from '../semantics/ai.ts'
import { ANSWER, CALL, SAMPLING, STREAM, VECTORS } from '../semantics/ai-records.ts'

interface Client {
  config?: { host?: string }
}

interface Body {
  model?: string
  stream?: boolean
  messages?: unknown
  prompt?: unknown
  input?: unknown
  system?: unknown
  tools?: unknown
  format?: unknown
  think?: unknown
  options?: {
    temperature?: number
    top_p?: number
    top_k?: number
    num_predict?: number
    seed?: number
    stop?: string[]
    frequency_penalty?: number
    presence_penalty?: number
  }
}

/** An answer of `chat` or `generate`, or one part of it; the last part has the counts. */
interface Answer {
  model?: string
  message?: { role?: string; content?: string; thinking?: string; tool_calls?: { function?: { name?: string } }[] }
  response?: string
  thinking?: string
  done_reason?: string
  load_duration?: number
  prompt_eval_count?: number
  eval_count?: number
}

interface Embeddings {
  model?: string
  embeddings?: unknown[][]
  embedding?: unknown[]
  load_duration?: number
  prompt_eval_count?: number
}

interface Shape<R> {
  self: Client
  args: [body: Body]
  result: R
}

const answerStream = aiStream<{ last: Answer; content: string; calls: unknown[] }>({
  state: () => ({ last: {}, content: '', calls: [] }),
  chunk(state, chunk) {
    const { message, response, thinking, ...rest } = chunk as Answer
    state.last = rest
    const piece = message?.content ?? response
    state.content = joined(state.content, piece)
    for (const call of message?.tool_calls ?? []) state.calls.push(call.function?.name)
    return Boolean(piece) || Boolean(message?.thinking ?? thinking) || countOf(message?.tool_calls) !== undefined
  },
  finish: ({ last, content, calls }) => ({
    attributes: answerAttributes(last, calls),
    payloads: content === '' && calls.length === 0 ? [] : [{ role: 'gen_ai.output.messages', value: [{ content, tool_calls: calls }] }],
  }),
})

export default defineIntegration({
  name: 'ollama',
  module: 'ollama',
  kind: 'ai',
  inBundle: ['ollama-js/', 'Did not receive done or success response in stream.'],
  records: {
    spans: ['chat llama3.2', 'text_completion llama3.2', 'embeddings nomic-embed-text'],
    attributes: [
      ...CALL,
      ...SAMPLING,
      ...STREAM,
      'gen_ai.response.model',
      ...ANSWER,
      ...VECTORS,
      'http.response.status_code',
      'gen_ai.request.top_k',
      'perf.ai.model_load_ms',
    ],
    against: 'a scripted server that speaks its protocol to the real SDK',
  },
  targets: [
    call<Answer>('chat', 'chat', answerEnd, answerStream),
    call<Answer>('generate', 'text_completion', answerEnd, answerStream),
    call<Embeddings>('embed', 'embeddings', embeddingsEnd, undefined, '>=0.5.6 <0.7'),
    call<Embeddings>('embeddings', 'embeddings', embeddingsEnd),
  ],
})

function call<R>(
  method: string,
  operation: AiOperation,
  endOf: (result: R) => SpanEnd,
  stream?: typeof answerStream,
  versions = '>=0.5.0 <0.7',
) {
  return target<Shape<R>>({
    // In the class above the exported one, which only adds what needs files.
    path: `Ollama.__proto__.prototype.${method}`,
    versions,
    settles: 'promise',
    start({ self, args: [body] }) {
      const attributes = { ...serverAttributes(self.config?.host, 'ollama'), ...requestAttributes(body, stream !== undefined) }
      return {
        ...aiStart(operation, body.model, attributes, payloads(body)),
        settles: stream !== undefined && body.stream === true ? 'stream' : undefined,
      }
    },
    end: (_, outcome) => end(outcome, endOf),
    ...(stream && { stream }),
  })
}

function end<R>(outcome: Outcome<R>, endOf: (result: R) => SpanEnd): SpanEnd | undefined {
  if (outcome.ok) return outcome.result === undefined ? undefined : endOf(outcome.result)
  const { status_code: status, message } = (outcome.error ?? {}) as { status_code?: unknown; message?: unknown }
  return errorEnd({ status, message })
}

function requestAttributes({ messages, input, tools, format, stream, options = {} }: Body, streams: boolean): Attributes {
  return {
    'gen_ai.request.temperature': options.temperature,
    'gen_ai.request.top_p': options.top_p,
    'gen_ai.request.top_k': options.top_k,
    'gen_ai.request.max_tokens': options.num_predict,
    'gen_ai.request.seed': options.seed,
    'gen_ai.request.stop_sequences': options.stop,
    'gen_ai.request.frequency_penalty': options.frequency_penalty,
    'gen_ai.request.presence_penalty': options.presence_penalty,
    'gen_ai.request.stream': streams && stream === true ? true : undefined,
    'gen_ai.output.type': format === undefined || format === '' ? undefined : 'json',
    'perf.ai.messages': countOf(messages ?? input),
    'perf.ai.tool_definitions': countOf(tools),
  }
}

function payloads(body: Body): Payload[] {
  return [
    { role: 'gen_ai.input.messages', value: body.messages ?? body.input ?? body.prompt },
    { role: 'gen_ai.system_instructions', value: body.system },
    { role: 'gen_ai.tool.definitions', value: body.tools },
  ]
}

function answerEnd(answer: Answer): SpanEnd {
  const names = (answer.message?.tool_calls ?? []).map((item) => item.function?.name)
  return {
    attributes: answerAttributes(answer, names),
    payloads: [{ role: 'gen_ai.output.messages', value: [answer.message ?? answer.response] }],
  }
}

function answerAttributes(answer: Answer, calls: readonly unknown[]): Attributes {
  return {
    'gen_ai.response.model': answer.model,
    'gen_ai.response.finish_reasons': finishReasons([answer.done_reason]),
    'perf.ai.tool_calls': toolCallNames(calls),
    'perf.ai.model_load_ms': loadMs(answer.load_duration),
    ...usageAttributes({ inputTokens: answer.prompt_eval_count, outputTokens: answer.eval_count }),
  }
}

/** How many and how long, never the vectors. `embeddings` is the older method, for one text. */
function embeddingsEnd({ model, embeddings, embedding, load_duration: load, prompt_eval_count: tokens }: Embeddings): SpanEnd {
  return {
    attributes: {
      'gen_ai.response.model': model,
      'gen_ai.embeddings.dimension.count': countOf(embeddings?.[0] ?? embedding),
      'perf.ai.embeddings.count': countOf(embeddings) ?? (embedding === undefined ? undefined : 1),
      'perf.ai.model_load_ms': loadMs(load),
      ...usageAttributes({ inputTokens: tokens }),
    },
  }
}

/** Ollama counts in nanoseconds; a model that is in memory already takes none. */
function loadMs(nanoseconds: number | undefined): number | undefined {
  return nanoseconds === undefined ? undefined : Math.round(nanoseconds / 1e3) / 1e3
}
