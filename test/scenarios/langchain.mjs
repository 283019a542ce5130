import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { AIMessage, HumanMessage } from '@langchain/core/messages'
import { StringOutputParser } from '@langchain/core/output_parsers'
import { ChatPromptTemplate } from '@langchain/core/prompts'
import { BaseRetriever } from '@langchain/core/retrievers'
import { RunnableLambda } from '@langchain/core/runnables'
import { tool } from '@langchain/core/tools'
import { FakeEmbeddings } from '@langchain/core/utils/testing'
import { VectorStore } from '@langchain/core/vectorstores'
import { LLM } from '@langchain/core/language_models/llms'
import { ChatOpenAI } from '@langchain/openai'

const canary = process.env.CANARY
const chat = (more) =>
  new ChatOpenAI({ model: 'gpt-4o-mini', apiKey: canary, configuration: { baseURL: process.env.OPENAI_TEST_URL }, maxRetries: 0, ...more })
const model = chat()
// The server tells a retry by its bytes, so every program asks something of its own.
const ask = (content) => `${canary} ${content} ${process.pid}`
const schema = { type: 'object', properties: { id: { type: 'number' } }, required: ['id'] }
const lookup = tool(async ({ id }) => `order ${id}`, { name: 'lookup', description: canary, schema })

const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
async function errorOf(run) {
  try {
    return [await run()]
  } catch (error) {
    return [error.name, error.constructor.name, error.status]
  }
}
async function drain(stream) {
  let text = ''
  for await (const chunk of stream) text += typeof chunk === 'string' ? chunk : chunk.content
  return text
}

export async function operation(i) {
  return (await chat({ model: `gpt-${i}` }).invoke(ask(`[[say:answer ${i}]] [[usage:7,3]]`))).content
}

export async function invoke() {
  const answer = await chat({ temperature: 0.5, maxTokens: 50 }).invoke([new HumanMessage(ask('[[say:Good day]] [[usage:100,20,64,0,5]]'))])
  return [answer.content, answer.usage_metadata, answer instanceof AIMessage]
}

export async function batch() {
  const answers = await model.batch([ask('[[say:one]] [[usage:8,4]]'), ask('[[say:two]] [[usage:8,4]]')])
  return answers.map(({ content }) => content)
}

export async function chain() {
  const chain = ChatPromptTemplate.fromTemplate(ask('{wish} [[usage:9,8]]')).pipe(model).pipe(new StringOutputParser())
  return chain.invoke({ wish: '[[say:Hello]]' })
}

export async function chainStream() {
  const shout = RunnableLambda.from(function shout(text) {
    return text
  })
  const chain = shout.pipe(model).pipe(new StringOutputParser())
  return drain(await chain.stream(ask('[[say:one two]] [[usage:8,4]]'), { runName: 'teller' }))
}

export async function lambda() {
  const double = async (n) => {
    await delay(1)
    return n * 2
  }
  Object.defineProperty(double, 'name', { value: 'twice' })
  const twice = RunnableLambda.from(double)
  return twice.pipe((n) => n + 1).invoke(3)
}

export async function tools() {
  const answer = await model.bindTools([lookup]).invoke(ask('[[tool:lookup {"id":7}]] [[usage:9,8]]'))
  const result = await lookup.invoke({ ...answer.tool_calls[0], type: 'tool_call' })
  return [answer.tool_calls[0].name, result.content, await lookup.invoke({ id: 8 })]
}

export async function toolFailure() {
  const failing = tool(
    async () => {
      throw new RangeError('no such order')
    },
    { name: 'lookup', description: 'd', schema },
  )
  return errorOf(() => failing.invoke({ id: 7 }))
}

export async function retriever() {
  class Shelf extends BaseRetriever {
    lc_namespace = ['test']
    async _getRelevantDocuments(query) {
      await delay(1)
      return [{ pageContent: `${canary} ${query}`, metadata: {} }]
    }
  }
  return (await new Shelf().invoke(ask('books'))).length
}

class Rack extends VectorStore {
  lc_namespace = ['test']
  _vectorstoreType() {
    return 'rack'
  }
  async similaritySearchVectorWithScore(vector, k) {
    await delay(1)
    if (k === 13) throw new RangeError('unlucky')
    return Array.from({ length: k }, () => [{ pageContent: canary, metadata: {} }, vector.length])
  }
}

export async function vectorStore() {
  const rack = new Rack(new FakeEmbeddings(), {})
  const found = [await rack.similaritySearch(ask('books'), 2), await rack.similaritySearchWithScore(ask('books'))]
  found.push(await rack.asRetriever(3).invoke(ask('books')))
  return found.map((documents) => documents.length)
}

export async function vectorStoreFailure() {
  return new Rack(new FakeEmbeddings(), {}).similaritySearch(ask('books'), 13)
}

export async function completion() {
  class Parrot extends LLM {
    _llmType() {
      return 'parrot'
    }
    async _call(prompt) {
      await delay(1)
      return prompt.toUpperCase()
    }
  }
  return (await new Parrot({}).invoke('hello')).length
}

export async function failure() {
  return errorOf(() => model.invoke(ask('[[401]]')))
}

export async function cancelled() {
  const abort = new AbortController()
  setTimeout(() => abort.abort(), 30)
  return (await errorOf(() => model.invoke(ask('[[hang]]'), { signal: abort.signal }))).length
}

export async function streamed() {
  return drain(await chat({ streamUsage: true }).stream(ask('[[say:one two three]] [[usage:100,20,64]]')))
}

export async function streamBreak() {
  for await (const chunk of await model.stream(ask('[[words:20]] [[gap:2]]'))) if (chunk.content !== '') return true
}

export async function streamAbort() {
  const abort = new AbortController()
  return (
    await errorOf(async () => {
      let chunks = 0
      for await (const chunk of await model.stream(ask('[[words:50]] [[gap:2]]'), { signal: abort.signal }))
        if (chunk && ++chunks === 3) abort.abort()
    })
  ).length
}

export async function streamError() {
  return errorOf(async () => drain(await model.stream(ask('[[words:20]] [[disconnect:6]]'))))
}

export async function streamTee() {
  const [left, right] = (await model.stream(ask('[[say:one two]] [[usage:8,4]]'))).tee()
  return Promise.all([drain(left), drain(right)])
}

export async function streamNeverRead() {
  await (async () => void (await model.stream(ask('[[words:20]]'))))()
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc')
  for (let i = 0; i < 10; i++) {
    await delay(10)
    collectGarbage()
  }
}
