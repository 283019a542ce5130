import { defineIntegration, target, type Attributes, type Call, type Outcome, type SpanEnd, type SpanStart } from '../core/integration.ts'
import { isErrorResult, mcpEnd, mcpError, mcpStart, takeContext, toolContent, withContext, type McpRequest } from '../semantics/mcp.ts'

// Client and server are one class, `Protocol`: what it sends has a span of kind client, what it answers one of kind server. The
// function behind `tools/call` has another one, of layer tool. See docs/decisions/mcp.md.

interface Protocol {
  _transport?: Transport
  _requestMessageId: number
  _requestHandlerAbortControllers: Map<string | number, AbortController>
}

/** One of the SDK's transports (told apart by their fields), or the app's own. */
interface Transport {
  sessionId?: string
  _protocolVersion?: string
  /** StdioClientTransport, StdioServerTransport, InMemoryTransport. */
  _serverParams?: unknown
  _stdin?: unknown
  _otherTransport?: unknown
  /** Clients over HTTP. */
  _url?: URL
  /** Servers over HTTP. */
  handleRequest?: unknown
  handlePostMessage?: unknown
  _classification?: unknown
  send(message: Response, options?: unknown): unknown
  onclose?: () => void
}

interface Response {
  id?: string | number
  result?: unknown
  error?: { code?: unknown }
}

type RequestCall = { self: Protocol; args: [request: McpRequest, schema: unknown, options?: RequestOptions]; result: unknown }
type FunnelCall = {
  self: Protocol
  args: [codec: unknown, request: McpRequest, schema: unknown, options?: RequestOptions]
  result: unknown
}
type AnswerCall = { self: Protocol; args: [request: McpRequest & { id: string | number }, extra?: unknown] }
type HandlerCall = { args: [request: McpRequest, extra?: HandlerContext]; result: unknown }
type RequestOptions = { signal?: AbortSignal }
type HandlerContext = { mcpReq?: { method?: string } }

const FILE = /^dist\/(?:cjs|esm)\/shared\/protocol$/
/** Before 1.13 a request with a progress callback loses its `_meta`. */
const V1 = { module: '@modelcontextprotocol/sdk', file: FILE, versions: '>=1.13.0 <2' }
const V2 = { versions: '>=2.0.0 <3' }

export default defineIntegration({
  name: 'mcp',
  module: ['@modelcontextprotocol/sdk', '@modelcontextprotocol/client', '@modelcontextprotocol/server'],
  kind: 'mcp',
  records: {
    spans: ['initialize', 'sampling/createMessage', 'tools/call asks', 'prompts/get greet', 'execute_tool asks', 'no/such'],
    attributes: [
      'gen_ai.operation.name',
      'gen_ai.prompt.name',
      'gen_ai.tool.name',
      'gen_ai.tool.type',
      'jsonrpc.request.id',
      'mcp.method.name',
      'mcp.protocol.version',
      'mcp.resource.uri',
      'mcp.session.id',
      'network.protocol.name',
      'network.transport',
      'perf.mcp.cancelled',
      'rpc.response.status_code',
      'server.address',
      'server.port',
    ],
    against: 'real servers over loopback',
  },
  esmFiles: ['@modelcontextprotocol/sdk/dist/esm/shared/protocol.js'],
  cjsFiles: ['@modelcontextprotocol/sdk/dist/cjs/shared/protocol.js'],
  targets: [
    target<RequestCall>({
      ...V1,
      path: 'Protocol.prototype.request',
      settles: 'promise',
      start: ({ self, args: [request] }) => startRequest(self, request),
      end: ({ args: [request, , options] }, outcome) => endRequest(request, options, outcome),
      destination: ({ self }) => destination(self._transport),
      inject: ({ args }, traceparent, tracestate) => {
        args[0] = withContext(args[0], traceparent, tracestate)
      },
    }),
    ...['@modelcontextprotocol/client', '@modelcontextprotocol/server'].flatMap((module) => [
      target<FunnelCall>({
        ...V2,
        module,
        path: 'Protocol.prototype._requestWithSchemaViaCodec',
        settles: 'promise',
        start: ({ self, args: [, request] }) => startRequest(self, request),
        end: ({ args: [, request, , options] }, outcome) => endRequest(request, options, outcome),
        destination: ({ self }) => destination(self._transport),
        inject: ({ args }, traceparent, tracestate) => {
          args[1] = withContext(args[1], traceparent, tracestate)
        },
      }),
      answer({ ...V2, module }),
      tool({ ...V2, module, given: '1' }),
      tool({ ...V2, module, given: '2' }),
    ]),
    answer(V1),
    tool({ ...V1, given: '1' }),
  ],
})

/** Answers a request, from its arrival to the response. */
function answer(where: { module: string; versions: string; file?: RegExp }) {
  return target<AnswerCall>({
    ...where,
    path: 'Protocol.prototype._onrequest',
    settles: 'observed',
    start: startAnswer,
    observe: ({ self, args: [{ id, method }] }, _result, end) => {
      const controller = self._requestHandlerAbortControllers.get(id)
      if (self._transport === undefined || controller === undefined) {
        end({ ok: true, result: undefined }, mcpError(METHOD_NOT_FOUND))
        return
      }
      controller.signal.addEventListener('abort', () => end({ ok: true, result: undefined }, { status: 'unset', attributes: CANCELLED }))
      responsesOf(self._transport).set(id, ({ result, error }) =>
        end({ ok: true, result }, error === undefined ? mcpEnd('server', method, result) : mcpError(error.code)),
      )
    },
  })
}

/** The function that `tools/call` runs, registered by the app or by McpServer. */
function tool(where: { module: string; versions: string; file?: RegExp; given: string }) {
  return target<HandlerCall>({
    ...where,
    path: 'Protocol.prototype.setRequestHandler',
    settles: 'promise',
    start: ({ args: [request, context] }) => {
      if ((context?.mcpReq?.method ?? request?.method) !== 'tools/call') return undefined
      const { name, arguments: given } = request.params ?? (request as unknown as NonNullable<McpRequest['params']>)
      if (typeof name !== 'string') return undefined
      return {
        name: `execute_tool ${name}`,
        layer: 'tool',
        attributes: { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': name, 'gen_ai.tool.type': 'function' },
        payloads: [{ role: 'tool.arguments', value: given }],
      }
    },
    end: (_call, outcome) => {
      if (!outcome.ok) return undefined
      const payloads = [{ role: 'tool.result', value: toolContent(outcome.result) }]
      return isErrorResult(outcome.result) ? { status: 'error', errorType: 'tool_error', payloads } : { payloads }
    },
  })
}

const METHOD_NOT_FOUND = -32601
const CANCELLED = { 'perf.mcp.cancelled': true }

function startRequest(self: Protocol, request: McpRequest): SpanStart {
  const transport = self._transport
  return mcpStart('client', request, transport === undefined ? undefined : self._requestMessageId, connection(transport))
}

function endRequest({ method }: McpRequest, options: RequestOptions | undefined, outcome: Outcome): SpanEnd | undefined {
  if (outcome.ok) return mcpEnd('client', method, outcome.result)
  if (options?.signal?.aborted === true) return { status: 'unset', attributes: CANCELLED }
  const { code, message } = Object(outcome.error) as { code?: unknown; message?: unknown }
  return mcpError(code, message)
}

function startAnswer({ self, args }: Call<AnswerCall>): SpanStart {
  const { request, parent, isOurs } = takeContext(args[0])
  const transport = self._transport
  if (isOurs) {
    args[0] = request as AnswerCall['args'][0]
    if (transport !== undefined) tracedPeers.add(transport)
  }
  const start = mcpStart('server', request, request.id, connection(transport))
  // Over HTTP the request of the transport is the caller when nobody says who it is; a pipe has none.
  return parent === undefined && transport?._stdin === undefined ? start : { ...start, parent: parent ?? { traceparent: undefined } }
}

function connection(transport: Transport | undefined): Attributes {
  if (transport === undefined) return {}
  const { _url: url, sessionId } = transport
  const attributes: Attributes = { 'mcp.session.id': sessionId, 'mcp.protocol.version': transport._protocolVersion }
  if (isPipe(transport)) return { ...attributes, 'network.transport': 'pipe' }
  if (url === undefined && !isHttpServer(transport)) return attributes
  Object.assign(attributes, { 'network.transport': 'tcp', 'network.protocol.name': url?.protocol.startsWith('ws') ? 'websocket' : 'http' })
  if (url === undefined) return attributes
  return { ...attributes, 'server.address': url.hostname, 'server.port': url.port === '' ? undefined : Number(url.port) }
}

function isHttpServer({ handleRequest, handlePostMessage, _classification }: Transport): boolean {
  return handleRequest !== undefined || handlePostMessage !== undefined || _classification !== undefined
}

const isPipe = (transport: Transport): boolean => transport._serverParams !== undefined || transport._stdin !== undefined

/** Peers that sent the agent's context: they may get it, too. */
const tracedPeers = new WeakSet<Transport>()

function destination(transport: Transport | undefined): string | undefined {
  if (transport === undefined) return undefined
  if (isPipe(transport) || transport._otherTransport !== undefined || tracedPeers.has(transport)) return 'localhost'
  return transport._url?.host
}

type Answered = (response: Response) => void
const responses = new WeakMap<Transport, Map<string | number, Answered>>()

/** Who waits for a response to be sent over `transport`, by the request's id. The SDK has taken over the transport: it is seen where it sends. */
function responsesOf(transport: Transport): Map<string | number, Answered> {
  const known = responses.get(transport)
  if (known !== undefined) return known
  const waiting = new Map<string | number, Answered>()
  responses.set(transport, waiting)
  const { send, onclose } = transport
  replace(transport, 'send', function (this: unknown, ...args: Parameters<Transport['send']>) {
    const { id, method } = args[0] as Response & { method?: unknown }
    if (id !== undefined && method === undefined) {
      waiting.get(id)?.(args[0])
      waiting.delete(id)
    }
    return Reflect.apply(send, this, args)
  })
  transport.onclose = function (this: unknown) {
    for (const answered of waiting.values()) answered({ error: { code: 'connection_closed' } })
    waiting.clear()
    onclose?.call(this)
  }
  return waiting
}

function replace(transport: Transport, key: 'send', value: Transport['send']): void {
  Object.defineProperty(transport, key, { value, writable: true, configurable: true, enumerable: false })
}
