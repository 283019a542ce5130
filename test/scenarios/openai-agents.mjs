import { setTimeout as delay } from 'node:timers/promises'
import { Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, run, tool } from '@openai/agents'
import OpenAI from 'openai'

const canary = process.env.CANARY
const client = new OpenAI({ apiKey: canary, baseURL: process.env.OPENAI_TEST_URL, maxRetries: 0 })
const chat = (name = 'gpt-4o-mini') => new OpenAIChatCompletionsModel(client, name)
const agentOf = (more) => new Agent({ name: 'clerk', instructions: canary, model: chat(), ...more })
// The server tells a retry by its bytes, so every program asks something of its own.
const ask = (content) => `${canary} ${content} ${process.pid}`
const parameters = { type: 'object', properties: { id: { type: 'number' } }, required: ['id'], additionalProperties: false }
const lookupOf = (execute) => tool({ name: 'lookup', description: canary, parameters, strict: true, execute })
const lookup = lookupOf(async ({ id }) => {
  await delay(1)
  return `order ${id}`
})

async function errorOf(task) {
  try {
    return [await task()]
  } catch (error) {
    return [error.name, error.constructor.name, error.status]
  }
}

export async function operation(i) {
  const agent = agentOf({ name: `clerk ${i}`, model: chat(`gpt-${i}`) })
  return (await run(agent, ask(`[[say:answer ${i}]] [[usage:7,3]]`))).finalOutput
}

export async function responses() {
  const agent = agentOf({ model: new OpenAIResponsesModel(client, 'gpt-4o-mini'), modelSettings: { temperature: 0.5, maxTokens: 50 } })
  return (await run(agent, ask('[[say:Good day]] [[usage:100,20,64,0,5]]'))).finalOutput
}

export async function tools() {
  const result = await run(agentOf({ tools: [lookup] }), ask('[[tool:lookup {"id":7}]] [[usage:9,8]]'))
  return [String(result.finalOutput).includes('order 7'), result.rawResponses.length]
}

export async function toolFailure() {
  const failing = lookupOf(() => {
    throw new RangeError('no such order')
  })
  const result = await run(agentOf({ tools: [failing] }), ask('[[tool:lookup {"id":7}]] [[usage:9,8]]'))
  return result.rawResponses.length
}

export async function handoff() {
  const expert = agentOf({ name: 'expert', tools: [] })
  const result = await run(agentOf({ handoffs: [expert] }), ask('[[tool:transfer_to_expert {}]] [[usage:9,8]]'))
  return result.lastAgent.name
}

export async function failure() {
  return errorOf(() => run(agentOf(), ask('[[401]]')))
}

export async function cancelled() {
  const abort = new AbortController()
  setTimeout(() => abort.abort(), 30)
  return (await errorOf(() => run(agentOf(), ask('[[hang]]'), { signal: abort.signal }))).length
}

export async function streamed() {
  const result = await run(agentOf({ tools: [lookup] }), ask('[[tool:lookup {"id":7}]] [[usage:9,8]]'), { stream: true })
  let text = ''
  for await (const chunk of result.toTextStream()) text += chunk
  return text.includes('order 7')
}

export async function streamBreak() {
  const result = await run(agentOf(), ask('[[words:20]] [[gap:1]]'), { stream: true })
  for await (const event of result) if (event.type === 'raw_model_stream_event') break
  await result.completed.catch(() => undefined)
  await delay(60)
  return result.constructor.name
}

export async function streamAbort() {
  const abort = new AbortController()
  const result = await run(agentOf(), ask('[[words:200]] [[gap:2]]'), { stream: true, signal: abort.signal })
  const end = await errorOf(async () => {
    let events = 0
    for await (const event of result) if (event && ++events === 3) abort.abort()
    return 'ended'
  })
  await result.completed.catch(() => undefined)
  await delay(60)
  return end.length
}

export async function streamError() {
  const result = await run(agentOf(), ask('[[words:20]] [[disconnect:6]]'), { stream: true })
  const end = await errorOf(async () => {
    for await (const event of result) if (!event) return event
    await result.completed
  })
  return end.length
}

export async function streamTee() {
  const result = await run(agentOf(), ask('[[say:one two]] [[usage:8,4]]'), { stream: true })
  const texts = result
    .toTextStream()
    .tee()
    .map(async (branch) => {
      let text = ''
      for await (const chunk of branch) text += chunk
      return text
    })
  return Promise.all(texts)
}

export async function streamNeverRead() {
  const result = await run(agentOf(), ask('[[say:one two]] [[usage:8,4]]'), { stream: true })
  await result.completed
}
