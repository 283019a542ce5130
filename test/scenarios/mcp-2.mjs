// As mcp.mjs, for the packages the SDK was split into.
import { randomUUID } from 'node:crypto'
import http from 'node:http'
import { Client, InMemoryTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node'
import { McpServer, ResourceTemplate, Server, createMcpHandler } from '@modelcontextprotocol/server'
import { z } from 'zod'

const canary = process.env.CANARY
const info = { name: 'scenario', version: '1.0.0' }
const metas = []
let overHttp, inMemory, low, negotiating, httpServer, newServer

function makeServer() {
  const server = new McpServer(info)
  for (let i = 0; i < 7; i++)
    server.registerTool(`tool-${i}`, { inputSchema: z.object({ n: z.number() }) }, async ({ n }, context) => {
      await new Promise((resolve) => setTimeout(resolve, 1))
      metas.push(context.mcpReq._meta ?? null)
      return { content: [{ type: 'text', text: `${n} ${canary}` }] }
    })
  server.registerTool('fails', { inputSchema: z.object({}) }, async () => {
    throw new Error(canary)
  })
  server.registerTool('asks', { inputSchema: z.object({}) }, async (_args, context) => {
    const message = { role: 'user', content: { type: 'text', text: canary } }
    const params = { messages: [message], maxTokens: 10 }
    const answer = await context.mcpReq.send({ method: 'sampling/createMessage', params })
    return { content: [{ type: 'text', text: answer.model }] }
  })
  server.registerTool('slow', { inputSchema: z.object({}) }, async (_args, { mcpReq }) => {
    await new Promise((resolve) => mcpReq.signal.addEventListener('abort', resolve))
    return { content: [] }
  })
  server.registerResource('notes', new ResourceTemplate('notes://{id}', { list: undefined }), {}, async (uri) => ({
    contents: [{ uri: uri.href, text: canary }],
  }))
  server.registerPrompt('greet', { argsSchema: z.object({ name: z.string() }) }, ({ name }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `${name} ${canary}` } }],
  }))
  return server
}

async function makeClient(transport, options) {
  const client = new Client(info, { capabilities: { sampling: {} }, ...options })
  client.setRequestHandler('sampling/createMessage', async () => ({
    role: 'assistant',
    model: 'small',
    content: { type: 'text', text: canary },
  }))
  await client.connect(transport)
  return client
}

export async function setup() {
  const transport = new NodeStreamableHTTPServerTransport({ sessionIdGenerator: () => randomUUID() })
  await makeServer().connect(transport)
  httpServer = http.createServer((request, response) => transport.handleRequest(request, response))
  await new Promise((resolve) => httpServer.listen(0, '127.0.0.1', resolve))
  overHttp = await makeClient(new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${httpServer.address().port}/mcp`)))
  newServer = http.createServer(toNodeHandler(createMcpHandler(makeServer)))
  await new Promise((resolve) => newServer.listen(0, '127.0.0.1', resolve))
  const newUrl = new URL(`http://127.0.0.1:${newServer.address().port}/mcp`)
  negotiating = await makeClient(new StreamableHTTPClientTransport(newUrl), { versionNegotiation: { mode: 'auto' } })
  const [ours, theirs] = InMemoryTransport.createLinkedPair()
  await makeServer().connect(theirs)
  inMemory = await makeClient(ours)
  const [near, far] = InMemoryTransport.createLinkedPair()
  low = new Server(info, { capabilities: { tools: {} } })
  low.setRequestHandler('tools/call', async (request) => ({ content: [{ type: 'text', text: request.params.name }] }))
  await low.connect(far)
  low.client = await makeClient(near)
}

export async function teardown() {
  await negotiating.close()
  newServer.close()
  newServer.closeAllConnections()
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

/** The protocol of 2026: no session, a server per request. */
export async function negotiated() {
  metas.length = 0
  await negotiating.callTool({ name: 'tool-3', arguments: { n: 1 } })
  return metas
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
  const result = inMemory.callTool({ name: 'slow', arguments: {} }, { signal: controller.signal })
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
