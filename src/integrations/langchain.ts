import { defineIntegration, target } from '../core/integration.ts'
import type { Attributes, Call, Outcome, SpanEnd, SpanStart, StreamReading } from '../core/integration.ts'
import { MODEL_CALL, STREAM, TOOL_CALL } from '../semantics/ai-attributes.ts'
import { countOf } from '../semantics/ai.ts'
import { langChainEnd, langChainErrorEnd, langChainStart, langChainStream } from '../semantics/ai-langchain.ts'
import type { Generations, LangChainModel, ModelCallOptions } from '../semantics/ai-langchain.ts'
import { toolEnd, toolStart } from '../semantics/tool.ts'

interface Config {
  runName?: unknown
  metadata?: { langgraph_node?: unknown }
  toolCall?: { id?: unknown }
}

interface Named {
  name?: unknown
  func?: { name?: unknown }
}

const ALL = '>=0.3.73 <2'
const RUNNABLES = { file: 'dist/runnables/base', versions: ALL }
const CHAT = { file: 'dist/language_models/chat_models', versions: ALL }
const LLM = { file: 'dist/language_models/llms', versions: ALL }

/** What comes out of a chain piece by piece is the app's own. */
const pieces = { state: () => undefined, chunk: () => undefined, finish: () => undefined } as unknown as StreamReading<never>

export default defineIntegration({
  name: 'langchain',
  module: '@langchain/core',
  kind: 'ai',
  esmFiles: [
    '@langchain/core/dist/runnables/base.js',
    '@langchain/core/dist/language_models/chat_models.js',
    '@langchain/core/dist/language_models/llms.js',
    '@langchain/core/dist/tools/index.js',
    '@langchain/core/dist/retrievers/index.js',
    '@langchain/core/dist/vectorstores.js',
  ],
  records: {
    spans: [
      'invoke_workflow RunnableSequence',
      'step shout',
      'chat gpt-4o-mini',
      'text_completion',
      'execute_tool lookup',
      'retrieval Shelf',
    ],
    attributes: [
      ...MODEL_CALL,
      'gen_ai.data_source.id',
      'gen_ai.request.stop_sequences',
      'gen_ai.response.finish_reasons',
      'gen_ai.usage.cache_creation.input_tokens',
      'gen_ai.workflow.name',
      'perf.ai.documents',
      'perf.vector.top_k',
      'perf.ai.request_id',
      ...TOOL_CALL,
      ...STREAM,
    ],
    against: 'a scripted OpenAI server, through @langchain/openai',
  },
  inBundle: ['lc_serializable', 'langchain_core'],
  targets: [
    chain('RunnableSequence.prototype.invoke'),
    chain('RunnableSequence.prototype.batch'),
    chain('RunnableSequence.prototype._streamIterator', true),
    target<{ self: Named; args: [input: unknown, config?: Config] }>({
      ...RUNNABLES,
      path: 'RunnableLambda.prototype.invoke',
      settles: 'promise',
      start: ({ self, args: [, config] }: Call<{ self: Named; args: [unknown, Config?] }>) => ({
        name: `step ${nameOf(config, self, 'RunnableLambda')}`,
        layer: 'step',
      }),
    }),
    ...model('BaseChatModel', CHAT, 'chat'),
    ...model('BaseLLM', LLM, 'text_completion'),
    target<{ self: Named; args: [input: unknown, config?: Config] }>({
      path: 'StructuredTool.prototype.call',
      file: 'dist/tools/index',
      versions: ALL,
      settles: 'promise',
      start: ({ self, args: [args, config] }: Call<{ self: Named; args: [unknown, Config?] }>) =>
        toolStart({ name: String(self.name), args, callId: config?.toolCall?.id }),
      end: (_, outcome) => (outcome.ok ? toolEnd(outcome.result) : langChainErrorEnd(outcome.error)),
    }),
    target<{ self: Named; args: [query: unknown, config?: Config]; result: unknown }>({
      path: 'BaseRetriever.prototype.invoke',
      file: 'dist/retrievers/index',
      versions: ALL,
      settles: 'promise',
      start: ({ self, args: [query, config] }: Call<{ self: Named; args: [unknown, Config?] }>) =>
        retrievalStart(nameOf(config, self, 'BaseRetriever'), query),
      end: (_, outcome) => retrievalEnd(outcome),
    }),
    search('similaritySearch'),
    search('similaritySearchWithScore'),
  ],
})

function chain(path: string, isStream = false) {
  return target<{ self: Named; args: [input: unknown, config?: Config | Config[]] }>({
    ...RUNNABLES,
    path,
    settles: isStream ? 'stream' : 'promise',
    start: ({ self, args: [, config] }) => chainStart(self, Array.isArray(config) ? config[0] : config),
    end: (_, outcome) => failureEnd(outcome),
    ...(isStream && { stream: pieces }),
  })
}

/** The sequence that a node of a graph is made of is that node, not a chain of the app's. */
function chainStart(self: Named, config: Config | undefined): SpanStart | undefined {
  const node = config?.metadata?.langgraph_node
  if (node !== undefined && node === config?.runName) return undefined
  const name = nameOf(config, self, 'RunnableSequence')
  return {
    name: `invoke_workflow ${name}`,
    layer: 'workflow',
    attributes: { 'gen_ai.operation.name': 'invoke_workflow', 'gen_ai.workflow.name': name },
  }
}

function nameOf(config: Config | undefined, self: Named, otherwise: string): string {
  const known = [config?.runName, self.name, self.func?.name, classOf(self)].find((name) => typeof name === 'string' && name !== '')
  return (known as string | undefined) ?? otherwise
}

const classOf = (self: object): string => (self as { constructor: { name: string } }).constructor.name

function failureEnd(outcome: Outcome): SpanEnd | undefined {
  return outcome.ok ? undefined : langChainErrorEnd(outcome.error)
}

function model(path: string, at: { file: string; versions: string }, operation: 'chat' | 'text_completion') {
  interface ModelCall {
    self: LangChainModel
    args: [input: unknown, options?: ModelCallOptions | string[]]
    result: Generations
  }
  const start = ({ self, args: [input, options] }: Call<ModelCall>): SpanStart =>
    langChainStart(operation, self, Array.isArray(options) ? { stop: options } : (options ?? {}), input)
  return [
    target<ModelCall>({
      ...at,
      path: `${path}.prototype.generate`,
      settles: 'promise',
      start,
      end: (_, outcome) => (outcome.ok ? langChainEnd(outcome.result) : langChainErrorEnd(outcome.error)),
    }),
    target<ModelCall>({
      ...at,
      path: `${path}.prototype._streamIterator`,
      settles: 'stream',
      start,
      end: (_, outcome) => failureEnd(outcome),
      stream: langChainStream,
    }),
  ]
}

/** Of a vector store, by itself or for its retriever; what embeds the query is below it. */
function search(method: string) {
  return target<{ self: object; args: [query: unknown, k?: unknown]; result: unknown }>({
    path: `VectorStore.prototype.${method}`,
    file: 'dist/vectorstores',
    versions: ALL,
    settles: 'promise',
    start: ({ self, args: [query, k = 4] }) =>
      retrievalStart(classOf(self), query, typeof k === 'number' ? { 'perf.vector.top_k': k } : {}),
    end: (_, outcome) => retrievalEnd(outcome),
  })
}

function retrievalStart(name: string, query: unknown, more: Attributes = {}): SpanStart {
  return {
    name: `retrieval ${name}`,
    layer: 'step',
    kind: 'client',
    attributes: { 'gen_ai.operation.name': 'retrieval', 'gen_ai.data_source.id': name, ...more },
    payloads: [{ role: 'gen_ai.retrieval.query.text', value: query }],
  }
}

function retrievalEnd(outcome: Outcome): SpanEnd | undefined {
  if (!outcome.ok) return langChainErrorEnd(outcome.error)
  return {
    attributes: { 'perf.ai.documents': countOf(outcome.result) },
    payloads: [{ role: 'gen_ai.retrieval.documents', value: outcome.result }],
  }
}
