// Names and attributes of MCP requests by OpenTelemetry's conventions, and the trace context that travels in `params._meta`.
import type { Attributes, Payload, RemoteParent, SpanEnd, SpanStart } from '../core/integration.ts'
import { maskQuotedValues } from './quoted-values.ts'
import { maskQuery } from './http.ts'

/** A JSON-RPC request as the SDK has it in hand. */
export interface McpRequest {
  method: string
  id?: string | number
  params?: McpParams
}

type McpParams = { _meta?: Record<string, unknown>; name?: unknown; uri?: unknown; arguments?: unknown } & Record<string, unknown>

/** The start of a span for `request`, on the side that sends it (`client`) or answers it (`server`). */
export function mcpStart(kind: 'client' | 'server', request: McpRequest, id: string | number | undefined, more: Attributes): SpanStart {
  const { method, params } = request
  const target = typeof params?.name === 'string' ? params.name : undefined
  const isTool = method === 'tools/call'
  const attributes: Attributes = {
    'mcp.method.name': method,
    'jsonrpc.request.id': id === undefined ? undefined : String(id),
    'gen_ai.operation.name': isTool ? 'execute_tool' : undefined,
    'gen_ai.tool.name': isTool ? target : undefined,
    'gen_ai.prompt.name': method === 'prompts/get' ? target : undefined,
    'mcp.resource.uri': typeof params?.uri === 'string' ? withoutSecrets(params.uri) : undefined,
    ...more,
  }
  return {
    name: target === undefined ? method : `${method} ${target}`,
    kind,
    attributes,
    payloads: kind === 'client' ? sent(method, params) : undefined,
  }
}

/** What answers a request, or a failure of the exchange. */
export function mcpEnd(kind: 'client' | 'server', method: string, result: unknown): SpanEnd | undefined {
  const payloads = kind === 'client' ? received(method, result) : undefined
  return isErrorResult(result) ? { status: 'error', errorType: 'tool_error', payloads } : payloads && { payloads }
}

/** The end by a JSON-RPC error. */
export function mcpError(code: unknown, message?: unknown): SpanEnd {
  const end: SpanEnd = { status: 'error' }
  if (typeof message === 'string') end.exceptionMessage = maskQuotedValues(message)
  if (typeof code !== 'number' && typeof code !== 'string') return end
  const status = String(code)
  return { ...end, errorType: status, attributes: typeof code === 'number' ? { 'rpc.response.status_code': status } : undefined }
}

/** True for what a tool gives when it failed: an answer, not an exception. */
export function isErrorResult(result: unknown): boolean {
  return typeof result === 'object' && result !== null && (result as { isError?: unknown }).isError === true
}

/** What of a tool's result is its content. */
export function toolContent(result: unknown): unknown {
  if (typeof result !== 'object' || result === null) return result
  const { content, toolResult } = result as { content?: unknown; toolResult?: unknown }
  return content ?? toolResult ?? result
}

const QUIET = new Set(['initialize', 'ping', 'server/discover', 'logging/setLevel'])

function sent(method: string, params: McpParams | undefined): Payload[] | undefined {
  if (params === undefined || QUIET.has(method)) return undefined
  if (method === 'tools/call') return [{ role: 'tool.arguments', value: params.arguments }]
  if (method === 'sampling/createMessage') {
    return [
      { role: 'gen_ai.system_instructions', value: params['systemPrompt'] },
      { role: 'gen_ai.input.messages', value: params['messages'] },
    ]
  }
  const { _meta, ...rest } = params
  return Object.keys(rest).length === 0 ? undefined : [{ role: 'mcp.arguments', value: rest }]
}

function received(method: string, result: unknown): Payload[] | undefined {
  if (QUIET.has(method)) return undefined
  if (method === 'tools/call') return [{ role: 'tool.result', value: toolContent(result) }]
  if (method === 'sampling/createMessage') return [{ role: 'gen_ai.output.messages', value: [result] }]
  return [{ role: 'mcp.result', value: result }]
}

/** `file:///a?token=x` without the values of its query, and without a password. */
function withoutSecrets(uri: string): string {
  const at = uri.indexOf('?')
  const path = (at < 0 ? uri : uri.slice(0, at)).replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1')
  return at < 0 ? path : `${path}?${maskQuery(uri.slice(at + 1))}`
}

// What the sender had before: no params, params without `_meta`, or `_meta`. By this member of `tracestate` the receiver knows that
// the agent put the context there, and takes it away again before the app looks.
const MARKS = { params: 'perf=p', meta: 'perf=m', keys: 'perf=k' } as const

/** A copy of `request` that carries the context; the request itself where the app has put one there. */
export function withContext(request: McpRequest, traceparent: string, tracestate: string | undefined): McpRequest {
  const { params } = request
  const meta = params?._meta
  if (meta !== undefined && (typeof meta !== 'object' || meta === null || 'traceparent' in meta)) return request
  const mark = params === undefined ? MARKS.params : meta === undefined ? MARKS.meta : MARKS.keys
  const context = { traceparent, tracestate: tracestate === undefined ? mark : `${mark},${tracestate}` }
  return { ...request, params: { ...params, _meta: { ...meta, ...context } } }
}

/** The context in `_meta`, and the request as its sender's app made it. */
export function takeContext(request: McpRequest): { request: McpRequest; parent: RemoteParent | undefined; isOurs: boolean } {
  const { params } = request
  const meta = params?._meta
  if (params === undefined || typeof meta !== 'object' || meta === null) return { request, parent: undefined, isOurs: false }
  const { traceparent, tracestate, ...rest } = meta
  if (typeof traceparent !== 'string') return { request, parent: undefined, isOurs: false }
  const [mark, ...state] = typeof tracestate === 'string' ? tracestate.split(',') : []
  if (!Object.values(MARKS).some((known) => known === mark)) {
    return { request, parent: { traceparent, tracestate: typeof tracestate === 'string' ? tracestate : undefined }, isOurs: false }
  }
  const parent = { traceparent, tracestate: state.length === 0 ? undefined : state.join(',') }
  const { _meta, ...others } = params
  const keepsMeta = mark === MARKS.keys || Object.keys(rest).length > 0
  const keepsParams = mark !== MARKS.params || keepsMeta || Object.keys(others).length > 0
  if (keepsParams) return { request: { ...request, params: keepsMeta ? { ...others, _meta: rest } : others }, parent, isOurs: true }
  const { params: _params, ...bare } = request
  return { request: bare, parent, isOurs: true }
}
