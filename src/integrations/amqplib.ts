import { hiddenState } from '../core/hidden-state.ts'
import { defineIntegration, target, type Attributes, type Call, type Outcome, type SpanEnd, type SpanStart } from '../core/integration.ts'
import { MESSAGE_BODY, messageStart, senderOf, withSender } from '../semantics/messaging.ts'

// amqplib with promises and with callbacks: both build on the same channel. A message is processed until the promise of its handler
// settles; where the handler gives none, until it is acknowledged, or until it returns where nothing is to be acknowledged.

interface Channel {
  connection: { stream?: { _host?: string; remoteAddress?: string; remotePort?: number } }
  waitForConfirms?: unknown
}

interface PublishOptions {
  headers?: Record<string, unknown> | null
  messageId?: string
  correlationId?: string
}

interface Message {
  fields: { consumerTag?: string; deliveryTag: number; redelivered: boolean; exchange: string; routingKey: string }
  properties: PublishOptions
  content: Buffer
}

type PublishCall = {
  self: Channel
  args: [exchange: string, key: string, content: unknown, options?: PublishOptions | null, confirm?: unknown]
}
type GetCall = { self: Channel; args: [queue: string]; result: Message | false }
type DispatchCall = { self: Channel; args: [fields: { consumerTag: string }, message: Message | null]; result: unknown }
type ConsumeCall = { self: Channel; args: [queue: string, handler: unknown, options?: { noAck?: boolean } | null] }
type SettleCall = { self: Channel; args: [message: Message, second?: unknown, third?: unknown] }

/** A delivery that is to be acknowledged. */
interface Delivery {
  settled: Attributes | undefined
  end: ((outcome: Outcome) => void) | undefined
}

interface ChannelState {
  /** `consume` calls the broker has not answered; it does so in their order. */
  asked: Consumer[]
  consumers: Map<string, Consumer>
  unsettled: Map<number, Delivery>
}

interface Consumer {
  queue: string
  noAck: boolean
}

const channels = hiddenState<ChannelState>('amqplib.channel')
const deliveries = hiddenState<Delivery>('amqplib.delivery')

const VERSIONS = '>=0.10 <3'
const MODELS = ['lib/channel_model', 'lib/callback_model']

export default defineIntegration({
  name: 'amqplib',
  module: 'amqplib',
  kind: 'messaging',
  records: {
    spans: ['send orders', 'process orders', 'receive orders'],
    attributes: [
      'messaging.system',
      'messaging.operation.name',
      'messaging.operation.type',
      'messaging.destination.name',
      'messaging.destination.template',
      'messaging.destination.temporary',
      'messaging.batch.message_count',
      'messaging.message.id',
      'messaging.message.conversation_id',
      'messaging.rabbitmq.destination.routing_key',
      'messaging.rabbitmq.message.delivery_tag',
      'perf.messaging.redelivered',
      'perf.messaging.settled',
      'perf.messaging.requeued',
      'server.address',
      'server.port',
    ],
    against: 'RabbitMQ',
  },
  inBundle: ['Channel ended, no reply will be forthcoming'],
  targets: [
    ...MODELS.flatMap(modelTargets),
    target<DispatchCall>({
      file: 'lib/channel',
      path: 'BaseChannel.prototype.dispatchMessage',
      versions: VERSIONS,
      settles: 'promise',
      start: startProcess,
      observe({ args: [, message] }, _result, end) {
        const delivery = message === null ? undefined : deliveries.get(message)
        if (delivery === undefined || delivery.settled !== undefined) end({ ok: true, result: undefined })
        else delivery.end = end
      },
      end: ({ args: [, message] }) => ({ attributes: message === null ? undefined : deliveries.get(message)?.settled }),
    }),
    target<{ self: Channel; args: [tag: string] }>({
      file: 'lib/channel',
      path: 'BaseChannel.prototype.registerConsumer',
      versions: VERSIONS,
      settles: 'return',
      follows: true,
      start({ self, args: [tag] }) {
        const state = channels.get(self)
        const consumer = state?.asked.shift()
        if (consumer !== undefined) state?.consumers.set(tag, consumer)
        return undefined
      },
    }),
    target<{ self: Channel; args: [] }>({
      file: 'lib/channel',
      path: 'Channel.prototype.toClosed',
      versions: VERSIONS,
      settles: 'return',
      follows: true,
      start({ self }) {
        settle(self, undefined, true, undefined)
        return undefined
      },
    }),
  ],
})

function modelTargets(file: string) {
  const settles = (method: string, how: (args: unknown[]) => { tag: number | undefined; upTo: boolean; requeue: boolean | undefined }) =>
    target<SettleCall>({
      file,
      path: `Channel.prototype.${method}`,
      versions: VERSIONS,
      settles: 'return',
      follows: true,
      start({ self, args }) {
        const { tag, upTo, requeue } = how(args)
        settle(self, tag, upTo, { 'perf.messaging.settled': method.replace('All', ''), 'perf.messaging.requeued': requeue })
        return undefined
      },
    })
  return [
    target<PublishCall>({
      file,
      path: 'Channel.prototype.publish',
      versions: VERSIONS,
      settles: 'return',
      start: startSend,
      inject,
      carrier: 'message',
    }),
    target<PublishCall>({
      file,
      path: 'ConfirmChannel.prototype.publish',
      versions: VERSIONS,
      settles: 'callback',
      callback: 4,
      start: (call) => startSend(call, true),
      inject,
      carrier: 'message',
    }),
    target<GetCall>({ file, path: 'Channel.prototype.get', versions: VERSIONS, settles: 'callback', start: startReceive, end: endReceive }),
    target<ConsumeCall>({
      file,
      path: 'Channel.prototype.consume',
      versions: VERSIONS,
      settles: 'return',
      follows: true,
      start({ self, args: [queue, , options] }) {
        stateOf(self).asked.push({ queue, noAck: options?.noAck === true })
        return undefined
      },
    }),
    settles('ack', ([message, upTo]) => ({ tag: tagOf(message), upTo: upTo === true, requeue: undefined })),
    settles('nack', ([message, upTo, requeue]) => ({ tag: tagOf(message), upTo: upTo === true, requeue: requeue !== false })),
    settles('reject', ([message, requeue]) => ({ tag: tagOf(message), upTo: false, requeue: requeue !== false })),
    settles('ackAll', () => ({ tag: undefined, upTo: true, requeue: undefined })),
    settles('nackAll', ([requeue]) => ({ tag: undefined, upTo: true, requeue: requeue !== false })),
  ]
}

/** A confirm channel publishes through the plain one. */
function startSend({ self, args: [exchange, key, content, options] }: Call<PublishCall>, confirmed = false): SpanStart | undefined {
  if (!confirmed && self.waitForConfirms !== undefined) return undefined
  return messageStart({
    system: 'rabbitmq',
    operation: 'send',
    destination: exchange || key,
    ...addressOf(self),
    body: content,
    attributes: {
      'messaging.rabbitmq.destination.routing_key': exchange === '' ? undefined : key,
      'messaging.message.id': options?.messageId,
      'messaging.message.conversation_id': options?.correlationId,
    },
  })
}

function inject({ args }: Call<PublishCall>, traceparent: string, tracestate: string | undefined): void {
  const options = args[3] ?? null
  args[3] = Object.create(options, { headers: { value: withSender(options?.headers, traceparent, tracestate) } }) as PublishOptions
}

function startProcess({ self, args: [{ consumerTag }, message] }: Call<DispatchCall>): SpanStart | undefined {
  // The broker cancelled the consumer.
  if (message === null) return undefined
  const state = stateOf(self)
  const consumer = state.consumers.get(consumerTag)
  const { fields, properties, content } = message
  if (consumer?.noAck === false) {
    const delivery: Delivery = { settled: undefined, end: undefined }
    deliveries.set(message, delivery)
    state.unsettled.set(fields.deliveryTag, delivery)
  }
  return messageStart({
    system: 'rabbitmq',
    operation: 'process',
    destination: consumer?.queue || fields.exchange || fields.routingKey,
    ...addressOf(self),
    body: content,
    senders: [senderOf(properties.headers)],
    attributes: describeMessage(message),
  })
}

function startReceive({ self, args: [queue] }: Call<GetCall>): SpanStart {
  return messageStart({ system: 'rabbitmq', operation: 'receive', destination: queue, ...addressOf(self) })
}

function endReceive(_call: Call<GetCall>, outcome: Outcome<Message | false>): SpanEnd | undefined {
  if (!outcome.ok) return undefined
  const message = outcome.result
  if (message === false) return { attributes: { 'messaging.batch.message_count': 0 } }
  return {
    attributes: describeMessage(message),
    payloads: [{ role: MESSAGE_BODY, value: message.content }],
    links: [senderOf(message.properties.headers)],
  }
}

function describeMessage({ fields, properties }: Message): Attributes {
  return {
    'messaging.rabbitmq.destination.routing_key': fields.routingKey,
    'messaging.rabbitmq.message.delivery_tag': fields.deliveryTag,
    'messaging.message.id': properties.messageId,
    'messaging.message.conversation_id': properties.correlationId,
    'perf.messaging.redelivered': fields.redelivered ? true : undefined,
  }
}

/** Notes what became of a delivery, of all up to it, or of all there are, and ends the spans that wait for it. */
function settle(channel: Channel, tag: number | undefined, upTo: boolean, how: Attributes | undefined): void {
  const unsettled = channels.get(channel)?.unsettled
  if (unsettled === undefined) return
  const tags = upTo ? [...unsettled.keys()].filter((other) => tag === undefined || other <= tag) : tag === undefined ? [] : [tag]
  for (const one of tags) {
    const delivery = unsettled.get(one)
    if (delivery === undefined) continue
    unsettled.delete(one)
    delivery.settled = how
    delivery.end?.({ ok: true, result: undefined })
  }
}

function tagOf(message: unknown): number | undefined {
  return (message as Partial<Message> | undefined)?.fields?.deliveryTag
}

function stateOf(channel: Channel): ChannelState {
  let state = channels.get(channel)
  if (state === undefined) channels.set(channel, (state = { asked: [], consumers: new Map(), unsettled: new Map() }))
  return state
}

function addressOf({ connection: { stream } }: Channel): { host: string | undefined; port: number | undefined } {
  return { host: stream?._host ?? stream?.remoteAddress, port: stream?.remotePort }
}
