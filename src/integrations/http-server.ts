import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { binding, defineIntegration, target } from '../core/integration.ts'
import type { RemoteParent, SpanStart } from '../core/integration.ts'
import { attachState, stateOf, takeRoute } from '../core/request-route.ts'
import type { RequestState } from '../core/request-route.ts'
import { httpSpanName, serverAttributes, serverEnd } from '../semantics/http.ts'

interface Exchange {
  self: Server
  args: [event: string, request: IncomingMessage, response: ServerResponse]
}

function exchange(module: string, path: string): ReturnType<typeof target> {
  return target<Exchange>({
    module,
    path,
    versions: '*',
    settles: 'observed',
    dispatched: true,
    events: ['request', 'checkContinue', 'checkExpectation', 'upgrade', 'connect'],
    start({ args: [event, request, response] }) {
      switch (event) {
        case 'request':
        case 'checkContinue':
        case 'checkExpectation': {
          const state = request.httpVersionMajor === 2 ? undefined : attachState(request)
          return state === undefined ? undefined : serverSpan(request, state)
        }
        case 'upgrade':
        case 'connect': {
          // The socket is the app's from here on; the span covers the hand-over.
          const state = response === undefined || request.httpVersionMajor === 2 ? undefined : attachState(request)
          return state === undefined ? undefined : { ...serverSpan(request, state), settles: 'return' }
        }
        default:
          return undefined
      }
    },
    observe({ args: [, request, response] }, _result, end) {
      const state = stateOf(request)
      if (state === undefined) return
      const finish = (): void => {
        const { error } = state
        end(error !== undefined && response.statusCode >= 500 ? { ok: false, error } : { ok: true, result: undefined })
        state.error = undefined
      }
      if (response.closed) finish()
      else state.end = finish
    },
    end({ args: [event, request, response] }, outcome) {
      const state = stateOf(request)
      const route = state === undefined ? undefined : takeRoute(state)
      if (event === 'upgrade' || event === 'connect') return { attributes: { 'perf.http.upgrade': upgradeProtocol(request) } }
      const status = response.headersSent ? response.statusCode : undefined
      const end = serverEnd({ status, route, aborted: outcome.ok && !response.writableFinished }, state?.method ?? '')
      return outcome.ok ? end : { ...end, status: 'error' }
    },
  })
}

// No listener is added anywhere: the app's listener counts stay what they are. The request's events pass through `emit` of the
// server, its end is the response's `close`, which Node emits once for every response, finished or cut off.
export default defineIntegration({
  name: 'http-server',
  module: ['node:http', 'node:https', 'node:http2'],
  kind: 'http',
  records: {
    spans: ['GET /orders/:id', 'POST'],
    attributes: [
      'client.address',
      'http.request.method',
      'http.request.method_original',
      'http.response.status_code',
      'http.route',
      'network.protocol.version',
      'perf.http.aborted',
      'perf.http.upgrade',
      'server.address',
      'server.port',
      'url.path',
      'url.query',
      'url.scheme',
    ],
    against: 'real servers over loopback',
  },
  targets: [
    exchange('http', 'Server.prototype.emit'),
    exchange('https', 'Server.prototype.emit'),
    // Takes HTTP/1 as well with `allowHTTP1`; its streams are the integration http2-server's.
    exchange('http2', 'createSecureServer().emit'),
    target<{ self: ServerResponse; args: unknown[] }>({
      module: 'http',
      path: 'ServerResponse.prototype.emit',
      versions: '*',
      settles: 'return',
      follows: true,
      events: ['close'],
      start({ self: { req } }) {
        endExchange(req)
        return undefined
      },
    }),
    // A body that comes in later packets is read from the socket, outside of the listener's context.
    binding({ module: 'http', path: 'IncomingMessage.prototype.emit', versions: '*', carries: 'self' }),
    // A pipelined request whose connection breaks before its turn: its response never had a socket and emits nothing.
    target<{ self: IncomingMessage; args: [error: unknown] }>({
      module: 'http',
      path: 'IncomingMessage.prototype._destroy',
      versions: '*',
      settles: 'return',
      follows: true,
      start({ self, args: [error] }) {
        if (error !== null && error !== undefined) endExchange(self)
        return undefined
      },
    }),
  ],
})

function endExchange(request: IncomingMessage): void {
  const state = stateOf(request)
  const end = state?.end
  if (state === undefined || end === undefined) return
  state.end = undefined
  end()
}

function serverSpan(request: IncomingMessage, state: RequestState): SpanStart {
  const { method = '', socket } = request
  state.method = method
  return {
    name: httpSpanName(method),
    kind: 'server',
    parent: callerOf(request),
    carriedBy: request,
    attributes: serverAttributes({
      method,
      target: request.url ?? '',
      scheme: (socket as TLSSocket).encrypted ? 'https' : 'http',
      host: rawHeader(request, 'host'),
      clientAddress: socket.remoteAddress,
      protocolVersion: request.httpVersion,
    }),
  }
}

function callerOf(request: IncomingMessage): RemoteParent {
  const traceparent = rawHeader(request, 'traceparent')
  return { traceparent, tracestate: traceparent === undefined ? undefined : rawHeader(request, 'tracestate') }
}

/** A header without making Node build `request.headers` (about 1 µs) when the app itself never asks; undefined when it came twice. */
function rawHeader({ rawHeaders }: IncomingMessage, name: string): string | undefined {
  let found: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const header = rawHeaders[i] as string
    if (header.length !== name.length || header.toLowerCase() !== name) continue
    if (found !== undefined) return undefined
    found = rawHeaders[i + 1]
  }
  return found
}

function upgradeProtocol(request: IncomingMessage): string | undefined {
  const value = rawHeader(request, 'upgrade')?.toLowerCase()
  return value !== undefined && /^[a-z0-9/._-]{1,32}$/.test(value) ? value : undefined
}
