// The conversation with the model: the tool loop, its streamed form, embeddings.
import { createHash } from 'node:crypto'
import OpenAI from 'openai'
import { cached } from './cache.js'
import { catalogue } from './catalogue.js'
import { config } from './config.js'
import { addMessages, loadMessages } from './conversations.js'
import { findOrder } from './orders.js'
import { callTool, toolDefinitions } from './toolbox.js'

const MAX_ROUNDS = 5
export const openai = new OpenAI(config.openai)

/** Answers one message, calling tools as often as the model asks for them. */
export async function answer(conversation, message) {
  const messages = await promptFor(conversation, message)
  const tools = []
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const completion = await openai.chat.completions.create({ model: config.model, messages, tools: toolDefinitions })
    const reply = completion.choices[0].message
    messages.push(reply)
    if (!reply.tool_calls?.length) {
      await addMessages(conversation, message, reply.content)
      return { text: reply.content, tools, totalTokens: completion.usage?.total_tokens }
    }
    tools.push(...reply.tool_calls.map((call) => call.function.name))
    messages.push(...(await Promise.all(reply.tool_calls.map(callTool))))
  }
  throw new Error(`No answer after ${MAX_ROUNDS} rounds of tool calls`)
}

/** The same as a stream of events: `text`, `tool`, `done`. */
export async function* streamAnswer(conversation, message, signal) {
  const messages = await promptFor(conversation, message)
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const request = { model: config.model, messages, tools: toolDefinitions, stream: true, stream_options: { include_usage: true } }
    const stream = await openai.chat.completions.create(request, { signal })
    const reply = { role: 'assistant', content: '', tool_calls: [] }
    let usage
    for await (const chunk of stream) {
      usage = chunk.usage ?? usage
      const delta = chunk.choices[0]?.delta
      if (delta?.content) {
        reply.content += delta.content
        yield { type: 'text', text: delta.content }
      }
      for (const part of delta?.tool_calls ?? []) addFragment(reply.tool_calls, part)
    }
    if (reply.tool_calls.length === 0) {
      await addMessages(conversation, message, reply.content)
      yield { type: 'done', totalTokens: usage?.total_tokens }
      return
    }
    messages.push(reply)
    for (const call of reply.tool_calls) {
      yield { type: 'tool', name: call.function.name }
      messages.push(await callTool(call))
    }
  }
}

/** Embeds texts; those seen before come from the cache. */
export async function embed(texts) {
  const vectors = await Promise.all(texts.map((text) => cached(`embedding:${hash(text)}`, 300, () => embedOne(text))))
  return { count: vectors.length, dimensions: vectors[0]?.length ?? 0 }
}

/** Explains an order in words, through the responses API. */
export async function explainOrder(id, question) {
  const order = await findOrder(id)
  const stream = await openai.responses.create({
    model: config.model,
    instructions: `Answer in two sentences. The order: ${JSON.stringify(order)}`,
    input: question,
    stream: true,
  })
  let text = ''
  let usage
  for await (const event of stream) {
    if (event.type === 'response.output_text.delta') text += event.delta
    if (event.type === 'response.completed') usage = event.response.usage
  }
  return { text, totalTokens: usage?.total_tokens }
}

async function promptFor(conversation, message) {
  const [products, history] = await Promise.all([catalogue(), loadMessages(conversation)])
  const system = `You help the customers of a small shop. It sells: ${products.map(({ name }) => name).join(', ')}.`
  return [{ role: 'system', content: system }, ...history, { role: 'user', content: message }]
}

// The first fragment of a call carries its id and name; the ones after it only add to the arguments.
function addFragment(calls, { index, id, function: part }) {
  const call = (calls[index] ??= { id, type: 'function', function: { name: '', arguments: '' } })
  call.function.name += part?.name ?? ''
  call.function.arguments += part?.arguments ?? ''
}

async function embedOne(text) {
  const { data } = await openai.embeddings.create({ model: config.embeddingModel, input: text })
  return data[0].embedding
}

const hash = (text) => createHash('sha1').update(text).digest('hex')
