import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { OpenAI } from 'openai'

const canary = process.env.CANARY
const url = process.env.OPENAI_TEST_URL
const client = new OpenAI({ apiKey: canary, baseURL: url, maxRetries: 1 })
const { completions } = client.chat
// stream(), parse() and runTools() lived under `beta` until openai 5.
const helpers = typeof completions.parse === 'function' ? completions : client.beta.chat.completions
const model = 'gpt-4o-mini'
// The server tells a retry by its bytes where the SDK does not number it, so every program asks something of its own.
const ask = (content, more) => ({ model, messages: [{ role: 'user', content: `${canary} ${content} ${process.pid}` }], ...more })
const counted = { stream: true, stream_options: { include_usage: true } }
const lookup = {
  name: 'lookup',
  description: canary,
  parameters: { type: 'object', properties: { id: { type: 'number' } }, required: ['id'], additionalProperties: false },
}

const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const textOf = (answer) => answer.choices[0].message.content
async function drain(stream) {
  let text = ''
  for await (const chunk of stream) text += chunk.choices?.[0]?.delta?.content ?? (chunk.type?.endsWith('text.delta') ? chunk.delta : '')
  return text
}

/** Collects garbage until the object that `make` gives is gone, and the process's other finalisers have had their turn. */
async function untilCollected(make) {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc')
  let isGone = false
  const registry = new FinalizationRegistry(() => (isGone = true))
  registry.register(await make(), undefined)
  for (let rounds = 0; rounds < 5; rounds += isGone ? 1 : 0) {
    await delay(5)
    collectGarbage()
  }
}

let held

export async function operation(i) {
  return textOf(await completions.create({ ...ask(`[[say:answer ${i}]] [[usage:7,3]]`), model: `gpt-${i}` }))
}

export async function chat() {
  const promise = completions.create(
    ask('[[say:Good day]] [[usage:100,20,64,0,5]]', { temperature: 0.5, max_tokens: 50, stop: ['x'], seed: 1, n: 1 }),
  )
  const answer = await promise
  return [promise.constructor.name, textOf(answer), answer.usage, await promise.then((again) => again === answer)]
}

export async function chatStream() {
  return drain(await completions.create(ask('[[say:one two three]] [[usage:100,20,64]]', counted)))
}

export async function chatStreamWithoutUsage() {
  return drain(await completions.create(ask('[[say:one two three]]', { stream: true })))
}

export async function streamBreak() {
  for await (const chunk of await completions.create(ask('[[words:20]] [[gap:2]]', counted))) return chunk.choices.length
}

export async function streamAbort() {
  const stream = await completions.create(ask('[[words:20]] [[gap:2]]', counted))
  let chunks = 0
  for await (const chunk of stream) if (chunk && ++chunks === 3) stream.controller.abort()
  return stream.controller.signal.aborted
}

export async function streamError() {
  await drain(await completions.create(ask('[[words:20]] [[disconnect:6]]', counted)))
}

export async function streamTee() {
  const [left, right] = (await completions.create(ask('[[say:one two]] [[usage:8,4]]', counted))).tee()
  return Promise.all([drain(left), drain(right)])
}

export async function streamNeverRead() {
  await untilCollected(() => completions.create(ask('[[say:one two]]', counted)))
}

export async function streamHeldUnread() {
  held = await completions.create(ask('[[say:one two]]', counted))
  return typeof held
}

export async function streamNext() {
  const iterator = (await completions.create(ask('[[say:one]] [[usage:8,4]]', counted)))[Symbol.asyncIterator]()
  const done = []
  for (let step; !step?.done; done.push(step.done)) step = await iterator.next()
  return [done, await iterator.next()]
}

export async function streamHelper() {
  if (helpers?.stream === undefined) return 'not in this version'
  const runner = helpers.stream(ask('[[say:one two]] [[usage:8,4]]', { stream_options: { include_usage: true } }))
  return (await runner.finalChatCompletion()).choices[0].message.content
}

export async function parse() {
  if (helpers?.parse === undefined) return 'not in this version'
  const schema = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'], additionalProperties: false }
  const format = { type: 'json_schema', json_schema: { name: 'n', strict: true, schema } }
  const answer = await helpers.parse(ask('[[say:{"a":"b"}]] [[usage:9,8]]', { response_format: format }))
  return answer.choices[0].message.parsed
}

export async function runTools() {
  if (helpers?.runTools === undefined) return 'not in this version'
  const tool = { type: 'function', function: { ...lookup, parse: JSON.parse, function: ({ id }) => `order ${id}` } }
  const runner = helpers.runTools(ask('[[tool:lookup {"id":7}]] [[usage:9,8]]', { tools: [tool] }))
  return String(await runner.finalContent()).includes('order 7')
}

export async function withResponse() {
  const { data, response } = await completions.create(ask('[[say:Hello]] [[usage:8,4]]')).withResponse()
  return [textOf(data), response.status]
}

export async function asResponse() {
  const response = await completions.create(ask('[[say:Hello]]')).asResponse()
  const { bodyUsed } = response
  return [bodyUsed, (await response.json()).choices[0].message.content]
}

export async function failure() {
  await completions.create(ask('[[401]]'))
}

/** Until that many rejections were reported as unhandled, or three seconds. */
async function rejections(wanted) {
  let seen = 0
  const count = () => seen++
  process.on('unhandledRejection', count)
  for (let waited = 0; seen < wanted && waited < 3000; waited += 5) await delay(5)
  process.off('unhandledRejection', count)
}

export async function failureHandledLater() {
  const promise = completions.create(ask('[[401]]'))
  await rejections(1)
  return promise.catch((error) => [error.constructor.name, error.status])
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
  void completions.create(ask('[[401]]'), { maxRetries: 0 })
  void completions.create(ask('[[401]]'), { maxRetries: 0 }).then(() => undefined)
  await rejections(2)
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc')
  // The promise that nobody asked ends its span when it is collected.
  for (let i = 0; i < 5; i++) {
    collectGarbage()
    await delay(10)
  }
}

export async function unreachable() {
  await new OpenAI({ apiKey: 'k', baseURL: 'http://127.0.0.1:1/v1', maxRetries: 0 }).chat.completions.create(ask(''))
}

export async function embeddings() {
  const { data } = await client.embeddings.create({ model: 'text-embedding-3-small', input: [canary, 'b'] })
  return data.map(({ embedding }) => embedding.length)
}

export async function images() {
  const { data } = await client.images.generate({ model: 'gpt-image-1', prompt: canary, n: 2 })
  return data.map(({ b64_json: content }) => content.length)
}

export async function speech() {
  const response = await client.audio.speech.create({ model: 'tts-1', voice: 'alloy', input: canary })
  return (await response.arrayBuffer()).byteLength
}

export async function transcription() {
  const file = await OpenAI.toFile(Buffer.alloc(2000), 'question.wav')
  return (await client.audio.transcriptions.create({ model: 'whisper-1', file })).text
}

export async function responses() {
  if (client.responses === undefined) return 'not in this version'
  const answer = await client.responses.create({
    model,
    instructions: canary,
    input: `${canary} [[tool:lookup {"id":7}]] [[usage:50,10,32,0,4]]`,
    tools: [{ type: 'function', strict: true, ...lookup }],
    previous_response_id: 'resp_before',
    max_output_tokens: 99,
  })
  return answer.output[0].arguments
}

export async function responsesStream() {
  if (client.responses === undefined) return 'not in this version'
  return drain(await client.responses.create({ model, input: `${canary} [[say:one two]] [[usage:50,10,32]]`, stream: true }))
}

export async function responsesParse() {
  if (client.responses === undefined) return 'not in this version'
  const answer = await client.responses.parse({ model, input: `${canary} [[say:Hello]] [[usage:50,10]]` })
  return answer.output_text
}
