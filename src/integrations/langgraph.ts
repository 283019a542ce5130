import { defineIntegration, target } from '../core/integration.ts'
import type { Call, SpanEnd, SpanStart, StreamReading } from '../core/integration.ts'
import { STREAM } from '../semantics/ai-attributes.ts'
import { langChainErrorEnd } from '../semantics/ai-langchain.ts'

interface Graph {
  name?: unknown
}

interface Config {
  runName?: unknown
  signal?: unknown
  configurable?: { thread_id?: unknown }
}

interface Task {
  name?: unknown
  config?: { metadata?: { langgraph_step?: unknown } }
}

interface TaskResult {
  error?: unknown
}

interface Run {
  self: Graph
  args: [input: unknown, config?: Config]
}

const ALL = '>=0.2.74 <2'

/** What a graph gives step by step is the app's own. */
const steps = {
  state: () => undefined,
  chunk: () => undefined,
  finish: () => undefined,
  signal: ({ args: [, config] }: Call<Run>) => config?.signal,
} as unknown as StreamReading<never>

export default defineIntegration({
  name: 'langgraph',
  module: '@langchain/langgraph',
  kind: 'workflow',
  esmFiles: ['@langchain/langgraph/dist/pregel/index.js', '@langchain/langgraph/dist/pregel/retry.js'],
  records: {
    spans: ['invoke_workflow counter', 'node first'],
    attributes: [
      'gen_ai.operation.name',
      'gen_ai.workflow.name',
      'gen_ai.conversation.id',
      'http.response.status_code',
      'perf.ai.request_id',
      'perf.ai.retry_after_ms',
      'perf.graph.node',
      'perf.graph.step',
      ...STREAM,
    ],
    against: 'graphs of the test',
  },
  inBundle: ['GraphRecursionError', 'langgraph_checkpoint_ns'],
  targets: [
    // `invoke` and `stream` both run the graph here.
    target<Run>({
      path: 'Pregel.prototype._streamIterator',
      file: 'dist/pregel/index',
      versions: ALL,
      settles: 'stream',
      start: graphStart,
      end: (_, outcome) => (outcome.ok ? undefined : failureEnd(outcome.error)),
      stream: steps,
    }),
    target<{ args: [task: Task]; result: TaskResult | undefined }>({
      path: '_runWithRetry',
      file: 'dist/pregel/retry',
      versions: ALL,
      settles: 'promise',
      start: ({ args: [task] }) => nodeStart(task),
      // A node's error is in its result.
      end: (_, outcome) => {
        const error = outcome.ok ? outcome.result?.error : outcome.error
        return error === undefined ? undefined : failureEnd(error)
      },
    }),
  ],
})

function graphStart({ self, args: [, config] }: Call<Run>): SpanStart {
  const name = [config?.runName, self.name].find((known) => typeof known === 'string' && known !== '') as string | undefined
  const thread = config?.configurable?.thread_id
  return {
    name: `invoke_workflow ${name ?? 'LangGraph'}`,
    attributes: {
      'gen_ai.operation.name': 'invoke_workflow',
      'gen_ai.workflow.name': name ?? 'LangGraph',
      'gen_ai.conversation.id': typeof thread === 'string' ? thread : undefined,
    },
  }
}

/** `__start__` and its like are the library's own. */
function nodeStart({ name, config }: Task): SpanStart | undefined {
  if (typeof name !== 'string' || name.startsWith('__')) return undefined
  const step = config?.metadata?.langgraph_step
  return {
    name: `node ${name}`,
    layer: 'node',
    attributes: { 'perf.graph.node': name, 'perf.graph.step': typeof step === 'number' ? step : undefined },
  }
}

/** An interrupt and a command to the parent are thrown, too. */
function failureEnd(error: unknown): SpanEnd {
  if ((error as { is_bubble_up?: unknown } | null)?.is_bubble_up === true) return { status: 'unset' }
  return { error, ...langChainErrorEnd(error) }
}
