import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { CohereClient, CohereClientV2 } from 'cohere-ai'

const canary = process.env.CANARY
const options = { token: canary, environment: process.env.COHERE_TEST_URL }
const old = new CohereClient(options)
const client = new CohereClientV2(options)
const model = 'command-a-03-2025'
// The server tells a retry by its bytes, so every program asks something of its own.
const ask = (content, more) => ({ model, messages: [{ role: 'user', content: `${canary} ${content} ${process.pid}` }], ...more })
const parameters = { type: 'object', properties: { id: { type: 'number' } } }
const tools = [{ type: 'function', function: { name: 'lookup', description: canary, parameters } }]
const once = { maxRetries: 0 }

const textOf = (answer) => answer.message.content[0].text
async function drain(stream) {
  let text = ''
  for await (const event of stream) text += event.delta?.message?.content?.text ?? (event.eventType === 'text-generation' ? event.text : '')
  return text
}
async function rejections(wanted) {
  let seen = 0
  const count = () => seen++
  process.on('unhandledRejection', count)
  for (let waited = 0; seen < wanted && waited < 3000; waited += 5) await new Promise((resolve) => setTimeout(resolve, 5))
  process.off('unhandledRejection', count)
}

export async function operation(i) {
  return textOf(await client.chat({ ...ask(`[[say:answer ${i}]] [[usage:7,3]]`), model: `command-${i}` }))
}

export async function chat() {
  const promise = client.chat(
    ask('[[say:Good day]] [[usage:100,20,64]]', { temperature: 0.5, p: 0.9, k: 4, maxTokens: 50, stopSequences: ['x'], seed: 1 }),
  )
  const answer = await promise
  return [promise.constructor.name, textOf(answer), answer.usage, Object.keys(promise)]
}

export async function chatStream() {
  return drain(await client.chatStream(ask('[[say:one two three]] [[usage:100,20]]')))
}

export async function streamBreak() {
  for await (const event of await client.chatStream(ask('[[words:20]] [[gap:2]]'))) return event.type
}

export async function streamAbort() {
  const abort = new AbortController()
  const stream = await client.chatStream(ask('[[words:20]] [[gap:2]]'), { abortSignal: abort.signal })
  let events = 0
  for await (const event of stream) if (event && ++events === 3) abort.abort()
}

export async function streamError() {
  await drain(await client.chatStream(ask('[[words:20]] [[error:6]]')))
}

export async function toolCall() {
  return (await client.chat(ask('[[tool:lookup {"id":7}]] [[usage:9,8]]', { tools }))).message.toolCalls[0].function
}

export async function toolCallStream() {
  let json = ''
  for await (const event of await client.chatStream(ask('[[tool:lookup {"id":7}]] [[usage:9,8]]', { tools })))
    json += event.delta?.message?.toolCalls?.function?.arguments ?? ''
  return json
}

export async function oldChat() {
  const chatHistory = [{ role: 'USER', message: canary }]
  return (await old.chat({ model, message: `${canary} [[say:Hello]] [[usage:8,4]]`, chatHistory, preamble: canary })).text
}

export async function oldChatStream() {
  return drain(await old.chatStream({ model, message: `${canary} [[say:one two]] [[usage:8,4]]` }))
}

export async function generate() {
  return (await old.generate({ model, prompt: `${canary} [[say:Hello]] [[usage:8,4]]` })).generations[0].text
}

export async function embed() {
  const { embeddings } = await client.embed({
    model: 'embed-v4.0',
    texts: [canary, 'b'],
    inputType: 'search_document',
    embeddingTypes: ['float'],
  })
  return embeddings.float.map((vector) => vector.length)
}

export async function rerank() {
  const { results } = await client.rerank({ model: 'rerank-v3.5', query: canary, documents: [canary, 'b', 'c'], topN: 2 })
  return results.length
}

export async function classify() {
  return (await old.classify({ model: 'ft-1', inputs: [canary, 'b'] })).classifications.map(({ input }) => input.length)
}

export async function rawResponse() {
  const promise = client.chat(ask('[[say:Hello]] [[usage:8,4]]'))
  if (promise.withRawResponse === undefined) return textOf(await promise)
  const { data, rawResponse } = await promise.withRawResponse()
  return [textOf(data), rawResponse.status]
}

export async function failure() {
  await client.chat(ask('[[401]]'), once)
}

export async function limited() {
  await client.chatStream(ask('[[429:always]] [[retry-after:5]]'), once)
}

export async function cancelled() {
  const abort = new AbortController()
  // The SDK's timer for the time-out goes on.
  setTimeout(() => abort.abort(), 30)
  await client.chat(ask('[[hang]]'), { ...once, abortSignal: abort.signal, timeoutInSeconds: 1 })
}

export async function unhandled() {
  // One after the other: their order is seen.
  void client.chat(ask('[[401]]'), once)
  await rejections(1)
  void client.chat(ask('[[404]]'), once).then(() => undefined)
  await rejections(1)
  await client.chat(ask('[[404]]'), once).catch(() => undefined)
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc')
  // The promise that nobody asked ends its span when it is collected.
  for (let i = 0; i < 5; i++) {
    collectGarbage()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
