// A client and a server of MCP in one process, over streamable HTTP and in memory.
import { randomUUID } from 'node:crypto'
import http from 'node:http'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { CallToolRequestSchema, CreateMessageRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { z } from 'zod'

const canary = process.env.CANARY
const info = { name: 'scenario', version: '1.0.0' }
const metas = []
let overHttp, inMemory, low, httpServer

function makeServer() {
  const server = new McpServer(info)
  for (let i = 0; i < 7; i++)
    server.registerTool(`tool-${i}`, { inputSchema: { n: z.number() } }, async ({ n }, extra) => {
      await new Promise((resolve) => setTimeout(resolve, 1))
      metas.push(extra._meta ?? null)
      return { content: [{ type: 'text', text: `${n} ${canary}` }] }
    })
  server.registerTool('fails', { inputSchema: {} }, async () => {
    throw new Error(canary)
  })
  server.registerTool('asks', { inputSchema: {} }, async (_args, extra) => {
    const message = { role: 'user', content: { type: 'text', text: canary } }
    const params = { messages: [message], maxTokens: 10 }
    const answer = await extra.sendRequest({ method: 'sampling/createMessage', params }, z.any())
    return { content: [{ type: 'text', text: answer.model }] }
  })
  server.registerTool('slow', { inputSchema: {} }, async (_args, { signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    return { content: [] }
  })
  server.registerResource('notes', new ResourceTemplate('notes://{id}', { list: undefined }), {}, async (uri) => ({
    contents: [{ uri: uri.href, text: canary }],
  }))
  server.registerPrompt('greet', { argsSchema: { name: z.string() } }, ({ name }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `${name} ${canary}` } }],
  }))
  return server
}

async function makeClient(transport) {
  const client = new Client(info, { capabilities: { sampling: {} } })
  client.setRequestHandler(CreateMessageRequestSchema, async () => ({
    role: 'assistant',
    model: 'small',
    content: { type: 'text', text: canary },
  }))
  await client.connect(transport)
  return client
}

export async function setup() {
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: () => randomUUID() })
  await makeServer().connect(transport)
  httpServer = http.createServer((request, response) => transport.handleRequest(request, response))
  await new Promise((resolve) => httpServer.listen(0, '127.0.0.1', resolve))
  overHttp = await makeClient(new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${httpServer.address().port}/mcp`)))
  const [ours, theirs] = InMemoryTransport.createLinkedPair()
  await makeServer().connect(theirs)
  inMemory = await makeClient(ours)
  const [near, far] = InMemoryTransport.createLinkedPair()
  low = new Server(info, { capabilities: { tools: {} } })
  low.setRequestHandler(CallToolRequestSchema, async (request) => ({ content: [{ type: 'text', text: request.params.name }] }))
  await low.connect(far)
  low.client = await makeClient(near)
}

export async function teardown() {
  await low.client.close()
  await inMemory.close()
  await overHttp.close()
  httpServer.close()
  httpServer.closeAllConnections()
}

export async function operation(i) {
  const { content } = await overHttp.callTool({ name: `tool-${i % 7}`, arguments: { n: i } })
  return content[0].text.split(' ')[0]
}

export async function call() {
  const params = Object.freeze({ name: 'tool-1', arguments: Object.freeze({ n: 1, note: canary }) })
  const { content, isError } = await inMemory.callTool(params)
  return [content[0].text.includes(canary), isError, Object.keys(params)]
}

/** What the tool sees of `_meta` is what its caller sent. */
export async function meta() {
  metas.length = 0
  await inMemory.callTool({ name: 'tool-2', arguments: { n: 1 } })
  await inMemory.callTool({ name: 'tool-2', arguments: { n: 1 }, _meta: {} })
  await inMemory.callTool({ name: 'tool-2', arguments: { n: 1 }, _meta: { mine: 1 } })
  return metas
}

export async function failingTool() {
  const { isError, content } = await overHttp.callTool({ name: 'fails', arguments: {} })
  return [isError, content[0].text.includes(canary)]
}

export async function unknownMethod() {
  return inMemory.request({ method: 'no/such' }, z.any())
}

export async function invalidArguments() {
  return inMemory.request({ method: 'prompts/get', params: { name: 'greet', arguments: { wrong: 'x' } } }, z.any())
}

export async function sampling() {
  const { content } = await inMemory.callTool({ name: 'asks', arguments: {} })
  return content[0].text
}

export async function samplingOverHttp() {
  const { content } = await overHttp.callTool({ name: 'asks', arguments: {} })
  return content[0].text
}

export async function cancelled() {
  const controller = new AbortController()
  const result = inMemory.callTool({ name: 'slow', arguments: {} }, undefined, { signal: controller.signal })
  setTimeout(() => controller.abort(new Error('enough')), 5)
  return result
}

export async function listing() {
  const { tools } = await overHttp.listTools()
  return tools.length
}

export async function resource() {
  const { contents } = await overHttp.readResource({ uri: 'notes://one?token=secret' })
  return contents.length
}

export async function prompt() {
  const { messages } = await overHttp.getPrompt({ name: 'greet', arguments: { name: canary } })
  return messages.length
}

export async function lowLevel() {
  const { content } = await low.client.callTool({ name: 'any', arguments: { n: 1 } })
  return content
}
