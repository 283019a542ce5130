// HTTP spans by the OpenTelemetry conventions. Query values are content and never stand in attributes.
import type { AttributeValue, Attributes, SpanEnd } from '../core/integration.ts'
import { REDACTED } from './secret-patterns.ts'

const KNOWN_METHODS = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'QUERY', 'TRACE'])

/** Name of a span: the method and the route's template, never the raw path. */
export function httpSpanName(method: string, template?: string): string {
  const known = KNOWN_METHODS.has(method) ? method : 'HTTP'
  return template === undefined ? known : `${known} ${template}`
}

/** What is known of a request when it comes in. */
export interface IncomingRequest {
  method: string
  /** The request target as sent: `/a?b=1`, `http://host/a`, `*`. */
  target: string
  scheme: 'http' | 'https'
  /** The `Host` header. */
  host: string | undefined
  clientAddress: string | undefined
  protocolVersion: string
}

/** Attributes of a server span. */
export function serverAttributes(request: IncomingRequest): Attributes {
  const { method, target } = request
  const known = KNOWN_METHODS.has(method)
  const from = target.charCodeAt(0) === 47 ? 0 : pathStart(target)
  const mark = target.indexOf('?', from)
  const { address, port } = splitHost(request.host)
  return {
    'http.request.method': known ? method : '_OTHER',
    'http.request.method_original': known ? undefined : method,
    'url.path': pathOf(target, from, mark),
    'url.scheme': request.scheme,
    'url.query': mark < 0 ? undefined : maskQuery(target.slice(mark + 1)),
    'server.address': address,
    'server.port': port,
    'client.address': request.clientAddress,
    'network.protocol.version': request.protocolVersion,
  }
}

/** What is known of a request when it goes out. */
export interface OutgoingRequest {
  method: string
  scheme: string
  /** Without port and brackets. */
  host: string
  port: number | undefined
  /** Path and query. */
  path: string
}

/** Attributes of a client span. */
export function clientAttributes(request: OutgoingRequest): Attributes {
  const { method, scheme, host } = request
  const known = KNOWN_METHODS.has(method)
  const port = request.port ?? defaultPort(scheme)
  return {
    'http.request.method': known ? method : '_OTHER',
    'http.request.method_original': known ? undefined : method,
    'server.address': host,
    'server.port': port,
    'url.full': fullUrl(scheme, host, port, request.path),
  }
}

/** `url.full` without user, password, fragment and query values. */
export function fullUrl(scheme: string, host: string, port: number | undefined, path: string): string {
  const authority = (host.includes(':') ? `[${host}]` : host) + (port === undefined || port === defaultPort(scheme) ? '' : `:${port}`)
  const hash = path.indexOf('#')
  const whole = hash < 0 ? path : path.slice(0, hash)
  const mark = whole.indexOf('?')
  return `${scheme}://${authority}${mark < 0 ? whole : `${whole.slice(0, mark)}?${maskQuery(whole.slice(mark + 1))}`}`
}

/** Keeps the names in a query and hides every value; a part without `=` is kept when it looks like a flag (`?pretty`). */
export function maskQuery(query: string): string {
  const hash = query.indexOf('#')
  let rest = hash < 0 ? query : query.slice(0, hash)
  let result = ''
  while (rest !== '') {
    const and = rest.indexOf('&')
    const part = and < 0 ? rest : rest.slice(0, and)
    rest = and < 0 ? '' : rest.slice(and + 1)
    if (part === '') continue
    const equals = part.indexOf('=')
    const masked = equals < 0 ? (FLAG.test(part) ? part : REDACTED) : `${part.slice(0, equals)}=${REDACTED}`
    result += result === '' ? masked : `&${masked}`
  }
  return result
}
const FLAG = /^[a-zA-Z_][a-zA-Z_.-]{0,31}$/

/** What is known of a response when it is out. */
export interface OutgoingResponse {
  /** Undefined when nothing was sent. */
  status: number | undefined
  route: string | undefined
  /** The connection broke before the response was complete. */
  aborted: boolean
}

/** End of a server span: 5xx is an error, 4xx is the client's. `method` is the one the request came with. */
export function serverEnd({ status, route, aborted }: OutgoingResponse, method: string): SpanEnd {
  const name = route === undefined ? undefined : httpSpanName(method, route)
  const attributes = { 'http.response.status_code': status, 'http.route': route, 'perf.http.aborted': aborted ? true : undefined }
  return status !== undefined && status >= 500
    ? { name, attributes, status: 'error', errorType: String(status) }
    : { name, attributes, status: 'unset' }
}

/** End of a client span: 4xx and 5xx are errors. */
export function clientEnd(status: number | undefined, more?: Attributes): SpanEnd {
  const attributes: Record<string, AttributeValue> = { 'http.response.status_code': status, ...more }
  return status !== undefined && status >= 400 ? { attributes, status: 'error', errorType: String(status) } : { attributes }
}

/** True for what a caller's own `AbortSignal` or `abort()` gives: a cancel, not an error. A time-out is one. */
export function isCancel(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  const { name, code } = error as { name?: unknown; code?: unknown }
  return name === 'AbortError' || code === 'ABORT_ERR' || code === 'UND_ERR_ABORTED'
}

interface HostParts {
  address: string | undefined
  port: number | undefined
}

let lastHost: string | undefined
let lastParts: HostParts = { address: undefined, port: undefined }

/** `example.com:8080` → its parts; brackets of IPv6 are removed. A server hears the same host again and again. */
export function splitHost(host: string | undefined): HostParts {
  if (host !== lastHost) {
    lastParts = parseHost(host)
    lastHost = host
  }
  return lastParts
}

function parseHost(host: string | undefined): HostParts {
  if (host === undefined || host === '') return { address: undefined, port: undefined }
  const colon = host.lastIndexOf(':')
  const hasPort = colon > 0 && colon > host.indexOf(']') && (host.charCodeAt(0) === 91 || host.indexOf(':') === colon)
  const name = hasPort ? host.slice(0, colon) : host
  const port = hasPort ? Number(host.slice(colon + 1)) : Number.NaN
  return { address: name.charCodeAt(0) === 91 ? name.slice(1, -1) : name, port: Number.isInteger(port) ? port : undefined }
}

/** 80 for `http`, 443 for `https`. */
export function defaultPort(scheme: string): number | undefined {
  return scheme === 'http' ? 80 : scheme === 'https' ? 443 : undefined
}

function pathStart(target: string): number {
  const scheme = target.indexOf('://')
  if (scheme < 0) return 0
  const slash = target.indexOf('/', scheme + 3)
  return slash < 0 ? target.length : slash
}

function pathOf(target: string, from: number, mark: number): string {
  if (mark < 0) return from === 0 ? target : target.slice(from) || '/'
  return target.slice(from, mark) || '/'
}
