import { hiddenState } from '../core/hidden-state.ts'
import { binding, defineIntegration, target } from '../core/integration.ts'
import type { Attributes, Outcome, SpanEnd } from '../core/integration.ts'
import { splitHost } from '../semantics/http.ts'
import { rpcAttributes, rpcClientEnd, rpcServerEnd, statusOfError } from '../semantics/rpc.ts'

interface Metadata {
  get(name: string): readonly unknown[]
  set(name: string, value: string): void
  clone(): Metadata
}
interface ServerCall {
  metadata: Metadata
  getPath(): string
}
interface Client {
  getChannel(): { getTarget(): string }
  checkOptionalUnaryResponseArguments(...args: unknown[]): { metadata: Metadata; options: unknown; callback: unknown }
  checkMetadataAndOptions(...args: unknown[]): { metadata: Metadata; options: unknown }
}
interface ClientCall {
  self: Client
  args: [path: string, serialize: unknown, deserialize: unknown, ...rest: unknown[]]
  result: object
}
/** A call that ends with the events of its stream. */
interface StreamCall {
  error: unknown
  end(outcome: Outcome, more?: SpanEnd): void
}

const VERSIONS = '>=1.8.0 <2'
const streamCalls = hiddenState<StreamCall>('grpc.stream')
/** HTTP/2 servers whose streams are calls of ours; the integration http2-server leaves them alone. */
const http2Servers = hiddenState<true>('grpc.http2-server')

/** `before`: number of arguments in front of the metadata. */
function request(name: string, before: 3 | 4, streams: boolean): ReturnType<typeof target>[] {
  const path = `Client.prototype.${name}`
  const definition = target<ClientCall>({
    file: 'build/src/client',
    path,
    versions: VERSIONS,
    settles: streams ? 'observed' : 'callback',
    start: ({ self, args: [method] }) => ({
      name: method.slice(1),
      kind: 'client',
      attributes: { ...rpcAttributes('grpc', method.slice(1)), ...addressOf(self) },
    }),
    destination: ({ self }) => hostOf(self),
    inject({ self, args }, traceparent, tracestate) {
      const rest = args.slice(before)
      const { metadata, options } = streams ? self.checkMetadataAndOptions(...rest) : self.checkOptionalUnaryResponseArguments(...rest)
      if (metadata.get('traceparent').length > 0) return
      const own = metadata.clone()
      own.set('traceparent', traceparent)
      if (tracestate !== undefined && own.get('tracestate').length === 0) own.set('tracestate', tracestate)
      args.splice(before, args.length, own, options, ...(streams ? [] : rest.filter((value) => typeof value === 'function').slice(0, 1)))
    },
    observe: (_call, stream, end) => streamCalls.set(stream, { error: undefined, end }),
    end: (_call, outcome) => (streams ? undefined : rpcClientEnd(outcome.ok ? 0 : statusOfError(outcome.error))),
  })
  // Events of a connection come in the context of whoever opened it.
  return [definition, binding({ file: 'build/src/client', path, versions: VERSIONS, carries: 'result' }) as never]
}

function clientEvents(name: string): ReturnType<typeof target>[] {
  const path = `${name}.prototype.emit`
  return [
    binding({ file: 'build/src/call', path, versions: VERSIONS, carries: 'self' }) as never,
    target<{ self: object; args: [event: string, value: unknown] }>({
      file: 'build/src/call',
      path,
      versions: VERSIONS,
      settles: 'return',
      follows: true,
      start({ self, args: [event, value] }) {
        if (event === 'error') endClientStream(self, statusOfError(value), value)
        else if (event === 'status') endClientStream(self, statusOfError(value), undefined)
        return undefined
      },
    }),
  ]
}

function serverEvents(name: string): ReturnType<typeof target>[] {
  const path = `${name}.prototype.emit`
  return [
    binding({ file: 'build/src/server-call', path, versions: VERSIONS, carries: 'self' }) as never,
    target<{ self: object; args: [event: string, value: unknown] }>({
      file: 'build/src/server-call',
      path,
      versions: VERSIONS,
      settles: 'return',
      follows: true,
      start({ self, args: [event, value] }) {
        if (event === 'finish') endServerStream(self, 0, undefined)
        else if (event === 'error') endServerStream(self, statusOfError(value), value)
        else if (event === 'cancelled') endServerStream(self, 1, undefined)
        return undefined
      },
    }),
  ]
}

export default defineIntegration({
  name: 'grpc',
  module: '@grpc/grpc-js',
  kind: 'http',
  records: {
    spans: ['test.Shop/Get', 'test.Shop/List', 'test.Shop/Chat', 'test.Shop/Sum', 'test.Shop/Nothing'],
    attributes: ['rpc.method', 'rpc.response.status_code', 'rpc.service', 'rpc.system.name', 'server.address', 'server.port'],
    against: 'real servers over loopback',
  },
  inBundle: ['Method names cannot start with $'],
  targets: [
    ...request('makeUnaryRequest', 4, false),
    ...request('makeClientStreamRequest', 3, false),
    ...request('makeServerStreamRequest', 4, true),
    ...request('makeBidiStreamRequest', 3, true),
    ...['ClientUnaryCallImpl', 'ClientReadableStreamImpl', 'ClientWritableStreamImpl', 'ClientDuplexStreamImpl'].flatMap(clientEvents),
    target<{ args: [http2Server: object] }>({
      file: 'build/src/server',
      path: 'Server.prototype._setupHandlers',
      versions: VERSIONS,
      settles: 'return',
      follows: true,
      start({ args: [server] }) {
        http2Servers.set(server, true)
        return undefined
      },
    }),
    target<{ args: [call: ServerCall, callback?: unknown]; result: unknown }>({
      file: 'build/src/server',
      path: 'Server.prototype.register',
      given: '1',
      versions: VERSIONS,
      settles: 'callback',
      start({ args: [call, callback] }) {
        const method = call.getPath().slice(1)
        const traceparent = text(call.metadata.get('traceparent')[0])
        return {
          name: method,
          kind: 'server',
          attributes: rpcAttributes('grpc', method),
          parent: { traceparent, tracestate: traceparent === undefined ? undefined : text(call.metadata.get('tracestate')[0]) },
          carriedBy: call,
          settles: typeof callback === 'function' ? 'callback' : 'observed',
        }
      },
      observe: ({ args: [call] }, _result, end) => streamCalls.set(call, { error: undefined, end }),
      end: ({ args: [, callback] }, outcome) =>
        typeof callback === 'function' || !outcome.ok ? rpcServerEnd(outcome.ok ? 0 : statusOfError(outcome.error)) : undefined,
    }),
    ...['ServerUnaryCallImpl', 'ServerReadableStreamImpl', 'ServerWritableStreamImpl', 'ServerDuplexStreamImpl'].flatMap(serverEvents),
  ],
})

function endClientStream(stream: object, status: number, error: unknown): void {
  streamCalls.take(stream)?.end(error === undefined ? { ok: true, result: undefined } : { ok: false, error }, rpcClientEnd(status))
}

function endServerStream(stream: object, status: number, error: unknown): void {
  streamCalls.take(stream)?.end(error === undefined ? { ok: true, result: undefined } : { ok: false, error }, rpcServerEnd(status))
}

/** `dns:localhost:50051`, `ipv4:127.0.0.1:50051`, `unix:/path`. */
function addressOf(client: Client): Attributes {
  const { address, port } = splitHost(hostOf(client))
  return { 'server.address': address, 'server.port': port }
}

function hostOf(client: Client): string | undefined {
  const target = client.getChannel().getTarget()
  if (target.startsWith('unix')) return 'localhost'
  return target.replace(/^(?:dns|ipv4|ipv6):(?:\/\/[^/]*\/)?/, '').split(',')[0]
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
