import { hiddenState } from '../core/hidden-state.ts'
import { defineIntegration, target } from '../core/integration.ts'
import type { Outcome, SpanEnd } from '../core/integration.ts'

interface WebSocket {
  readonly _isServer: boolean
  listenerCount(event: string): number
}
/** One open connection. */
interface Connection {
  received: number
  sent: number
  error: unknown
  /** Second of the last message with a span, and how many it had. */
  second: number
  spans: number
  end(outcome: Outcome, more?: SpanEnd): void
}

/** Messages of one connection that get a span of their own in a second; the rest is counted only. */
const MAX_PER_SECOND = 50
const VERSIONS = '>=8.0.0 <9'
/** Close codes that say nothing went wrong, or that there was none (a lost connection). */
const FINE = new Set([1000, 1001, 1005, 1006])

const connections = hiddenState<Connection>('ws.connection')

// The upgrade itself is a request and recorded by the HTTP integrations. From there on: one span for the connection, and on a server one
// trace for every message that somebody listens to, linked to the connection.
export default defineIntegration({
  name: 'ws',
  module: 'ws',
  kind: 'http',
  records: {
    spans: ['websocket receive', 'websocket connection'],
    attributes: [
      'messaging.message.body.size',
      'network.protocol.name',
      'perf.websocket.close_code',
      'perf.websocket.message_type',
      'perf.websocket.messages_received',
      'perf.websocket.messages_sent',
      'perf.websocket.side',
    ],
    against: 'real servers over loopback',
  },
  inBundle: ['WebSocket was closed before the connection was established'],
  targets: [
    target<{ self: WebSocket }>({
      file: 'lib/websocket',
      path: 'prototype.setSocket',
      versions: VERSIONS,
      settles: 'observed',
      start: ({ self }) => ({
        name: 'websocket connection',
        attributes: { 'network.protocol.name': 'websocket', 'perf.websocket.side': self._isServer ? 'server' : 'client' },
        carriedBy: self,
      }),
      observe: ({ self }, _result, end) => connections.set(self, { received: 0, sent: 0, error: undefined, second: 0, spans: 0, end }),
    }),
    target<{ self: WebSocket; args: [event: string, value: unknown, isBinary: unknown] }>({
      file: 'lib/websocket',
      path: 'prototype.emit',
      versions: VERSIONS,
      settles: 'return',
      follows: true,
      events: ['message', 'close', 'error'],
      start({ self, args: [event, value, isBinary] }) {
        const connection = connections.get(self)
        if (connection === undefined) return undefined
        if (event === 'close') close(self, Number(value))
        else if (event === 'error') connection.error = value
        if (event !== 'message') return undefined
        connection.received++
        if (self.listenerCount('message') === 0 || !mayRecord(connection)) return undefined
        return {
          name: 'websocket receive',
          layer: 'messaging',
          kind: 'consumer',
          // What a client receives is the answer to something it did; to a server it is a new cause.
          parent: self._isServer ? { traceparent: undefined } : undefined,
          linkedTo: self,
          attributes: {
            'network.protocol.name': 'websocket',
            'perf.websocket.message_type': isBinary === true ? 'binary' : 'text',
            'messaging.message.body.size': sizeOf(value),
          },
        }
      },
    }),
    target<{ self: WebSocket }>({
      file: 'lib/websocket',
      path: 'prototype.send',
      versions: VERSIONS,
      settles: 'return',
      follows: true,
      start({ self }) {
        const connection = connections.get(self)
        if (connection !== undefined) connection.sent++
        return undefined
      },
    }),
  ],
})

function close(socket: object, code: number): void {
  const connection = connections.take(socket)
  if (connection === undefined) return
  const { received, sent, error } = connection
  const attributes = {
    'perf.websocket.close_code': code,
    'perf.websocket.messages_received': received,
    'perf.websocket.messages_sent': sent,
  }
  if (error !== undefined) connection.end({ ok: false, error }, { attributes })
  else if (FINE.has(code)) connection.end({ ok: true, result: undefined }, { attributes })
  else connection.end({ ok: true, result: undefined }, { attributes, status: 'error', errorType: String(code) })
}

function mayRecord(connection: Connection): boolean {
  const second = Math.floor(performance.now() / 1000)
  if (second !== connection.second) {
    connection.second = second
    connection.spans = 0
  }
  return ++connection.spans <= MAX_PER_SECOND
}

/** A Buffer, an ArrayBuffer, a Blob or a list of Buffers, as `binaryType` says. */
function sizeOf(data: unknown): number | undefined {
  if (Array.isArray(data)) return (data as Uint8Array[]).reduce((sum, part) => sum + part.byteLength, 0)
  if (typeof data !== 'object' || data === null) return undefined
  const size: unknown = Reflect.get(data, 'byteLength') ?? Reflect.get(data, 'size')
  return typeof size === 'number' ? size : undefined
}
