import type { ClientRequest, IncomingMessage } from 'node:http'
import { hiddenState } from '../core/hidden-state.ts'
import { defineIntegration, target } from '../core/integration.ts'
import type { Attributes, Outcome, SpanEnd, TellsAiCall } from '../core/integration.ts'

import { answerHeaderAttributes } from '../semantics/ai-answer-headers.ts'
import { recogniseAiCall } from '../semantics/ai-hosts.ts'
import { clientAttributes, clientEnd, httpSpanName, isCancel } from '../semantics/http.ts'
import { httpCacheAttributes } from '../semantics/http-cache.ts'
import { readOptions, withHeader } from '../semantics/http-options.ts'

interface Outgoing {
  args: unknown[]
  result: ClientRequest
}

/** What the events of a request said so far. */
interface RequestEvents {
  response: IncomingMessage | undefined
  error: unknown
  /** `destroy()` without an error, by the caller. */
  destroyed: boolean
  end: (outcome: Outcome, more?: SpanEnd) => void
  ofAiCall: TellsAiCall
}

const events = hiddenState<RequestEvents>('http-client')

function outgoing(path: string): ReturnType<typeof target> {
  return target<Outgoing>({
    path,
    versions: '*',
    settles: 'observed',
    start({ args, module }) {
      const options = readOptions(args, module.name)
      if (options === undefined) return undefined
      const mark = options.path.indexOf('?')
      return {
        name: httpSpanName(options.method),
        kind: 'client',
        attributes: clientAttributes(options),
        aiCall: recogniseAiCall(options.method, options.host, options.port, options.path),
        payloads: mark < 0 ? undefined : [{ role: 'url.query', value: options.path.slice(mark + 1) }],
      }
    },
    destination: ({ args, module }) => readOptions(args, module.name)?.host,
    inject({ args }, traceparent, tracestate) {
      if (withHeader(args, 'traceparent', traceparent) && tracestate !== undefined) withHeader(args, 'tracestate', tracestate)
    },
    observe(_call, request, end, ofAiCall) {
      events.set(request, { response: undefined, error: undefined, destroyed: false, end, ofAiCall })
    },
  })
}

// A 'response' or 'data' listener of ours would change what Node does with an unread response (without one it drops the body), so
// the events are seen as they pass through `emit`.
export default defineIntegration({
  name: 'http-client',
  module: ['node:http', 'node:https'],
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
    outgoing('request'),
    outgoing('get'),
    target<{ self: ClientRequest; args: [event: string, value: unknown] }>({
      module: 'http',
      path: 'ClientRequest.prototype.emit',
      versions: '*',
      settles: 'return',
      follows: true,
      start({ self, args: [event, value] }) {
        switch (event) {
          case 'response':
          case 'upgrade':
          case 'connect': {
            const seen = events.get(self)
            if (seen === undefined) break
            seen.response = value as IncomingMessage
            seen.ofAiCall?.(answerHeaderAttributes(seen.response.rawHeaders))
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
    target<{ self: ClientRequest; args: [error: unknown] }>({
      module: 'http',
      path: 'ClientRequest.prototype.destroy',
      versions: '*',
      settles: 'return',
      follows: true,
      start({ self, args: [error] }) {
        const seen = events.get(self)
        if (seen !== undefined && !self.destroyed && (error === undefined || error === null)) seen.destroyed = true
        return undefined
      },
    }),
  ],
})

function finish(request: ClientRequest): void {
  const seen = events.take(request)
  if (seen === undefined) return
  const { response, end } = seen
  const upgraded = response !== undefined && (response.statusCode === 101 || request.method === 'CONNECT')
  const error = seen.error ?? (upgraded ? undefined : response?.errored) ?? undefined
  const complete = response !== undefined && (upgraded || response.complete)
  const said = clientEnd(response?.statusCode, responseAttributes(response, complete && error === undefined))
  const failed = error !== undefined && !isCancel(error) && !(seen.destroyed && isHangUp(error))
  if (failed) end({ ok: false, error }, { attributes: said.attributes, status: 'error' })
  else if (complete) end({ ok: true, result: undefined }, said)
  else end({ ok: true, result: undefined }, { attributes: said.attributes, status: 'unset' })
}

function responseAttributes(response: IncomingMessage | undefined, complete: boolean): Attributes {
  const attributes = { 'network.protocol.version': response?.httpVersion, 'perf.http.aborted': complete ? undefined : true }
  return response === undefined ? attributes : { ...attributes, ...httpCacheAttributes(response.rawHeaders, response.statusCode) }
}

/** What Node gives for a request that was destroyed before its response. */
function isHangUp(error: unknown): boolean {
  return typeof error === 'object' && error !== null && (error as { code?: unknown }).code === 'ECONNRESET'
}
