import { binding, defineIntegration } from '../core/integration.ts'
import type { Attributes, Payload } from '../core/integration.ts'
import { messages } from '../core/messages.ts'
import { answerHeaderAttributes } from '../semantics/ai-answer-headers.ts'
import { recogniseAiCall } from '../semantics/ai-hosts.ts'
import { clientAttributes, clientEnd, httpSpanName, isCancel } from '../semantics/http.ts'
import { httpCacheAttributes } from '../semantics/http-cache.ts'

interface UndiciRequest {
  origin: string | URL
  method: string
  path: string
  upgrade?: string | null
  /** undici 6: flat list; 5: text. */
  headers: readonly (string | readonly string[])[] | string
  addHeader(name: string, value: string): unknown
}
interface Message {
  request: UndiciRequest
  response?: { statusCode: number; headers?: (string | Uint8Array)[] }
  error?: unknown
}

// A pool with no free connection keeps the call and sends it when another one ends; a retry is sent when a timer fires. The handler
// of the call, from 7 on wrapped by `UnwrapHandler`, carries the caller's context until then.
const carriers = [
  binding({ file: /^lib\/(?:dispatcher\/)?dispatcher-base$/, path: 'prototype.dispatch', versions: '>=6.0.0 <9', carries: 1 }),
  binding({ file: 'lib/handler/unwrap-handler', path: 'unwrap', versions: '>=7.0.0 <9', carries: 'result' }),
]

// Node's own fetch and the npm package publish on the same channels, so one subscription sees both and loads neither.
export default defineIntegration({
  name: 'undici',
  module: 'undici',
  kind: 'http',
  records: {
    spans: ['GET', 'POST'],
    attributes: ['http.request.method', 'http.response.status_code', 'perf.http.aborted', 'server.address', 'server.port', 'url.full'],
    against: 'real servers over loopback',
  },
  targets: [
    ...carriers,
    messages<Message>({
      versions: '*',
      subject: ({ request }) => request,
      begin: 'undici:request:create',
      start({ request }) {
        // A tunnel is part of the request that needs it; the end of an upgrade is not published before 7.
        if (request.method === 'CONNECT' || request.upgrade) return undefined
        const { method, path } = request
        const { protocol, hostname, port } = originOf(request.origin)
        const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
        const portNumber = port === '' ? undefined : Number(port)
        return {
          name: httpSpanName(method),
          kind: 'client',
          attributes: withRetries(
            request.headers,
            clientAttributes({
              method,
              scheme: protocol.slice(0, -1),
              host,
              port: portNumber,
              path,
            }),
          ),
          aiCall: recogniseAiCall(method, host, port === '' ? undefined : Number(port), path),
          payloads: queryPayload(path),
        }
      },
      destination: ({ request }) => originOf(request.origin).host,
      inject({ request }, traceparent, tracestate) {
        if (hasTraceparent(request.headers)) return
        request.addHeader('traceparent', traceparent)
        if (tracestate !== undefined) request.addHeader('tracestate', tracestate)
      },
      updates: {
        'undici:request:headers': ({ response }) => clientEnd(response?.statusCode, cacheAttributes(response)),
      },
      ofAiCall: {
        'undici:request:headers': ({ response }) =>
          Array.isArray(response?.headers) ? answerHeaderAttributes(response.headers) : undefined,
      },
      ends: {
        'undici:request:trailers': () => ({ outcome: { ok: true, result: undefined } }),
        'undici:request:error': ({ error }) => ({
          outcome: { ok: false, error },
          end: isCancel(error) ? { status: 'unset', attributes: { 'perf.http.aborted': true } } : { status: 'error' },
        }),
      },
    }),
  ],
})

let lastOrigin: string | URL | undefined
let lastUrl = new URL('http://localhost')

function originOf(origin: string | URL): URL {
  if (origin !== lastOrigin) {
    lastUrl = typeof origin === 'string' ? new URL(origin) : origin
    lastOrigin = origin
  }
  return lastUrl
}

function cacheAttributes(response: Message['response']): Attributes | undefined {
  return Array.isArray(response?.headers) ? httpCacheAttributes(response.headers, response.statusCode) : undefined
}

function queryPayload(path: string): Payload[] | undefined {
  const mark = path.indexOf('?')
  return mark < 0 ? undefined : [{ role: 'url.query', value: path.slice(mark + 1) }]
}

function hasTraceparent(headers: UndiciRequest['headers']): boolean {
  return headerOf(headers, 'traceparent') !== undefined
}

/** SDKs made by Stainless (openai, anthropic, groq, …) say in a header which attempt a request is. */
function withRetries(headers: UndiciRequest['headers'], attributes: Attributes): Attributes {
  const retries = Number(headerOf(headers, 'x-stainless-retry-count') ?? 0)
  if (retries > 0) attributes['http.request.resend_count'] = retries
  return attributes
}

function headerOf(headers: UndiciRequest['headers'], name: string): string | undefined {
  if (typeof headers === 'string') return new RegExp(`^${name}: *(.*)$`, 'im').exec(headers)?.[1]?.trim()
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const header = headers[i]
    if (typeof header === 'string' && header.length === name.length && header.toLowerCase() === name) return String(headers[i + 1])
  }
  return undefined
}
