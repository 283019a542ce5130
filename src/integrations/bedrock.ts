import { defineIntegration, target } from '../core/integration.ts'
import type { Attributes, Call, Outcome, Payload, SpanEnd, SpanStart } from '../core/integration.ts'
import { aiStart, countOf, errorEnd, isAbort, serverAttributes } from '../semantics/ai.ts'
import type { AiOperation } from '../semantics/ai.ts'
import { converseEnd, converseStream, invokeEnd, invokeStream, jsonIn } from '../semantics/ai-bedrock.ts'
import type { ConverseAnswer } from '../semantics/ai-bedrock.ts'
import { ANSWER, CACHED, CALL, FAILURE, IDENTITY, SAMPLING, STREAM, VECTORS } from '../semantics/ai-records.ts'

interface Input {
  modelId?: string
  /** Of `Converse`. */
  messages?: unknown
  system?: unknown
  inferenceConfig?: { maxTokens?: number; temperature?: number; topP?: number; stopSequences?: string[] }
  toolConfig?: { tools?: unknown }
  /** Of `InvokeModel`: the model's own format. */
  body?: unknown
}

/** What the formats of the models for `InvokeModel` have in common. */
interface ModelRequest {
  messages?: unknown
  prompt?: unknown
  inputText?: unknown
  texts?: unknown
  system?: unknown
  tools?: unknown
  max_tokens?: number
  max_gen_len?: number
  temperature?: number
  top_p?: number
  top_k?: number
  stop_sequences?: string[]
}

interface Result extends ConverseAnswer {
  body?: unknown
  $metadata?: Metadata
}

interface Metadata {
  httpStatusCode?: number
  requestId?: string
  attempts?: number
}

interface Shape {
  self: { config?: { serviceId?: string }; initConfig?: { endpoint?: unknown } }
  args: [command: { input?: Input; constructor?: { name?: string } }, ...more: unknown[]]
  result: Result
}

interface CommandKind {
  start(input: Input): { attributes: Attributes; payloads: Payload[] }
  end(result: Result): SpanEnd | undefined
  streams: boolean
}

const COMMANDS: Record<string, CommandKind> = {
  ConverseCommand: { start: converseStart, end: converseEnd, streams: false },
  ConverseStreamCommand: { start: converseStart, end: () => undefined, streams: true },
  InvokeModelCommand: { start: invokeStart, end: invokeEnd, streams: false },
  InvokeModelWithResponseStreamCommand: { start: invokeStart, end: () => undefined, streams: true },
}

export default defineIntegration({
  name: 'bedrock',
  module: '@aws-sdk/client-bedrock-runtime',
  kind: 'ai',
  inBundle: ['AmazonBedrockFrontendService'],
  records: {
    spans: ['chat us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'embeddings amazon.titan-embed-text-v2:0'],
    attributes: [
      ...CALL,
      ...SAMPLING,
      ...STREAM,
      ...IDENTITY,
      ...ANSWER,
      ...CACHED,
      ...VECTORS,
      ...FAILURE,
      'gen_ai.request.top_k',
      'gen_ai.usage.cache_creation.input_tokens',
      'perf.ai.service_tier',
      'perf.ai.retries',
      'aws.request_id',
    ],
    against: 'a scripted server that speaks its protocol to the real SDK, in the binary frames of its streams',
  },
  targets: [
    send((name) => name !== 'InvokeModelWithResponseStreamCommand', converseStream),
    send((name) => name === 'InvokeModelWithResponseStreamCommand', invokeStream),
  ],
})

/** All clients of the AWS SDK inherit one `send`; commands of others get no span here. */
function send(isMine: (command: string) => boolean, stream: typeof converseStream) {
  return target<Shape>({
    path: 'BedrockRuntimeClient.__proto__.prototype.send',
    versions: '>=3.587.0 <4',
    settles: 'promise',
    start: (call) => (isMine(nameOf(call.args[0])) ? start(call) : undefined),
    end: ({ args: [command] }, outcome) => end(outcome, COMMANDS[nameOf(command)]),
    stream,
  })
}

function nameOf(command: Shape['args'][0]): string {
  return command?.constructor?.name ?? ''
}

function start({ self, args }: Call<Shape>): SpanStart | undefined {
  const [command, ...more] = args
  const name = nameOf(command)
  const kind = COMMANDS[name]
  if (kind === undefined || self.config?.serviceId !== 'Bedrock Runtime') return undefined
  const { input = {} } = command
  const { attributes, payloads } = kind.start(input)
  const { modelId = '' } = input
  // A callback gets the stream; without one the promise does.
  const hasCallback = more.some((value) => typeof value === 'function')
  return {
    ...aiStart(
      operationOf(name, modelId),
      // The last part of the ARN of a model or profile.
      modelId.slice(modelId.lastIndexOf('/') + 1),
      {
        ...serverAttributes(self.initConfig?.endpoint, 'aws.bedrock'),
        ...attributes,
        'gen_ai.request.stream': kind.streams ? true : undefined,
      },
      payloads,
    ),
    settles: hasCallback ? 'callback' : kind.streams ? 'stream' : 'promise',
  }
}

function operationOf(command: string, modelId: string): AiOperation {
  if (command.startsWith('Converse')) return 'chat'
  if (/embed/.test(modelId)) return 'embeddings'
  return /rerank/.test(modelId) ? 'rerank' : /image|canvas|stability|reel/.test(modelId) ? 'generate_content' : 'chat'
}

function converseStart({ messages, system, inferenceConfig: config = {}, toolConfig }: Input): ReturnType<CommandKind['start']> {
  return {
    attributes: {
      'gen_ai.request.max_tokens': config.maxTokens,
      'gen_ai.request.temperature': config.temperature,
      'gen_ai.request.top_p': config.topP,
      'gen_ai.request.stop_sequences': config.stopSequences,
      'perf.ai.messages': countOf(messages),
      'perf.ai.tool_definitions': countOf(toolConfig?.tools),
    },
    payloads: [
      { role: 'gen_ai.input.messages', value: messages },
      { role: 'gen_ai.system_instructions', value: system },
      { role: 'gen_ai.tool.definitions', value: toolConfig?.tools },
    ],
  }
}

function invokeStart({ body }: Input): ReturnType<CommandKind['start']> {
  const asked = (jsonIn(body) ?? {}) as ModelRequest
  const { messages, system, tools, texts } = asked
  return {
    attributes: {
      'gen_ai.request.max_tokens': asked.max_tokens ?? asked.max_gen_len,
      'gen_ai.request.temperature': asked.temperature,
      'gen_ai.request.top_p': asked.top_p,
      'gen_ai.request.top_k': asked.top_k,
      'gen_ai.request.stop_sequences': asked.stop_sequences,
      'perf.ai.messages': countOf(messages ?? texts),
      'perf.ai.tool_definitions': countOf(tools),
    },
    payloads: [
      { role: 'gen_ai.input.messages', value: messages ?? asked.prompt ?? asked.inputText ?? texts },
      { role: 'gen_ai.system_instructions', value: system },
      { role: 'gen_ai.tool.definitions', value: tools },
    ],
  }
}

function end(outcome: Outcome<Result>, kind: CommandKind | undefined): SpanEnd | undefined {
  if (outcome.ok) {
    if (outcome.result === undefined || outcome.result === null) return undefined
    const known = kind?.end(outcome.result)
    return { ...known, attributes: { ...known?.attributes, ...metadataAttributes(outcome.result.$metadata) } }
  }
  if (isAbort(outcome.error)) return { status: 'unset' }
  const { name, message, $metadata: metadata } = (outcome.error ?? {}) as { name?: unknown; message?: unknown; $metadata?: Metadata }
  const failed = errorEnd({ status: metadata?.httpStatusCode, code: name, message })
  return { ...failed, attributes: { ...failed.attributes, ...metadataAttributes(metadata) } }
}

function metadataAttributes({ requestId, attempts = 1 }: Metadata = {}): Attributes {
  return { 'aws.request_id': requestId, 'perf.ai.retries': attempts > 1 ? attempts - 1 : undefined }
}
