import mcp from '../../src/integrations/mcp.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

type Transport = 'http' | 'memory'
const isId = (value: unknown): boolean => typeof value === 'string' && /^\d+$/.test(value)
const uuid = /^[0-9a-f-]{36}$/

/** Attributes of the connection as the MCP client and as the MCP server see it. */
function connection(transport: Transport, role: 'client' | 'server'): Record<string, ExpectedValue> {
  if (transport === 'memory') return {}
  const http = { 'network.transport': 'tcp', 'network.protocol.name': 'http', 'mcp.session.id': uuid }
  return role === 'server'
    ? http
    : { ...http, 'mcp.protocol.version': /^20/, 'server.address': '127.0.0.1', 'server.port': (port) => Number(port) > 0 }
}

interface Exchange {
  attributes?: Record<string, ExpectedValue>
  /** Of both sides. */
  error?: Record<string, ExpectedValue>
  status?: 'unset' | 'error'
  payloads?: readonly string[]
  children?: ExpectedSpan[]
  /** The MCP server asks its client. */
  toClient?: true
}

/** A request as its sender and the one that answers it record it. */
function exchange(transport: Transport, method: string, target: string | undefined, more: Exchange): ExpectedSpan {
  const { attributes = {}, error = {}, payloads = [], children = [] } = more
  const status = more.status ?? (more.error === undefined ? 'unset' : 'error')
  const side = (kind: 'client' | 'server', role = kind): Omit<ExpectedSpan, 'children'> => ({
    name: target === undefined ? method : `${method} ${target}`,
    kind,
    status,
    attributes: { 'mcp.method.name': method, 'jsonrpc.request.id': isId, ...connection(transport, role), ...attributes, ...error },
    payloads: kind === 'client' ? payloads : [],
  })
  if (more.toClient === true) return { ...side('client', 'server'), children: [{ ...side('server', 'client'), children }] }
  return { ...side('client'), children: [{ ...side('server'), children }] }
}

function callOf(transport: Transport, tool: string, more: Exchange = {}): ExpectedSpan {
  const attributes = { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': tool }
  const failed = more.error === undefined ? {} : { 'error.type': 'tool_error' }
  return exchange(transport, 'tools/call', tool, {
    attributes,
    payloads: ['tool.arguments', 'tool.result'],
    ...more,
    children: [
      {
        name: `execute_tool ${tool}`,
        kind: 'internal',
        layer: 'tool',
        status: more.error === undefined ? 'unset' : 'error',
        attributes: { ...attributes, 'gen_ai.tool.type': 'function', ...failed },
        payloads: ['tool.arguments', 'tool.result'],
        children: more.children ?? [],
      },
    ],
  })
}

const jsonRpcError = (code: string) => ({ 'error.type': code, 'rpc.response.status_code': code })
const samplingOver = (transport: Transport) =>
  exchange(transport, 'sampling/createMessage', undefined, {
    payloads: ['gen_ai.input.messages', 'gen_ai.output.messages'],
    toClient: true,
  })

const cases: Record<string, ExpectedSpan[]> = {
  call: [callOf('memory', 'tool-1')],
  meta: [callOf('memory', 'tool-2'), callOf('memory', 'tool-2'), callOf('memory', 'tool-2')],
  failingTool: [callOf('http', 'fails', { error: { 'error.type': 'tool_error' } })],
  unknownMethod: [exchange('memory', 'no/such', undefined, { error: jsonRpcError('-32601') })],
  invalidArguments: [
    exchange('memory', 'prompts/get', 'greet', {
      attributes: { 'gen_ai.prompt.name': 'greet' },
      error: jsonRpcError('-32602'),
      payloads: ['mcp.arguments'],
    }),
  ],
  sampling: [callOf('memory', 'asks', { children: [samplingOver('memory')] })],
  samplingOverHttp: [callOf('http', 'asks', { children: [samplingOver('http')] })],
  cancelled: [
    callOf('memory', 'slow', {
      attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': 'slow', 'perf.mcp.cancelled': true },
      payloads: ['tool.arguments'],
    }),
  ],
  listing: [exchange('http', 'tools/list', undefined, { payloads: ['mcp.result'] })],
  resource: [
    exchange('http', 'resources/read', undefined, {
      attributes: { 'mcp.resource.uri': 'notes://one?token=REDACTED' },
      payloads: ['mcp.arguments', 'mcp.result'],
    }),
  ],
  prompt: [
    exchange('http', 'prompts/get', 'greet', {
      attributes: { 'gen_ai.prompt.name': 'greet' },
      payloads: ['mcp.arguments', 'mcp.result'],
    }),
  ],
  lowLevel: [callOf('memory', 'any')],
}

await testIntegration(mcp, {
  library: '@modelcontextprotocol/sdk',
  scenario: 'mcp',
  modules: ['@modelcontextprotocol/sdk/client/index.js', '@modelcontextprotocol/sdk/server/mcp.js'],
  expect: cases,
  operation: (i) => [callOf('http', `tool-${i % 7}`)],
})

const { invalidArguments: _, ...casesOf2 } = cases

/** Without a session. */
function withoutSession(span: ExpectedSpan): ExpectedSpan {
  const attributes = { ...span.attributes }
  delete attributes['mcp.session.id']
  return { ...span, attributes, children: span.children?.map(withoutSession) }
}

await testIntegration(mcp, {
  library: '@modelcontextprotocol/client',
  scenario: 'mcp-2',
  modules: ['@modelcontextprotocol/client', '@modelcontextprotocol/server'],
  unsupported: ['@modelcontextprotocol/client', '@modelcontextprotocol/server'],
  expect: { ...casesOf2, negotiated: [withoutSession(callOf('http', 'tool-3'))] },
  operation: (i) => [callOf('http', `tool-${i % 7}`)],
})
