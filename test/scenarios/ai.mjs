import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as ai from 'ai'
import { createOpenAI } from '@ai-sdk/openai'

const canary = process.env.CANARY
const openai = createOpenAI({ apiKey: canary, baseURL: process.env.OPENAI_TEST_URL })
const model = openai.chat('gpt-4o-mini')
// The server tells a retry by its bytes, so every program asks something of its own.
const ask = (content, more) => ({ model, prompt: `${canary} ${content} ${process.pid}`, maxRetries: 0, onError: () => undefined, ...more })
const schema = (properties) => ai.jsonSchema({ type: 'object', properties, required: Object.keys(properties), additionalProperties: false })
const id = schema({ id: { type: 'number' } })
// Version 4 says `parameters` and `maxSteps`.
const toolOf = (execute) => ({ description: canary, parameters: id, inputSchema: id, execute })
const steps = { maxSteps: 3, stopWhen: ai.stepCountIs?.(3) }
const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function drain(stream) {
  let text = ''
  for await (const chunk of stream) text += typeof chunk === 'string' ? chunk : ''
  return text
}

async function errorOf(run) {
  try {
    return [await run()]
  } catch (error) {
    return [error.name, error.constructor.name]
  }
}

async function collectGarbage() {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc')
  for (let i = 0; i < 10; i++) {
    gc()
    await delay(10)
  }
}

export async function operation(i) {
  return (await ai.generateText(ask(`[[say:answer ${i}]] [[usage:7,3]]`, { model: openai.chat(`gpt-${i}`) }))).text
}

export async function text() {
  const options = ask('[[say:Good day]] [[usage:100,20,64,0,5]]', {
    system: canary,
    temperature: 0.5,
    maxTokens: 50,
    maxOutputTokens: 50,
    experimental_telemetry: { functionId: 'greeting' },
    telemetry: { functionId: 'greeting' },
  })
  const before = { ...options }
  const answer = await ai.generateText(options)
  return [answer.text, answer.finishReason, Object.keys(options).every((key) => options[key] === before[key]), Object.keys(model)]
}

/** The gateway's address is fixed: it is answered here. Version 7 tells of its calls as of any other's. */
export async function gateway() {
  if (ai.gateway === undefined || ai.gateway.specificationVersion === 'v4') return undefined
  const { fetch } = globalThis
  const finish = {
    finishReason: 'stop',
    usage: { inputTokens: 8, outputTokens: 4, totalTokens: 12, cachedInputTokens: 3, reasoningTokens: 1 },
  }
  const parts = [
    { type: 'text-start', id: '1' },
    { type: 'text-delta', id: '1', delta: 'Hi' },
    { type: 'text-end', id: '1' },
    { type: 'finish', ...finish },
  ]
  globalThis.fetch = async (url, { headers }) => {
    if (!String(url).endsWith('/language-model')) return new Response('{}', { headers: { 'content-type': 'application/json' } })
    await delay(1)
    const isStream = new Headers(headers).get('ai-language-model-streaming') === 'true'
    const model = new Headers(headers).get('ai-language-model-id') ?? new Headers(headers).get('ai-model-id')
    if (model === 'none/such')
      return Response.json({ error: { message: `no model "${canary}"`, type: 'model_not_found' } }, { status: 404 })
    if (!isStream) return Response.json({ content: [{ type: 'text', text: 'Hi' }], ...finish, warnings: [] })
    return new Response(parts.map((part) => `data: ${JSON.stringify(part)}\n\n`).join(''), {
      headers: { 'content-type': 'text/event-stream' },
    })
  }
  process.env.AI_GATEWAY_API_KEY = canary
  try {
    const text = (model) => ai.generateText(ask('Hello', { model }))
    const failed = await errorOf(() => text('none/such'))
    return [
      (await text('openai/gpt-4o-mini')).text,
      (await text(ai.gateway('openai/gpt-4o'))).text,
      await drain(ai.streamText(ask('Hello', { model: 'openai/gpt-4o-mini' })).textStream),
      failed.length,
    ]
  } finally {
    globalThis.fetch = fetch
  }
}

export async function tools() {
  let self
  const lookup = toolOf(function ({ id }) {
    self = this
    return { order: id, note: canary }
  })
  const answer = await ai.generateText(ask('[[tool:lookup {"id":7}]] [[usage:9,8]]', { tools: { lookup }, ...steps }))
  return [answer.text.includes('order'), answer.steps.length, self === undefined || self === lookup]
}

export async function toolFailure() {
  const lookup = toolOf(async () => {
    throw new TypeError('no such order')
  })
  return errorOf(
    async () => (await ai.generateText(ask('[[tool:lookup {"id":7}]] [[usage:9,8]]', { tools: { lookup }, ...steps }))).steps.length,
  )
}

export async function object() {
  return (await ai.generateObject(ask('[[say:{"a":"b"}]] [[usage:9,8]]', { schema: schema({ a: { type: 'string' } }) }))).object
}

export async function failure() {
  return errorOf(() => ai.generateText(ask('[[401]]')))
}

export async function cancelled() {
  const abort = new AbortController()
  setTimeout(() => abort.abort(), 30)
  return errorOf(() => ai.generateText(ask('[[hang]]', { abortSignal: abort.signal })))
}

export async function embed() {
  const { embedding } = await ai.embed({ model: embedder, value: canary })
  return embedding.length
}

export async function embedMany() {
  const { embeddings } = await ai.embedMany({ model: embedder, values: [canary, 'b'] })
  return embeddings.length
}
const embedder = (openai.embeddingModel ?? openai.textEmbeddingModel)('text-embedding-3-small')

export async function streamed() {
  const result = ai.streamText(ask('[[say:one two three]] [[usage:100,20,64]]'))
  return [await drain(result.textStream), await result.finishReason]
}

export async function streamedTools() {
  const lookup = toolOf(async ({ id }) => {
    await delay(2)
    return `order ${id}`
  })
  const result = ai.streamText(ask('[[tool:lookup {"id":7}]] [[usage:9,8]]', { tools: { lookup }, ...steps }))
  return (await drain(result.textStream)).includes('order 7')
}

export async function streamBreak() {
  await (async () => {
    for await (const chunk of ai.streamText(ask('[[words:20]] [[gap:2]]')).textStream) return chunk.length > 0
  })()
  await collectGarbage()
}

export async function streamAbort() {
  const abort = new AbortController()
  const end = await errorOf(async () => {
    let chunks = 0
    for await (const chunk of ai.streamText(ask('[[words:200]] [[gap:2]]', { abortSignal: abort.signal })).textStream)
      if (chunk && ++chunks === 3) abort.abort()
    return 'ended'
  })
  await collectGarbage()
  return end
}

export async function streamError() {
  const end = await errorOf(() => drain(ai.streamText(ask('[[words:20]] [[disconnect:6]]')).textStream).then(() => 'ended'))
  await collectGarbage()
  return end
}

export async function streamTee() {
  const result = ai.streamText(ask('[[say:one two]] [[usage:8,4]]'))
  const [left, right] = await Promise.all([drain(result.textStream), drain(result.fullStream)])
  return [left, right]
}

export async function streamNeverRead() {
  ;(() => void ai.streamText(ask('[[words:20]]')))()
  await delay(100)
  await collectGarbage()
}

export async function streamedObject() {
  const result = ai.streamObject(ask('[[say:{"a":"b"}]] [[usage:9,8]]', { schema: schema({ a: { type: 'string' } }) }))
  await drain(result.partialObjectStream)
  return result.object
}

export async function agent() {
  const Agent = ai.ToolLoopAgent ?? ai.Experimental_Agent
  if (Agent === undefined) return 'not in this version'
  const lookup = toolOf(async ({ id }) => `order ${id}`)
  const agent = new Agent({ id: 'clerk', model, tools: { lookup }, stopWhen: steps.stopWhen, maxRetries: 0 })
  const answer = await agent.generate({ prompt: `${canary} [[tool:lookup {"id":7}]] [[usage:9,8]] ${process.pid}` })
  return [answer.text.includes('order 7'), answer.steps.length]
}

export async function agentStream() {
  const Agent = ai.ToolLoopAgent ?? ai.Experimental_Agent
  if (Agent === undefined) return 'not in this version'
  const agent = new Agent({ model, maxRetries: 0 })
  return drain((await agent.stream({ prompt: `${canary} [[say:one two]] [[usage:8,4]] ${process.pid}` })).textStream)
}
