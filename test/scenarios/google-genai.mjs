import { GoogleGenAI } from '@google/genai'

const canary = process.env.CANARY
const httpOptions = { baseUrl: process.env.GEMINI_TEST_URL }
const { models, chats } = new GoogleGenAI({ apiKey: canary, httpOptions })
const model = 'gemini-2.5-flash'
const ask = (text, config) => ({ model, contents: [{ role: 'user', parts: [{ text: `${canary} ${text}` }] }], ...(config && { config }) })
const parameters = { type: 'OBJECT', properties: { id: { type: 'NUMBER' } } }
const functionDeclarations = [{ name: 'lookup', description: canary, parameters }]

async function drain(stream) {
  let text = ''
  for await (const chunk of stream) text += chunk.text ?? ''
  return text
}

export async function operation(i) {
  return (await models.generateContent({ ...ask(`[[say:answer ${i}]] [[usage:7,3]]`), model: `gemini-${i}` })).text
}

export async function generate() {
  const config = { temperature: 0.5, topK: 4, maxOutputTokens: 50, stopSequences: ['x'], seed: 1, systemInstruction: canary }
  const promise = models.generateContent(ask('[[say:Good day]] [[usage:100,25,64,0,5]]', config))
  const answer = await promise
  return [promise.constructor.name, answer.constructor.name, answer.text, answer.usageMetadata]
}

export async function generateStream() {
  return drain(await models.generateContentStream(ask('[[say:one two three]] [[usage:100,20]]')))
}

export async function streamBreak() {
  for await (const chunk of await models.generateContentStream(ask('[[words:20]] [[gap:2]] [[usage:100,20]]'))) return chunk.text
}

export async function streamAbort() {
  const abort = new AbortController()
  const stream = await models.generateContentStream(ask('[[words:20]] [[gap:5]] [[usage:100,20]]', { abortSignal: abort.signal }))
  let chunks = 0
  for await (const chunk of stream) if (chunk && ++chunks === 3) abort.abort()
}

export async function streamError() {
  await drain(await models.generateContentStream(ask('[[words:20]] [[disconnect:6]] [[usage:100,20]]')))
}

export async function toolCall() {
  return (await models.generateContent(ask('[[tool:lookup {"id":7}]] [[usage:9,8]]', { tools: [{ functionDeclarations }] }))).functionCalls
}

export async function toolCallStream() {
  const calls = []
  for await (const chunk of await models.generateContentStream(
    ask('[[tool:lookup {"id":7}]] [[usage:9,8]]', { tools: [{ functionDeclarations }] }),
  ))
    calls.push(...(chunk.functionCalls ?? []))
  return calls
}

export async function automaticCalls() {
  const lookup = {
    tool: async () => ({ functionDeclarations }),
    callTool: async (calls) => calls.map(({ name }) => ({ functionResponse: { name, response: { order: canary } } })),
  }
  const answer = await models.generateContent(ask('[[tool:lookup {"id":7}]] [[usage:9,8]]', { tools: [lookup] }))
  return answer.text.includes('Here is what I found')
}

export async function chat() {
  const talk = chats.create({ model })
  const first = await talk.sendMessage({ message: `${canary} [[say:Hello]] [[usage:8,4]]` })
  return [first.text, talk.getHistory().length]
}

export async function embeddings() {
  const answer = await models.embedContent({ model: 'gemini-embedding-001', contents: [canary, 'b'] })
  return answer.embeddings.map(({ values }) => values.length)
}

export async function images() {
  const answer = await models.generateImages({ model: 'imagen-4.0-generate-001', prompt: canary, config: { numberOfImages: 2 } })
  return answer.generatedImages.length
}

export async function countTokens() {
  return typeof (await models.countTokens(ask('Hello'))).totalTokens
}

export async function failure() {
  await models.generateContent(ask('[[400]]'))
}

export async function limited() {
  await models.generateContentStream(ask('[[429:always]]'))
}

export async function cancelled() {
  const abort = new AbortController()
  setTimeout(() => abort.abort(), 30)
  await models.generateContent(ask('[[hang]]', { abortSignal: abort.signal }))
}
