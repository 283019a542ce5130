import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { hiddenState } from '../core/hidden-state.ts'
import { binding, defineIntegration, target } from '../core/integration.ts'
import { attachState, shareState, stateOf, takeRoute } from '../core/request-route.ts'
import { httpSpanName, serverAttributes, serverEnd } from '../semantics/http.ts'

interface Exchange {
  self: object
  args: [event: string, stream: ServerHttp2Stream & { stream?: ServerHttp2Stream }, headers: IncomingHttpHeaders]
}

/** Servers of @grpc/grpc-js, whose calls are recorded as such; marked by that integration. */
const grpcServers = hiddenState<true>('grpc.http2-server')

// A server emits every stream, also those that its compatible API turns into a request; no listener is added anywhere.
export default defineIntegration({
  name: 'http2-server',
  module: 'node:http2',
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
      'server.address',
      'server.port',
      'url.path',
      'url.query',
      'url.scheme',
    ],
    against: 'real servers over loopback',
  },
  targets: ['createServer().emit', 'createSecureServer().emit'].flatMap((path) => [
    exchange(path),
    destruction(`${path}(stream, *)._destroy`),
    // Its events come from the session, outside of the listener's context.
    binding({ path: `${path}(stream, *).emit`, versions: '*', carries: 'self' }),
  ]),
})

function exchange(path: string): ReturnType<typeof target> {
  return target<Exchange>({
    path,
    versions: '*',
    settles: 'observed',
    dispatched: true,
    start({ self, args: [event, stream, headers] }) {
      switch (event) {
        case 'stream': {
          const state = grpcServers.get(self) === undefined ? attachState(stream) : undefined
          if (state === undefined) return undefined
          const method = text(headers[':method']) ?? ''
          state.method = method
          const traceparent = text(headers['traceparent'])
          return {
            name: httpSpanName(method),
            kind: 'server',
            parent: { traceparent, tracestate: traceparent === undefined ? undefined : text(headers['tracestate']) },
            carriedBy: stream,
            attributes: serverAttributes({
              method,
              target: text(headers[':path']) ?? '',
              scheme: headers[':scheme'] === 'https' ? 'https' : 'http',
              host: text(headers[':authority']) ?? headers.host,
              clientAddress: stream.session?.socket.remoteAddress,
              protocolVersion: '2',
            }),
          }
        }
        case 'request':
        case 'checkContinue':
        case 'connect': {
          // Frameworks know the compatible request only.
          const { stream: below } = stream
          if (below !== undefined) shareState(below, stream)
        }
      }
      return undefined
    },
    observe({ args: [, stream] }, _result, end) {
      const state = stateOf(stream)
      if (state === undefined) return
      const finish = (): void => {
        const { error } = state
        end(error !== undefined && statusOf(stream) >= 500 ? { ok: false, error } : { ok: true, result: undefined })
        state.error = undefined
      }
      if (stream.destroyed) finish()
      else state.end = finish
    },
    end({ args: [, stream] }, outcome) {
      const state = stateOf(stream)
      const route = state === undefined ? undefined : takeRoute(state)
      const status = statusOf(stream)
      const aborted = outcome.ok && (stream.aborted || !stream.writableFinished || stream.rstCode !== 0)
      const end = serverEnd({ status: status === 0 ? undefined : status, route, aborted }, state?.method ?? '')
      return outcome.ok ? end : { ...end, status: 'error' }
    },
  })
}

/** Every stream is destroyed once, however it ends. */
function destruction(path: string): ReturnType<typeof target> {
  return target<{ self: ServerHttp2Stream }>({
    path,
    versions: '*',
    settles: 'return',
    follows: true,
    start({ self }) {
      const state = stateOf(self)
      const end = state?.end
      if (state === undefined || end === undefined) return undefined
      state.end = undefined
      end()
      return undefined
    },
  })
}

function statusOf(stream: ServerHttp2Stream): number {
  const sent = stream.sentHeaders as Record<string, unknown> | undefined
  return Number(sent?.[':status'] ?? 0)
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
