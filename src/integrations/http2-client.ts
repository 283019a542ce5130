import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import { hiddenState } from '../core/hidden-state.ts'
import { defineIntegration, target } from '../core/integration.ts'
import type { Attributes, Outcome, SpanEnd, TellsAiCall } from '../core/integration.ts'
import { answerHeaderAttributes } from '../semantics/ai-answer-headers.ts'
import { recogniseAiCall } from '../semantics/ai-hosts.ts'
import { clientAttributes, clientEnd, httpSpanName, isCancel, splitHost } from '../semantics/http.ts'
import { httpCacheAttributes } from '../semantics/http-cache.ts'
import { addHeader, headerOf } from '../semantics/http2-headers.ts'

interface Outgoing {
  self: ClientHttp2Session
  args: [headers?: unknown, options?: unknown]
  result: ClientHttp2Stream
}

/** What the events of a stream said so far. */
interface StreamEvents {
  status: number | undefined
  /** What the response said of caches. */
  cache: Attributes | undefined
  error: unknown
  /** Closed by the caller. */
  closed: boolean
  end: (outcome: Outcome, more?: SpanEnd) => void
  ofAiCall: TellsAiCall
}

/** Where a session goes to; `undici` records its own requests. */
interface Destination {
  scheme: string
  authority: string
  undici: boolean
}

const events = hiddenState<StreamEvents>('http2-client')
const destinations = hiddenState<Destination>('http2-client.session')
const NO_ERROR = 0

// As in http-client no listener is added: the events of a stream are seen as they pass through `emit`.
export default defineIntegration({
  name: 'http2-client',
  module: 'node:http2',
  kind: 'http',
  records: {
    spans: ['GET', 'POST'],
    attributes: [
      'http.request.method',
      'http.request.method_original',
      'http.request.resend_count',
      'http.response.status_code',
      'network.protocol.version',
      'perf.cache.hit',
      'perf.cache.operation',
      'perf.cache.ttl_ms',
      'perf.http.aborted',
      'server.address',
      'server.port',
      'url.full',
    ],
    against: 'real servers over loopback',
  },
  targets: [
    target<Outgoing>({
      path: 'connect().request',
      versions: '*',
      settles: 'observed',
      start({ self, args: [headers] }) {
        const to = destinationOf(self)
        if (to.undici || isGrpc(headers)) return undefined
        const method = headerOf(headers, ':method') ?? 'GET'
        const path = headerOf(headers, ':path') ?? '/'
        const { address, port } = splitHost(to.authority)
        const mark = path.indexOf('?')
        return {
          name: httpSpanName(method),
          kind: 'client',
          attributes: clientAttributes({
            method,
            scheme: headerOf(headers, ':scheme') ?? to.scheme,
            host: address ?? 'localhost',
            port,
            path,
          }),
          aiCall: recogniseAiCall(method, address ?? 'localhost', port, path),
          payloads: mark < 0 ? undefined : [{ role: 'url.query', value: path.slice(mark + 1) }],
        }
      },
      destination: ({ self }) => splitHost(destinationOf(self).authority).address,
      inject({ args }, traceparent, tracestate) {
        const headers = addHeader(args[0], 'traceparent', traceparent)
        if (headers === undefined) return
        args[0] = (tracestate === undefined ? undefined : addHeader(headers, 'tracestate', tracestate)) ?? headers
      },
      observe(_call, stream, end, ofAiCall) {
        events.set(stream, { status: undefined, cache: undefined, error: undefined, closed: false, end, ofAiCall })
      },
    }),
    target<{ self: ClientHttp2Stream; args: [event: string, value: unknown, flags: unknown, rawHeaders: unknown] }>({
      path: 'connect().request().emit',
      versions: '*',
      settles: 'return',
      follows: true,
      start({ self, args: [event, value, , rawHeaders] }) {
        switch (event) {
          case 'response': {
            const seen = events.get(self)
            if (seen === undefined) break
            seen.status = (value as IncomingHttpHeaders & { ':status'?: number })[':status']
            if (!Array.isArray(rawHeaders)) break
            seen.cache = httpCacheAttributes(rawHeaders as string[], seen.status)
            seen.ofAiCall?.(answerHeaderAttributes(rawHeaders as string[]))
            break
          }
          case 'error': {
            const seen = events.get(self)
            if (seen !== undefined) seen.error = value
            break
          }
          case 'close':
            finish(self)
        }
        return undefined
      },
    }),
    ...['close', 'destroy'].map((name) =>
      target<{ self: ClientHttp2Stream }>({
        path: `connect().request().${name}`,
        versions: '*',
        settles: 'return',
        follows: true,
        start({ self }) {
          const seen = events.get(self)
          if (seen === undefined || self.closed || self.destroyed || self.readableEnded) return undefined
          // Node closes the streams of a lost connection the same way.
          if (self.session?.socket?.destroyed === false) seen.closed = true
          return undefined
        },
      }),
    ),
  ],
})

function finish(stream: ClientHttp2Stream): void {
  const seen = events.take(stream)
  if (seen === undefined) return
  const { status, cache, error, closed, end } = seen
  const reset = stream.rstCode !== NO_ERROR
  const complete = status !== undefined && !reset && error === undefined && !closed
  const { attributes, ...said } = clientEnd(status, {
    'network.protocol.version': '2',
    'perf.http.aborted': complete ? undefined : true,
    ...cache,
  })
  if (error !== undefined && !isCancel(error)) end({ ok: false, error }, { attributes, status: 'error', errorType: codeOf(error) })
  else if (complete) end({ ok: true, result: undefined }, { attributes, ...said })
  else if (reset && !closed && error === undefined)
    end({ ok: true, result: undefined }, { attributes, status: 'error', errorType: 'reset' })
  else end({ ok: true, result: undefined }, { attributes, status: 'unset' })
}

function codeOf(error: unknown): string | undefined {
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined
  return typeof code === 'string' ? code : undefined
}

/** The session keeps its authority behind symbols: `connect` took it from the URL and the options. */
function destinationOf(session: ClientHttp2Session): Destination {
  const known = destinations.get(session)
  if (known !== undefined) return known
  const found: Destination = { scheme: 'http', authority: '', undici: false }
  for (const symbol of Object.getOwnPropertySymbols(session)) {
    const value: unknown = Reflect.get(session, symbol)
    if (symbol.description === 'authority' && typeof value === 'string') found.authority = value
    if (symbol.description === 'protocol' && typeof value === 'string') found.scheme = value.replace(/:$/, '')
    if (symbol.description === 'open streams') found.undici = true
  }
  destinations.set(session, found)
  return found
}

/** A call of @grpc/grpc-js, which is recorded as such. */
function isGrpc(headers: unknown): boolean {
  return headerOf(headers, 'content-type') === 'application/grpc' && headerOf(headers, 'user-agent')?.includes('grpc-node-js/') === true
}
