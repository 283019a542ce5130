import { setTimeout as delay } from 'node:timers/promises'
import { Groq } from 'groq-sdk'

const canary = process.env.CANARY
const baseURL = process.env.GROQ_TEST_URL
const client = new Groq({ apiKey: canary, baseURL, maxRetries: 1 })
const { completions } = client.chat
const model = 'llama-3.3-70b-versatile'
// The server tells a retry by its bytes where the SDK does not number it, so every program asks something of its own.
const ask = (content, more) => ({ model, messages: [{ role: 'user', content: `${canary} ${content} ${process.pid}` }], ...more })
const lookup = { name: 'lookup', description: canary, parameters: { type: 'object', properties: { id: { type: 'number' } } } }
const tools = [{ type: 'function', function: lookup }]

const textOf = (answer) => answer.choices[0].message.content
async function drain(stream) {
  let text = ''
  for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? ''
  return text
}

export async function operation(i) {
  return textOf(await completions.create({ ...ask(`[[say:answer ${i}]] [[usage:7,3]]`), model: `llama-${i}` }))
}

export async function chat() {
  const promise = completions.create(
    ask('[[say:Good day]] [[usage:100,20,64,0,5]]', { temperature: 0.5, max_tokens: 50, stop: 'x', seed: 1 }),
  )
  const answer = await promise
  return [promise.constructor.name, textOf(answer), answer.usage, await promise.then((again) => again === answer)]
}

export async function chatStream() {
  return drain(await completions.create(ask('[[say:one two three]] [[usage:100,20,64]]', { stream: true })))
}

export async function streamBreak() {
  for await (const chunk of await completions.create(ask('[[words:20]] [[gap:2]]', { stream: true }))) return chunk.choices.length
}

export async function streamAbort() {
  const stream = await completions.create(ask('[[words:20]] [[gap:2]]', { stream: true }))
  let chunks = 0
  for await (const chunk of stream) if (chunk && ++chunks === 3) stream.controller.abort()
  return stream.controller.signal.aborted
}

export async function streamError() {
  await drain(await completions.create(ask('[[words:20]] [[error:6]]', { stream: true })))
}

export async function streamTee() {
  const [left, right] = (await completions.create(ask('[[say:one two]] [[usage:8,4]]', { stream: true }))).tee()
  return Promise.all([drain(left), drain(right)])
}

export async function toolCall() {
  const answer = await completions.create(ask('[[tool:lookup {"id":7}]] [[usage:9,8]]', { tools }))
  return answer.choices[0].message.tool_calls[0].function
}

export async function toolCallStream() {
  let json = ''
  const stream = await completions.create(ask('[[tool:lookup {"id":7}]] [[usage:9,8]]', { tools, stream: true }))
  for await (const chunk of stream) json += chunk.choices[0]?.delta?.tool_calls?.[0]?.function?.arguments ?? ''
  return json
}

export async function withResponse() {
  const { data, response } = await completions.create(ask('[[say:Hello]] [[usage:8,4]]')).withResponse()
  return [textOf(data), response.status]
}

export async function asResponse() {
  const response = await completions.create(ask('[[say:Hello]]')).asResponse()
  const { bodyUsed } = response
  return [bodyUsed, textOf(await response.json())]
}

export async function failure() {
  await completions.create(ask('[[401]]'))
}

export async function retried() {
  return textOf(await completions.create(ask('[[429]] [[retry-after:5]] [[say:at last]] [[usage:8,4]]')))
}

export async function limited() {
  await completions.create(ask('[[429:always]] [[retry-after:5]]'), { maxRetries: 0 })
}

export async function cancelled() {
  const abort = new AbortController()
  setTimeout(() => abort.abort(), 30)
  await completions.create(ask('[[hang]]'), { signal: abort.signal, maxRetries: 0 })
}

export async function unhandled() {
  let seen = 0
  const count = () => seen++
  process.on('unhandledRejection', count)
  void completions.create(ask('[[401]]'), { maxRetries: 0 }).then(() => undefined)
  for (let waited = 0; seen < 1 && waited < 3000; waited += 5) await delay(5)
  process.off('unhandledRejection', count)
}

export async function embeddings() {
  const { data } = await client.embeddings.create({ model: 'nomic-embed-text-v1_5', input: [canary, 'b'] })
  return data.map(({ embedding }) => embedding.length)
}

export async function transcription() {
  const file = await Groq.toFile(Buffer.alloc(2000), 'question.wav')
  return (await client.audio.transcriptions.create({ model: 'whisper-large-v3', file })).text
}
