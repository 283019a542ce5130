import type { Socket, TcpSocketConnectOpts } from 'node:net'
import { defineIntegration, target, type Attributes, type Call, type Outcome, type SpanEnd } from '../core/integration.ts'
import { systemFailure } from '../semantics/net.ts'

type Options = Partial<TcpSocketConnectOpts> & { path?: string | null }
type ConnectingSocket = Socket & { encrypted?: boolean }
type Emit = (this: unknown, event: string | symbol, ...args: unknown[]) => boolean

interface ConnectCall {
  self: ConnectingSocket
  /** As Node's `connect` hands them on: a list of options and callback. */
  args: [first: Options | number | string | [Options?], second?: unknown]
  result: unknown
}

// Every connection, of `net` and of `tls`, begins with this method of its socket. No listener is added: until it is connected the socket
// has an `emit` of its own.
export default defineIntegration({
  name: 'net',
  module: 'node:net',
  kind: 'net',
  records: {
    spans: ['tcp.connect', 'unix.connect'],
    attributes: [
      'network.transport',
      'server.address',
      'server.port',
      'network.peer.address',
      'network.peer.port',
      'perf.net.tls_ms',
      'perf.net.aborted',
    ],
    against: 'servers of the same process',
  },
  targets: [
    target<ConnectCall>({
      path: 'Socket.prototype.connect',
      versions: '*',
      settles: 'observed',
      insideOnly: true,
      callersContext: true,
      start({ args }: Call<ConnectCall>) {
        const { host, port, path } = whereTo(args)
        const isLocal = typeof path === 'string'
        return {
          name: isLocal ? 'unix.connect' : 'tcp.connect',
          kind: 'client',
          attributes: {
            'network.transport': isLocal ? 'unix' : 'tcp',
            'server.address': isLocal ? path : (host ?? 'localhost'),
            'server.port': isLocal ? undefined : Number(port),
          },
        }
      },
      observe: observeConnecting,
      end: (_call, outcome) => systemFailure(outcome),
    }),
  ],
})

function whereTo([first, second]: ConnectCall['args']): Options {
  if (Array.isArray(first)) return first[0] ?? {}
  if (typeof first === 'object') return first
  if (typeof first === 'string' && !/^\d+$/.test(first)) return { path: first }
  return { port: Number(first), ...(typeof second === 'string' ? { host: second } : {}) }
}

function observeConnecting({ self: socket }: Call<ConnectCall>, _result: unknown, end: (outcome: Outcome, more?: SpanEnd) => void): void {
  const before = Object.getOwnPropertyDescriptor(socket, 'emit')
  const emit = socket.emit as Emit
  const isSecure = socket.encrypted === true
  const attributes: Attributes = {}
  let connectedMs = 0
  const restore = (): void => {
    if ((socket.emit as unknown) !== own) return
    if (before === undefined) delete (socket as { emit?: unknown }).emit
    else Object.defineProperty(socket, 'emit', before)
  }
  const finish = (outcome: Outcome, more: SpanEnd): void => {
    restore()
    end(outcome, { ...more, attributes: { ...attributes, ...more.attributes } })
  }
  const own: Emit = function (this: unknown, event, ...args) {
    if (event === 'connect') {
      connectedMs = performance.now()
      attributes['network.peer.address'] = socket.remoteAddress
      attributes['network.peer.port'] = socket.remotePort
      if (!isSecure) finish({ ok: true, result: undefined }, {})
    } else if (event === 'secureConnect')
      finish(
        { ok: true, result: undefined },
        { attributes: { 'perf.net.tls_ms': Math.round((performance.now() - connectedMs) * 1000) / 1000 } },
      )
    else if (event === 'error') finish({ ok: false, error: args[0] }, {})
    else if (event === 'close') finish({ ok: true, result: undefined }, { attributes: { 'perf.net.aborted': true } })
    return Reflect.apply(emit, this, [event, ...args])
  }
  Object.defineProperty(socket, 'emit', { value: own, writable: true, enumerable: false, configurable: true })
}
