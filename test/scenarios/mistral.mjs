import { Mistral } from '@mistralai/mistralai'
import { z } from 'zod'

const canary = process.env.CANARY
const serverURL = process.env.MISTRAL_TEST_URL
const client = new Mistral({ apiKey: canary, serverURL })
const model = 'mistral-medium-2508'
// The server tells a retry by its bytes, so every program asks something of its own.
const ask = (content, more) => ({ model, messages: [{ role: 'user', content: `${canary} ${content} ${process.pid}` }], ...more })
const parameters = { type: 'object', properties: { id: { type: 'number' } } }
const tools = [{ type: 'function', function: { name: 'lookup', description: canary, parameters } }]
const retries = { strategy: 'backoff', backoff: { initialInterval: 5, maxInterval: 10, exponent: 1, maxElapsedTime: 2000 } }

const textOf = (answer) => answer.choices[0].message.content
async function drain(stream) {
  let text = ''
  for await (const { data } of stream) text += data.choices[0].delta.content ?? ''
  return text
}

export async function operation(i) {
  return textOf(await client.chat.complete({ ...ask(`[[say:answer ${i}]] [[usage:7,3]]`), model: `mistral-${i}` }))
}

export async function chat() {
  const promise = client.chat.complete(
    ask('[[say:Good day]] [[usage:100,20,64]]', { temperature: 0.5, maxTokens: 50, stop: 'x', randomSeed: 1 }),
  )
  const answer = await promise
  return [promise.constructor.name, textOf(answer), answer.usage]
}

export async function chatStream() {
  return drain(await client.chat.stream(ask('[[say:one two three]] [[usage:100,20]]')))
}

export async function streamBreak() {
  for await (const { data } of await client.chat.stream(ask('[[words:20]] [[gap:2]]'))) return data.choices.length
}

export async function streamAbort() {
  const abort = new AbortController()
  const stream = await client.chat.stream(ask('[[words:20]] [[gap:2]]'), { fetchOptions: { signal: abort.signal } })
  let events = 0
  for await (const event of stream) if (event && ++events === 3) abort.abort()
}

export async function streamError() {
  await drain(await client.chat.stream(ask('[[words:20]] [[error:6]]')))
}

export async function toolCall() {
  return (await client.chat.complete(ask('[[tool:lookup {"id":7}]] [[usage:9,8]]', { tools }))).choices[0].message.toolCalls[0].function
}

export async function toolCallStream() {
  let json = ''
  for await (const { data } of await client.chat.stream(ask('[[tool:lookup {"id":7}]] [[usage:9,8]]', { tools })))
    json += data.choices[0].delta.toolCalls?.[0]?.function.arguments ?? ''
  return json
}

export async function parse() {
  const answer = await client.chat.parse({ ...ask('[[say:{"a":"b"}]] [[usage:9,8]]'), responseFormat: z.object({ a: z.string() }) })
  return answer.choices[0].message.parsed
}

export async function agent() {
  const { messages } = ask('[[say:Hello]] [[usage:8,4]]')
  return textOf(await client.agents.complete({ agentId: 'ag_1', messages }))
}

export async function agentStream() {
  const { messages } = ask('[[say:one two]] [[usage:8,4]]')
  return drain(await client.agents.stream({ agentId: 'ag_1', messages }))
}

export async function fillInTheMiddle() {
  return textOf(await client.fim.complete({ model: 'codestral-2508', prompt: `${canary} [[say:return a]] [[usage:8,4]]`, suffix: canary }))
}

export async function embeddings() {
  const { data } = await client.embeddings.create({ model: 'mistral-embed', inputs: [canary, 'b'] })
  return data.map(({ embedding }) => embedding.length)
}

const conversations = client.beta.conversations
export async function conversation() {
  const args = { temperature: 0.5, maxTokens: 50 }
  const inputs = `${canary} [[say:Good day]] [[usage:10,4]]`
  const first = await conversations.start({ model, inputs, instructions: canary, completionArgs: args, store: true })
  const next = await conversations.append({
    conversationId: first.conversationId,
    conversationAppendRequest: { inputs: `${canary} [[tool:lookup {"id":7}]] [[usage:20,5]]` },
  })
  return [first.outputs[0].content, next.outputs[0].name, next.usage.totalTokens]
}

export async function conversationStream() {
  const types = []
  const ask = (content) => conversations.startStream({ agentId: 'ag_1', inputs: `${canary} ${content}` })
  for await (const { data } of await ask('[[say:Good day]] [[usage:10,4]]')) types.push(data.type)
  for await (const { data } of await ask('[[say:Good day]] [[broken]]')) types.push(data.type)
  return types
}

export async function documents() {
  const document = { type: 'document_url', documentUrl: `https://example.com/${canary}.pdf` }
  return (await client.ocr.process({ model: 'mistral-ocr-latest', document })).pages.length
}

export async function judgements() {
  const flagged = await client.classifiers.moderate({ model: 'mistral-moderation-latest', inputs: [canary, 'b'] })
  const mood = await client.classifiers.classify({ model: 'ft:classifier', inputs: [canary] })
  return [flagged.results.length, mood.results.length]
}

export async function audio() {
  const request = { model: 'voxtral-mini-latest', fileUrl: `https://example.com/${canary}.mp3` }
  const whole = await client.audio.transcriptions.complete(request)
  let text = ''
  for await (const { data } of await client.audio.transcriptions.stream(request))
    text += data.type === 'transcription.text.delta' ? data.text : ''
  return [whole.text, text]
}

export async function failure() {
  await client.chat.complete(ask('[[401]]'))
}

export async function limited() {
  await client.chat.stream(ask('[[429:always]] [[retry-after:5]]'))
}

export async function retried() {
  return textOf(await client.chat.complete(ask('[[429]] [[retry-after:5]] [[say:at last]] [[usage:8,4]]'), { retries }))
}

export async function cancelled() {
  const abort = new AbortController()
  setTimeout(() => abort.abort(), 30)
  await client.chat.complete(ask('[[hang]]'), { fetchOptions: { signal: abort.signal } })
}
