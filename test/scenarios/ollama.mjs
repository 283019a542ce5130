import { Ollama } from 'ollama'

const canary = process.env.CANARY
const client = new Ollama({ host: process.env.OLLAMA_TEST_URL })
const model = 'llama3.2'
const ask = (content, more) => ({ model, messages: [{ role: 'user', content: `${canary} ${content}` }], ...more })
const parameters = { type: 'object', properties: { id: { type: 'number' } } }
const tools = [{ type: 'function', function: { name: 'lookup', description: canary, parameters } }]

async function drain(stream) {
  let text = ''
  for await (const part of stream) text += part.message?.content ?? part.response
  return text
}

export async function operation(i) {
  return (await client.chat({ ...ask(`[[say:answer ${i}]] [[usage:7,3]]`), model: `llama-${i}` })).message.content
}

export async function chat() {
  const options = { temperature: 0.5, top_k: 4, num_predict: 50, stop: ['x'], seed: 1 }
  const promise = client.chat(ask('[[say:Good day]] [[usage:100,20]]', { options, format: 'json' }))
  const answer = await promise
  return [promise.constructor.name, answer]
}

export async function chatStream() {
  return drain(await client.chat(ask('[[say:one two three]] [[usage:100,20]]', { stream: true })))
}

export async function streamBreak() {
  for await (const part of await client.chat(ask('[[words:20]] [[gap:2]]', { stream: true }))) return part.done
}

export async function streamAbort() {
  const stream = await client.chat(ask('[[words:20]] [[gap:2]]', { stream: true }))
  let parts = 0
  for await (const part of stream) if (part && ++parts === 3) client.abort()
}

export async function streamError() {
  await drain(await client.chat(ask('[[words:20]] [[error:6]]', { stream: true })))
}

export async function streamDisconnect() {
  await drain(await client.chat(ask('[[words:20]] [[truncate:6]]', { stream: true })))
}

export async function toolCall() {
  return (await client.chat(ask('[[tool:lookup {"id":7}]] [[usage:9,8]]', { tools }))).message.tool_calls
}

export async function toolCallStream() {
  let calls
  for await (const part of await client.chat(ask('[[tool:lookup {"id":7}]] [[usage:9,8]]', { tools, stream: true })))
    calls = part.message.tool_calls ?? calls
  return calls
}

export async function generate() {
  return (await client.generate({ model, prompt: `${canary} [[say:Hello]] [[usage:8,4]]`, system: canary })).response
}

export async function generateStream() {
  return drain(await client.generate({ model, prompt: `${canary} [[say:one two]] [[usage:8,4]]`, stream: true }))
}

export async function embed() {
  const { embeddings } = await client.embed({ model: 'nomic-embed-text', input: [canary, 'b'] })
  return embeddings.map((vector) => vector.length)
}

export async function oldEmbeddings() {
  return (await client.embeddings({ model: 'nomic-embed-text', prompt: canary })).embedding.length
}

export async function failure() {
  await client.chat(ask('[[404]]'))
}

export async function unreachable() {
  await new Ollama({ host: 'http://127.0.0.1:1' }).chat(ask(''))
}

export async function handledLater() {
  const promise = client.chat(ask('[[404]]'))
  let seen = 0
  const count = () => seen++
  process.on('unhandledRejection', count)
  for (let waited = 0; seen < 1 && waited < 3000; waited += 5) await new Promise((resolve) => setTimeout(resolve, 5))
  process.off('unhandledRejection', count)
  return promise.catch((error) => [error.constructor.name, error.status_code])
}
