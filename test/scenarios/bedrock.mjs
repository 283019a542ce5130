import {
  BedrockRuntime,
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
} from '@aws-sdk/client-bedrock-runtime'
import { NodeHttpHandler } from '@smithy/node-http-handler'

const canary = process.env.CANARY
const options = {
  region: 'us-east-1',
  endpoint: process.env.BEDROCK_TEST_URL,
  credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: canary },
  maxAttempts: 2,
  // The newest versions would speak HTTP/2.
  requestHandler: new NodeHttpHandler(),
}
const client = new BedrockRuntimeClient(options)
const modelId = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0'
const ask = (text, more) => ({ modelId, messages: [{ role: 'user', content: [{ text: `${canary} ${text} ${process.pid}` }] }], ...more })
const invoke = (text, more) => ({
  modelId,
  contentType: 'application/json',
  accept: 'application/json',
  body: JSON.stringify({
    anthropic_version: 'bedrock-2023-05-31',
    max_tokens: 64,
    messages: [{ role: 'user', content: `${canary} ${text}` }],
    ...more,
  }),
})
const json = { type: 'object', properties: { id: { type: 'number' } } }
const toolConfig = { tools: [{ toolSpec: { name: 'lookup', description: canary, inputSchema: { json } } }] }

const textOf = ({ output }) => output.message.content[0].text
async function drain({ stream }) {
  let text = ''
  for await (const event of stream) text += event.contentBlockDelta?.delta.text ?? ''
  return text
}

export function teardown() {
  client.destroy()
}

export async function operation(i) {
  return textOf(await client.send(new ConverseCommand({ ...ask(`[[say:answer ${i}]] [[usage:7,3]]`), modelId: `amazon.nova-${i}` })))
}

export async function converse() {
  const inferenceConfig = { maxTokens: 50, temperature: 0.5, topP: 0.5, stopSequences: ['x'] }
  const promise = client.send(
    new ConverseCommand(ask('[[say:Good day]] [[usage:100,20,64,16]]', { inferenceConfig, system: [{ text: canary }] })),
  )
  const answer = await promise
  return [promise.constructor.name, textOf(answer), answer.usage]
}

export async function converseMethod() {
  return textOf(await new BedrockRuntime(options).converse(ask('[[say:Hello]] [[usage:8,4]]')))
}

export async function converseCallback() {
  return new Promise((resolve, reject) => {
    client.send(new ConverseCommand(ask('[[say:Hello]] [[usage:8,4]]')), (error, answer) =>
      error ? reject(error) : resolve(textOf(answer)),
    )
  })
}

export async function converseTool() {
  const answer = await client.send(new ConverseCommand(ask('[[tool:lookup {"id":7}]] [[usage:9,8]]', { toolConfig })))
  return answer.output.message.content[0].toolUse.input
}

export async function converseStream() {
  return drain(await client.send(new ConverseStreamCommand(ask('[[say:one two three]] [[usage:100,20]]'))))
}

export async function converseStreamTool() {
  let text = ''
  const { stream } = await client.send(new ConverseStreamCommand(ask('[[tool:lookup {"id":7}]] [[usage:9,8]]', { toolConfig })))
  for await (const event of stream) text += event.contentBlockDelta?.delta.toolUse.input ?? ''
  return text
}

export async function streamBreak() {
  const { stream } = await client.send(new ConverseStreamCommand(ask('[[words:20]] [[gap:2]]')))
  for await (const event of stream) return Object.keys(event)
}

export async function streamError() {
  await drain(await client.send(new ConverseStreamCommand(ask('[[words:20]] [[error:6]]'))))
}

export async function invokeModel() {
  const { body } = await client.send(new InvokeModelCommand(invoke('[[say:Hello]] [[usage:8,4]]', { temperature: 0.5, system: canary })))
  return JSON.parse(new TextDecoder().decode(body)).content
}

export async function invokeEmbeddings() {
  const body = JSON.stringify({ inputText: canary })
  const answer = await client.send(
    new InvokeModelCommand({ modelId: 'amazon.titan-embed-text-v2:0', contentType: 'application/json', body }),
  )
  return JSON.parse(new TextDecoder().decode(answer.body)).embedding.length
}

export async function invokeStream() {
  const { body } = await client.send(new InvokeModelWithResponseStreamCommand(invoke('[[say:one two]] [[usage:8,4]]')))
  let text = ''
  for await (const { chunk } of body) text += JSON.parse(new TextDecoder().decode(chunk.bytes)).delta?.text ?? ''
  return text
}

export async function failure() {
  await client.send(new ConverseCommand(ask('[[400]]')))
}

export async function retried() {
  return textOf(await client.send(new ConverseCommand(ask('[[429]] [[retry-after:5]] [[say:at last]] [[usage:8,4]]'))))
}

export async function cancelled() {
  const abort = new AbortController()
  setTimeout(() => abort.abort(), 30)
  await client.send(new ConverseCommand(ask('[[hang]]')), { abortSignal: abort.signal })
}
