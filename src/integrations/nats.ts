import { hiddenState } from '../core/hidden-state.ts'
import { defineIntegration, target, type Attributes, type Call, type Outcome, type SpanEnd, type SpanStart } from '../core/integration.ts'
import { MESSAGE_BODY, messageStart, senderOf } from '../semantics/messaging.ts'

// NATS by `nats` 2 and by the packages it was split into (3). Requests, JetStream and the library's own inboxes all go through `publish`,
// `request` and `subscribe` of the connection. Subjects with `$` in front are the server's own interface, key-value and object stores.

interface Connection {
  options: { inboxPrefix?: string }
  isClosed(): boolean
  isDraining(): boolean
  protocol: {
    info?: { headers?: boolean; max_payload?: number }
    server?: { hostname?: string; port?: number }
    muxSubscriptions?: { baseInbox?: string }
  }
}

interface Headers {
  code?: number
  has?(key: string): boolean
  get?(key: string): string
  encode(): Uint8Array
}

interface PublishOptions {
  reply?: string
  headers?: Headers
  noMux?: boolean
  timeout?: number
  traceOnly?: unknown
  traceDestination?: unknown
}

interface Message {
  subject: string
  data: Uint8Array
  headers?: Headers
  /** JetStream. */
  info?: { stream: string; consumer: string; redelivered?: boolean; deliveryCount?: number }
}

/** A subscription, or the messages of a JetStream consumer. */
interface Source {
  subject?: string
  queue?: string
  protocol?: Connection['protocol'] & { options?: { inboxPrefix?: string } }
  consumer?: Consumer
  opts?: { [asked]?: true }
}

interface Consumer {
  stream: string
  name: string
  api: { nc: Connection }
}

type PublishCall = { self: Connection; args: [subject: string, data?: unknown, options?: PublishOptions]; result: unknown }
type HandlerCall = { self: Source; args: [error: unknown, message: Message] }
type MessageCall = { self: Source; args: [message: Message] }
type NextCall = { self: Consumer; args: [options?: object]; result: Message | null }

/** On the options of a call of `next`, which reads from an iterator like any other. */
const asked = Symbol.for('perf.agent.nats.next')
/** Subject that JetStream is about to send a request to. */
const stored = hiddenState<string>('nats.stored')
const settled = hiddenState<string>('nats.settled')

const V2 = '>=2.18 <3'
const V3 = '>=3 <4'
const FOLDERS = [
  { module: 'nats', versions: V2, client: 'lib/nats-base-client/', jetstream: 'lib/jetstream/' },
  { module: '@nats-io/nats-core', versions: V3, client: 'lib/', jetstream: undefined },
  { module: '@nats-io/jetstream', versions: V3, client: undefined, jetstream: 'lib/' },
]

export default defineIntegration({
  name: 'nats',
  module: FOLDERS.map(({ module }) => module),
  kind: 'messaging',
  records: {
    spans: ['send orders', 'request orders', 'process orders.*', 'receive ORDERS (a stream)'],
    attributes: [
      'messaging.system',
      'messaging.operation.name',
      'messaging.operation.type',
      'messaging.destination.name',
      'messaging.destination.template',
      'messaging.destination.temporary',
      'messaging.batch.message_count',
      'messaging.consumer.group.name',
      'perf.messaging.jetstream',
      'perf.messaging.stream',
      'perf.messaging.reply_to',
      'perf.messaging.redelivered',
      'perf.messaging.settled',
      'server.address',
      'server.port',
    ],
    against: 'NATS with JetStream',
  },
  inBundle: ['already yielding', 'HPUB '],
  targets: FOLDERS.flatMap(({ module, versions, client, jetstream }) => [
    ...(client === undefined ? [] : clientTargets(module, versions, client)),
    ...(jetstream === undefined ? [] : jetStreamTargets(module, versions, jetstream)),
  ]),
})

function clientTargets(module: string, versions: string, folder: string) {
  const connection = { module, versions, file: `${folder}nats` }
  return [
    target<PublishCall>({
      ...connection,
      path: 'NatsConnectionImpl.prototype.publish',
      settles: 'return',
      carrier: 'message',
      end: (_call, outcome) => (outcome.ok ? undefined : { errorType: codeOf(outcome.error) }),
      start({ self, args: [subject, data, options] }) {
        const inbox = self.protocol.muxSubscriptions?.baseInbox
        const isRequest = inbox !== undefined && options?.reply?.startsWith(inbox) === true
        return isRequest || isOwn(subject) ? undefined : send(self, subject, data, options)
      },
      inject,
    }),
    target<PublishCall>({
      ...connection,
      path: 'NatsConnectionImpl.prototype.request',
      settles: 'observed',
      carrier: 'message',
      start: startRequest,
      inject,
      // The library handles its rejection itself: nothing is hidden.
      observe: (_call, result, end) =>
        void (result as Promise<unknown>).then(
          (answer) => end({ ok: true, result: answer }),
          (error: unknown) => end({ ok: false, error }),
        ),
      end: (_call, outcome) => (outcome.ok ? undefined : { errorType: codeOf(outcome.error) }),
    }),
    target<HandlerCall>({
      ...connection,
      path: 'NatsConnectionImpl.prototype.subscribe',
      given: '1.callback',
      settles: 'promise',
      start: ({ self, args: [error, message] }) => (error === null ? startProcess(self, message) : undefined),
      end: ({ args: [, message] }) => endProcess(message),
    }),
    target<MessageCall>({
      module,
      versions,
      file: `${folder}queued_iterator`,
      path: 'QueuedIteratorImpl.prototype.iterate',
      items: true,
      settles: 'observed',
      start: ({ self, args: [message] }) => (self.opts?.[asked] === true ? undefined : startProcess(self, message)),
      end: ({ args: [message] }) => endProcess(message),
    }),
  ]
}

/** Messages that a consumer of a stream gives to a callback. */
function handed(place: { module: string; versions: string; file: string; path: string }) {
  return [
    target<MessageCall>({
      ...place,
      given: '0.callback',
      settles: 'promise',
      start: ({ self, args: [message] }) => startProcess(self, message),
      end: ({ args: [message] }) => endProcess(message),
    }),
  ]
}

function jetStreamTargets(module: string, versions: string, folder: string) {
  const consumer = { module, versions, file: `${folder}consumer` }
  return [
    target<{ self: { nc: Connection }; args: [subject: string] }>({
      module,
      versions,
      file: `${folder}jsclient`,
      path: 'JetStreamClientImpl.prototype.publish',
      settles: 'return',
      start({ self, args: [subject] }) {
        stored.set(self.nc, subject)
        return undefined
      },
    }),
    ...handed({ ...consumer, path: 'PullConsumerImpl.prototype.consume' }),
    ...handed({ ...consumer, path: 'PullConsumerImpl.prototype.fetch' }),
    // `nats` 2 has its own way to have messages pushed.
    ...(module === 'nats' ? [] : handed({ ...consumer, file: `${folder}pushconsumer`, path: 'PushConsumerImpl.prototype.consume' })),
    target<NextCall>({
      ...consumer,
      path: 'PullConsumerImpl.prototype.next',
      settles: 'promise',
      start(call) {
        const [options] = call.args
        call.args[0] = { ...(options ?? { expires: 30_000 }), [asked]: true }
        const { stream, name, api } = call.self
        return messageStart({
          system: 'nats',
          operation: 'receive',
          destination: stream,
          ...addressOf(api.nc.protocol),
          attributes: { 'messaging.consumer.group.name': name },
        })
      },
      end: endNext,
    }),
    ...['ack', 'nak', 'term'].map((method) =>
      target<{ self: Message; args: unknown[] }>({
        module,
        versions,
        file: `${folder}jsmsg`,
        path: `JsMsgImpl.prototype.${method}`,
        settles: 'return',
        follows: true,
        start({ self }) {
          if (settled.get(self) === undefined) settled.set(self, method)
          return undefined
        },
      }),
    ),
  ]
}

function send({ protocol }: Connection, subject: string, data: unknown, options: PublishOptions | undefined): SpanStart {
  const attributes = { 'perf.messaging.reply_to': options?.reply === undefined ? undefined : true }
  return messageStart({ system: 'nats', operation: 'send', destination: subject, ...addressOf(protocol), body: data, attributes })
}

function startRequest({ self, args: [subject, data, options] }: Call<PublishCall>): SpanStart | undefined {
  const isStored = stored.take(self) === subject
  if (isOwn(subject)) return undefined
  const start = send(self, subject, data, undefined)
  // What is refused at once, or answered at an inbox of its own, has a promise that nobody but the app looks at.
  const isPlain =
    options?.noMux === true || options?.reply !== undefined || self.isClosed() || self.isDraining() || (options?.timeout ?? 1) < 1
  const settles = isPlain ? 'promise' : 'observed'
  if (isStored) return { ...start, settles, attributes: { ...start.attributes, 'perf.messaging.jetstream': true } }
  return {
    ...start,
    settles,
    name: start.name.replace('send', 'request'),
    kind: 'client',
    attributes: { ...start.attributes, 'messaging.operation.name': 'request' },
  }
}

/** Room for the two headers. */
const MAX_CONTEXT_BYTES = 700

/** Not where the server takes no headers, or where the message would become too large for it. */
function inject({ self, args }: Call<PublishCall>, traceparent: string, tracestate: string | undefined): void {
  const [, data, options] = args
  const { headers, traceOnly, traceDestination } = options ?? {}
  const { info } = self.protocol
  if (info?.headers !== true || traceOnly !== undefined || traceDestination !== undefined || headers?.has?.('traceparent') === true) return
  const bytes =
    (typeof data === 'string' ? data.length * 3 : data instanceof Uint8Array ? data.length : 0) + (headers?.encode().length ?? 0)
  if (bytes + MAX_CONTEXT_BYTES > (info.max_payload ?? 0)) return
  const lines = `traceparent: ${traceparent}\r\n${tracestate === undefined ? '' : `tracestate: ${tracestate}\r\n`}\r\n`
  args[2] = { ...options, headers: { encode: () => joined(headers, lines) } }
}

/** What the app's headers encode to, the empty line at their end replaced by `lines`. Empty ones encode to nothing. */
function joined(headers: Headers | undefined, lines: string): Uint8Array {
  const own = headers?.encode()
  if (own === undefined || own.length === 0) return Buffer.from(`NATS/1.0\r\n${lines}`)
  return Buffer.concat([own.subarray(0, own.length - 2), Buffer.from(lines)])
}

function startProcess(source: Source, message: Message): SpanStart | undefined {
  const { consumer, queue } = source
  const protocol = consumer?.api.nc.protocol ?? source.protocol
  // Not a message: events of the connection, answers to requests, and what the server says of itself (codes from 100 on).
  if (protocol === undefined || typeof message !== 'object' || typeof message.subject !== 'string') return undefined
  const { subject, data, headers } = message
  const pattern = consumer === undefined ? source.subject : undefined
  if (isInbox(subject) || isOwn(subject) || (headers?.code ?? 0) >= 100) return undefined
  if (pattern !== undefined && isDelivery(pattern, subject)) return undefined
  return messageStart({
    system: 'nats',
    operation: 'process',
    destination: subject,
    template: pattern,
    ...addressOf(protocol),
    body: data.length === 0 ? undefined : data,
    senders: [senderOf({ traceparent: headers?.get?.('traceparent'), tracestate: headers?.get?.('tracestate') || undefined })],
    attributes: {
      'messaging.consumer.group.name': consumer?.name ?? queue,
      ...(consumer === undefined ? undefined : describeStored(message)),
    },
  })
}

function endProcess(message: Message): SpanEnd {
  return { attributes: { 'perf.messaging.settled': settled.get(message) } }
}

function endNext(_call: Call<NextCall>, outcome: Outcome<Message | null>): SpanEnd | undefined {
  if (!outcome.ok) return undefined
  const message = outcome.result
  if (message === null) return { attributes: { 'messaging.batch.message_count': 0 } }
  return {
    attributes: describeStored(message),
    payloads: [{ role: MESSAGE_BODY, value: message.data }],
    links: [senderOf({ traceparent: message.headers?.get?.('traceparent') })],
  }
}

function describeStored({ info }: Message): Attributes {
  return {
    'perf.messaging.stream': info?.stream,
    'perf.messaging.redelivered': info?.redelivered === true || (info?.deliveryCount ?? 1) > 1 ? true : undefined,
  }
}

/** `nats` 2 has one class of errors and tells them by a code. */
function codeOf(error: unknown): string | undefined {
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown }
  return name === 'NatsError' && typeof code === 'string' ? code : undefined
}

function isOwn(subject: unknown): boolean {
  return typeof subject === 'string' && subject.startsWith('$')
}

/** What a stream delivers at a subject made for that comes with its own subject; the consumer hands it on. */
function isDelivery(pattern: string, subject: string): boolean {
  return isInbox(pattern) || (pattern !== subject && !/[*>]/.test(pattern))
}

function isInbox(subject: string): boolean {
  return subject.startsWith('_INBOX.')
}

function addressOf({ server }: Connection['protocol']): { host: string | undefined; port: number | undefined } {
  return { host: server?.hostname, port: server?.port }
}
