// An MCP server that the app starts as a child process over stdio: one tree across the process border, and an answer that is the app's own.
import { describe, expect, it } from 'vitest'
import { record, type Format, type Recorded } from '../support/record.ts'
import type { RecordedSpan } from '../support/read-session.ts'

const CLIENT = `
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { CreateMessageRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { span } from '@perf/agent/api'
async function main() {
  const client = new Client({ name: 'app', version: '1.0.0' }, { capabilities: { sampling: {} } })
  client.setRequestHandler(CreateMessageRequestSchema, async () => ({ role: 'assistant', model: 'small', content: { type: 'text', text: 'yes' } }))
  await client.connect(new StdioClientTransport({ command: process.execPath, args: [...process.execArgv, 'server.js'], env: process.env }))
  const echo = (i) => span('request ' + i, () => client.callTool({ name: 'echo', arguments: { i }, _meta: { mine: i } }))
  const results = await Promise.all([0, 1, 2].map(echo))
  console.log(JSON.stringify(results.map((result) => result.content[0].text)))
  await span('asking', () => client.callTool({ name: 'ask', arguments: {} }))
  await client.close()
}
void main()
`
const SERVER = `
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { z } from 'zod'
import { span } from '@perf/agent/api'
const server = new McpServer({ name: 'server', version: '1.0.0' })
server.registerTool('echo', { inputSchema: { i: z.number() } }, async ({ i }, extra) =>
  span('work ' + i, () => ({ content: [{ type: 'text', text: JSON.stringify(extra._meta) }] })))
server.registerTool('ask', { inputSchema: {} }, async (_args, extra) => {
  const params = { messages: [{ role: 'user', content: { type: 'text', text: 'well?' } }], maxTokens: 5 }
  await extra.sendRequest({ method: 'sampling/createMessage', params }, z.any())
  return { content: [] }
})
void server.connect(new StdioServerTransport())
`

async function run(format: Format, agent: 'import' | 'none'): Promise<Recorded> {
  return record({
    app: CLIENT,
    files: { 'server.js': SERVER },
    format,
    agent,
    packages: ['@modelcontextprotocol/sdk@1.32.2'],
    env: { PERF_INTEGRATIONS: 'mcp' },
  })
}

/** Names from the root down to `span`, with a mark where the process changes. */
function pathOf(spans: RecordedSpan[], span: RecordedSpan | undefined): string {
  if (span === undefined) return ''
  const parent = spans.find((other) => other.spanId === span.parentId)
  return parent === undefined ? span.name : `${pathOf(spans, parent)} ${parent.instance === span.instance ? '>' : '>>'} ${span.name}`
}

describe.each(['esm', 'cjs'] as const)('an MCP server over stdio (%s)', (format) => {
  it('is in the tree of the request that called its tool, and shows the app what it sent', async () => {
    const bare = await run(format, 'none')
    const { spans, stdout, stderr, status } = await run(format, 'import')
    expect([stdout, stderr, status]).toEqual([bare.stdout, bare.stderr, bare.status])
    for (const i of [0, 1, 2]) {
      const work = spans.find((span) => span.name === `work ${i}`)
      expect(pathOf(spans, work)).toBe(`request ${i} > tools/call echo >> tools/call echo > execute_tool echo > work ${i}`)
    }
    const sampling = spans.filter((span) => span.name === 'sampling/createMessage').map((span) => pathOf(spans, span))
    const ask = 'asking > tools/call ask >> tools/call ask > execute_tool ask > sampling/createMessage'
    expect(sampling.sort()).toEqual([ask, `${ask} >> sampling/createMessage`])
    expect(spans.filter((span) => span.layer === 'tool').map((span) => span.name)).toEqual([
      ...Array<string>(3).fill('execute_tool echo'),
      'execute_tool ask',
    ])
    expect(spans.find((span) => span.name === 'tools/call echo')?.attributes['network.transport']).toBe('pipe')
  })
})

const OVER_HTTP = `
import http from 'node:http'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { span } from '@perf/agent/api'
async function main() {
  const server = new McpServer({ name: 'server', version: '1.0.0' })
  server.registerTool('echo', { inputSchema: {} }, async () => span('work', () => ({ content: [] })))
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: () => 'session' })
  await server.connect(transport)
  const listening = http.createServer((request, response) => transport.handleRequest(request, response))
  await new Promise((resolve) => listening.listen(0, '127.0.0.1', resolve))
  const client = new Client({ name: 'app', version: '1.0.0' })
  await client.connect(new StreamableHTTPClientTransport(new URL('http://127.0.0.1:' + listening.address().port)))
  await span('request', () => client.callTool({ name: 'echo', arguments: {} }))
  await client.close()
  listening.close()
  listening.closeAllConnections()
}
void main()
`

describe('an MCP server over HTTP, with HTTP recorded as well', () => {
  it('is one tree, in which the tool is called once', async () => {
    const { spans } = await record({
      app: OVER_HTTP,
      packages: ['@modelcontextprotocol/sdk@1.32.2'],
      env: { PERF_INTEGRATIONS: 'mcp,undici,http-server' },
    })
    const root = spans.find((span) => span.name === 'request')
    const paths = spans.filter((span) => span.traceId === root?.traceId).map((span) => pathOf(spans, span))
    expect(paths.sort()).toEqual([
      'request',
      'request > tools/call echo',
      'request > tools/call echo > POST',
      'request > tools/call echo > POST > POST',
      'request > tools/call echo > tools/call echo',
      'request > tools/call echo > tools/call echo > execute_tool echo',
      'request > tools/call echo > tools/call echo > execute_tool echo > work',
    ])
    expect(spans.filter((span) => span.layer === 'tool').map((span) => span.name)).toEqual(['execute_tool echo'])
  })
})
