import { once } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Anthropic } from '@anthropic-ai/sdk'

const canary = process.env.CANARY
const client = new Anthropic({ apiKey: canary, baseURL: process.env.ANTHROPIC_TEST_URL, maxRetries: 1 })
const { messages } = client
const model = 'claude-sonnet-4-5'
// The server tells a retry by its bytes where the SDK does not number it, so every program asks something of its own.
const ask = (content, more) => ({
  model,
  max_tokens: 64,
  messages: [{ role: 'user', content: `${canary} ${content} ${process.pid}` }],
  ...more,
})
const lookup = { name: 'lookup', description: canary, input_schema: { type: 'object', properties: { id: { type: 'number' } } } }

const textOf = ({ content }) => content.find(({ type }) => type === 'text')?.text
async function drain(stream) {
  let text = ''
  for await (const event of stream) text += event.delta?.text ?? ''
  return text
}

const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
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
  return textOf(await messages.create({ ...ask(`[[say:answer ${i}]] [[usage:7,3]]`), model: `claude-${i}` }))
}

export async function message() {
  const promise = messages.create(
    ask('[[say:Good day]] [[usage:100,20,64,16]]', { temperature: 0.5, top_k: 4, stop_sequences: ['x'], system: canary }),
  )
  const answer = await promise
  return [promise.constructor.name, textOf(answer), answer.usage, await promise.then((again) => again === answer)]
}

export async function stream() {
  return drain(await messages.create(ask('[[say:one two three]] [[usage:100,20,64]]', { stream: true })))
}

export async function streamBreak() {
  for await (const event of await messages.create(ask('[[words:20]] [[gap:2]] [[usage:100,20]]', { stream: true }))) return event.type
}

export async function streamAbort() {
  const stream = await messages.create(ask('[[words:20]] [[gap:2]] [[usage:100,20]]', { stream: true }))
  let events = 0
  for await (const event of stream) if (event && ++events === 4) stream.controller.abort()
  return stream.controller.signal.aborted
}

export async function streamError() {
  await drain(await messages.create(ask('[[words:20]] [[error:5]] [[usage:100,20]]', { stream: true })))
}

export async function streamTee() {
  const [left, right] = (await messages.create(ask('[[say:one two]] [[usage:8,4]]', { stream: true }))).tee()
  return Promise.all([drain(left), drain(right)])
}

export async function streamNeverRead() {
  await untilCollected(() => messages.create(ask('[[say:one two]]', { stream: true })))
}

export async function streamHeldUnread() {
  held = await messages.create(ask('[[say:one two]]', { stream: true }))
  return typeof held
}

export async function streamHelper() {
  const texts = []
  const helper = messages.stream(ask('[[say:one two]] [[usage:8,4]]')).on('text', (text) => texts.push(text))
  const final = await helper.finalMessage()
  return [texts, textOf(final), final.usage.output_tokens]
}

export async function streamHelperAbort() {
  const helper = messages.stream(ask('[[words:20]] [[gap:5]] [[usage:100,20]]'))
  let events = 0
  helper.on('streamEvent', () => ++events === 4 && helper.abort())
  return helper.done().catch((error) => error.constructor.name)
}

export async function toolUse() {
  const tools = [lookup]
  const question = ask('[[tool:lookup {"id":7}]] [[usage:9,8]]', { tools })
  const first = await messages.create(question)
  const use = first.content.find(({ type }) => type === 'tool_use')
  const result = { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: canary }] }
  await messages.create({ ...question, messages: [...question.messages, { role: 'assistant', content: first.content }, result] })
  return use.input
}

export async function toolUseStream() {
  const tools = [lookup]
  let json = ''
  for await (const event of await messages.create(ask('[[tool:lookup {"id":7}]] [[usage:9,8]]', { tools, stream: true }))) {
    json += event.delta?.partial_json ?? ''
  }
  return json
}

export async function beta() {
  return textOf(await client.beta.messages.create(ask('[[say:Hello]] [[usage:8,4]]')))
}

export async function toolRunner() {
  if (client.beta.messages.toolRunner === undefined) return 'not in this version'
  const tool = { type: 'custom', ...lookup, run: ({ id }) => `order ${id}`, parse: (input) => input }
  const final = await client.beta.messages.toolRunner(ask('[[tool:lookup {"id":7}]] [[usage:9,8]]', { tools: [tool] }))
  return final.role
}

export async function countTokens() {
  if (messages.countTokens === undefined) return 'not in this version'
  const { max_tokens: _, ...body } = ask('Hello')
  return typeof (await messages.countTokens(body)).input_tokens
}

export async function batch() {
  const batches = messages.batches ?? client.beta.messages.batches
  const requests = [1, 2].map((n) => ({ custom_id: `r${n}`, params: ask('[[say:Hello]]') }))
  return (await batches.create({ requests })).processing_status
}

export async function withResponse() {
  const { data, response } = await messages.create(ask('[[say:Hello]] [[usage:8,4]]')).withResponse()
  return [textOf(data), response.status]
}

export async function asResponse() {
  const response = await messages.create(ask('[[say:Hello]]')).asResponse()
  const { bodyUsed } = response
  return [bodyUsed, textOf(await response.json())]
}

export async function failure() {
  await messages.create(ask('[[401]]'))
}

export async function overloaded() {
  await messages.create(ask('[[529:always]] [[retry-after:5]]'), { maxRetries: 0 })
}

export async function retried() {
  return textOf(await messages.create(ask('[[429]] [[retry-after:5]] [[say:at last]] [[usage:8,4]]')))
}

export async function cancelled() {
  const abort = new AbortController()
  setTimeout(() => abort.abort(), 30)
  await messages.create(ask('[[hang]]'), { signal: abort.signal, maxRetries: 0 })
}

export async function unhandled() {
  void messages.create(ask('[[401]]'), { maxRetries: 0 }).then(() => undefined)
  await once(process, 'unhandledRejection')
}
