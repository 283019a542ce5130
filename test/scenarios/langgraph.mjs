import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Annotation, MemorySaver, Send, StateGraph, interrupt } from '@langchain/langgraph'

const canary = process.env.CANARY
const State = Annotation.Root({
  n: Annotation({ reducer: (a, b) => a + b, default: () => 0 }),
  note: Annotation,
})
const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Two nodes, one after the other. */
function line(name, first = () => ({ n: 1 }), second = () => ({ n: 10 })) {
  return new StateGraph(State)
    .addNode('first', first)
    .addNode('second', async (...args) => {
      await delay(1)
      return second(...args)
    })
    .addEdge('__start__', 'first')
    .addEdge('first', 'second')
    .addEdge('second', '__end__')
    .compile({ name })
}

const input = { n: 0, note: canary }

async function errorOf(run) {
  try {
    return [await run()]
  } catch (error) {
    return [error.name, error.message]
  }
}

const counter = line('counter')

export async function operation(i) {
  return (await counter.invoke({ n: i, note: canary }, { runName: `counter ${i}` })).n
}

export async function invoke() {
  const state = await counter.invoke(input, { configurable: { thread_id: 'thread-7' } })
  return [state.n, state.note === canary]
}

export async function parallel() {
  const graph = new StateGraph(State)
    .addNode('left', async () => ({ n: 1 }))
    .addNode('right', async () => ({ n: 2 }))
    .addNode('each', async ({ n }) => ({ n }))
    .addEdge('__start__', 'left')
    .addEdge('__start__', 'right')
    .addConditionalEdges('right', () => [new Send('each', { n: 3 }), new Send('each', { n: 4 })])
    .compile()
  return (await graph.invoke(input)).n
}

export async function nested() {
  const inner = line('inner')
  const outer = line('outer', async (state) => ({ n: (await inner.invoke(state)).n }))
  return (await outer.invoke(input)).n
}

export async function failure() {
  const graph = line('broken', () => {
    throw new RangeError('no such node')
  })
  return errorOf(() => graph.invoke(input))
}

export async function interrupted() {
  const graph = new StateGraph(State)
    .addNode('ask', () => ({ n: interrupt('how many?') }))
    .addEdge('__start__', 'ask')
    .compile({ checkpointer: new MemorySaver() })
  const state = await graph.invoke(input, { configurable: { thread_id: 'thread-8' } })
  return state.n
}

export async function streamed() {
  const seen = []
  for await (const chunk of await counter.stream(input, { streamMode: 'updates' })) seen.push(chunk)
  return seen
}

export async function streamBreak() {
  for await (const chunk of await counter.stream(input, { streamMode: 'updates' })) return chunk
}

export async function streamAbort() {
  const abort = new AbortController()
  return (
    await errorOf(async () => {
      for await (const chunk of await counter.stream(input, { signal: abort.signal, streamMode: 'updates' })) if (chunk) abort.abort()
    })
  ).length
}

export async function streamError() {
  const graph = line('broken', undefined, () => {
    throw new RangeError('no such node')
  })
  return errorOf(async () => {
    for await (const chunk of await graph.stream(input, { streamMode: 'updates' })) if (!chunk) return chunk
  })
}

export async function streamTee() {
  const branches = (await counter.stream(input, { streamMode: 'updates' })).tee()
  return Promise.all(
    branches.map(async (branch) => {
      const seen = []
      for await (const chunk of branch) seen.push(chunk)
      return seen
    }),
  )
}

export async function streamNeverRead() {
  await (async () => void (await counter.stream(input, { streamMode: 'updates' })))()
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc')
  for (let i = 0; i < 10; i++) {
    await delay(10)
    collectGarbage()
  }
}
