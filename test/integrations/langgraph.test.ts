import langgraph from '../../src/integrations/langgraph.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

type Attributes = Record<string, ExpectedValue>

const isPositive = (value: unknown) => typeof value === 'number' && value > 0
const isDuration = (value: unknown) => typeof value === 'number' && value >= 0

const node = (name: string, step: number, more: Partial<ExpectedSpan> = {}): ExpectedSpan => ({
  name: `node ${name}`,
  layer: 'node',
  kind: 'internal',
  ...more,
  attributes: { 'perf.graph.node': name, 'perf.graph.step': step, ...more.attributes },
})
const both = [node('first', 1), node('second', 2)]

/** A graph whose stream gave two values or more. */
const flow = (end: string): Attributes => ({
  'perf.stream.end': end,
  'perf.stream.chunks': isPositive,
  'perf.stream.time_to_first_chunk_ms': isPositive,
  'perf.stream.max_gap_ms': isDuration,
  'perf.stream.mean_gap_ms': isDuration,
})

/** One that gave a single value. */
const single = (end: string): Attributes => ({
  'perf.stream.end': end,
  'perf.stream.chunks': 1,
  'perf.stream.time_to_first_chunk_ms': isPositive,
})

const graph = (name: string, children: ExpectedSpan[], attributes = flow('complete'), more: Partial<ExpectedSpan> = {}): ExpectedSpan => ({
  name: `invoke_workflow ${name}`,
  kind: 'internal',
  ...more,
  attributes: { 'gen_ai.operation.name': 'invoke_workflow', 'gen_ai.workflow.name': name, ...attributes },
  children,
})
const thread = (id: string) => ({ ...flow('complete'), 'gen_ai.conversation.id': id })
const failed = { 'error.type': 'RangeError' }
const broken = { status: 'error' as const }

await testIntegration(langgraph, {
  scenario: 'langgraph',
  library: '@langchain/langgraph',
  operation: (i) => [graph(`counter ${i}`, both)],
  expect: {
    invoke: [graph('counter', both, thread('thread-7'))],
    parallel: [graph('LangGraph', [node('left', 1), node('right', 1), node('each', 2), node('each', 2)])],
    nested: [graph('outer', [node('first', 1, { children: [graph('inner', both)] }), node('second', 2)])],
    failure: [graph('broken', [node('first', 1, { ...broken, attributes: failed })], { ...single('error'), ...failed }, broken)],
    interrupted: (version) => [
      graph('LangGraph', [node('ask', 1)], {
        ...(version.startsWith('0.2') ? single('complete') : flow('complete')),
        'gen_ai.conversation.id': 'thread-8',
      }),
    ],
    streamed: [graph('counter', both)],
    // The library reads one value ahead; since 1.7 it aborts that.
    streamBreak: [
      {
        ...graph('counter', [], { ...single('complete'), 'perf.stream.end': /complete|early|abort/, 'perf.stream.chunks': isPositive }),
        optional: ['perf.stream.max_gap_ms', 'perf.stream.mean_gap_ms'],
        children: undefined,
      },
    ],
    streamAbort: [{ ...graph('counter', [], single('abort')), children: undefined }],
    streamError: [
      graph('broken', [node('first', 1), node('second', 2, { ...broken, attributes: failed })], { ...single('error'), ...failed }, broken),
    ],
    streamTee: [graph('counter', both)],
    streamNeverRead: [graph('counter', both, { ...flow('complete'), 'perf.stream.end': /complete|abandoned/ })],
  },
})
