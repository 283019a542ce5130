import { defineIntegration, target, type Call, type SpanStart } from '../core/integration.ts'
import { messageStart, senderOf, withSender } from '../semantics/messaging.ts'

// MQTT.js 5. The context travels in the user properties of MQTT 5; 3.1.1 has nothing that could carry it. A message is processed
// until the `message` listeners have returned: what they wait for afterwards is below it all the same.

interface Client {
  options: { protocolVersion?: number; clientId?: string; host?: string; hostname?: string; port?: number }
  listenerCount(event: string): number
  _serverProperties?: { maximumPacketSize?: number }
}

interface PublishOptions {
  qos?: number
  retain?: boolean
  properties?: { userProperties?: Record<string, unknown> }
}

interface Packet {
  qos?: number
  retain?: boolean
  dup?: boolean
  properties?: { userProperties?: Record<string, unknown> }
}

type PublishCall = {
  self: Client
  args: [topic: string, message: unknown, options?: PublishOptions | null | ((error?: Error) => void), callback?: unknown]
}
type EmitCall = { self: Client; args: [event: string, topic: string, message: unknown, packet: Packet] }

const VERSIONS = '>=5 <6'
/** 5.0 was built into a folder of its own. */
const FOLDER = String.raw`^build\/(?:src\/)?lib\/`

export default defineIntegration({
  name: 'mqtt',
  module: 'mqtt',
  kind: 'messaging',
  records: {
    spans: ['send orders/mail', 'process orders/mail'],
    attributes: [
      'messaging.system',
      'messaging.operation.name',
      'messaging.operation.type',
      'messaging.destination.name',
      'messaging.destination.template',
      'messaging.client.id',
      'network.protocol.version',
      'perf.messaging.qos',
      'perf.messaging.retained',
      'perf.messaging.redelivered',
      'server.address',
      'server.port',
    ],
    against: 'Mosquitto',
  },
  inBundle: ['client disconnecting', 'No messageId left'],
  targets: [
    target<PublishCall>({
      file: new RegExp(`${FOLDER}client$`),
      path: 'default.prototype.publish',
      versions: VERSIONS,
      settles: 'callback',
      carrier: 'message',
      start: startSend,
      inject,
    }),
    target<EmitCall>({
      file: new RegExp(`${FOLDER}TypedEmitter$`),
      path: 'TypedEventEmitter.prototype.emit',
      versions: VERSIONS,
      settles: 'return',
      start: startProcess,
    }),
  ],
})

function startSend({ self, args: [topic, message, options] }: Call<PublishCall>): SpanStart {
  const { qos, retain } = optionsOf(options) ?? {}
  return messageStart({
    system: 'mqtt',
    operation: 'send',
    destination: topic,
    ...addressOf(self),
    body: message,
    attributes: { ...describeClient(self), 'perf.messaging.qos': qos ?? 0, 'perf.messaging.retained': retain === true ? true : undefined },
  })
}

/** More than both properties need. */
const MAX_CONTEXT_BYTES = 1000

function inject({ self, args }: Call<PublishCall>, traceparent: string, tracestate: string | undefined): void {
  const [topic, message, given] = args
  if (self.options.protocolVersion !== 5) return
  const most = self._serverProperties?.maximumPacketSize
  const length = typeof message === 'string' ? message.length * 3 : message instanceof Uint8Array ? message.length : 0
  if (most !== undefined && topic.length * 3 + length + MAX_CONTEXT_BYTES > most) return
  const options = optionsOf(given)
  const properties = { ...options?.properties, userProperties: withSender(options?.properties?.userProperties, traceparent, tracestate) }
  args.splice(2, typeof given === 'function' ? 0 : 1, { ...options, properties })
}

function startProcess({ self, args: [event, topic, message, packet] }: Call<EmitCall>): SpanStart | undefined {
  if (event !== 'message' || self.listenerCount('message') === 0) return undefined
  const { qos, retain, dup, properties } = packet
  return messageStart({
    system: 'mqtt',
    operation: 'process',
    destination: topic,
    ...addressOf(self),
    body: message,
    senders: [senderOf(properties?.userProperties)],
    attributes: {
      ...describeClient(self),
      'perf.messaging.qos': qos,
      'perf.messaging.retained': retain === true ? true : undefined,
      'perf.messaging.redelivered': dup === true ? true : undefined,
    },
  })
}

function describeClient({ options }: Client) {
  return { 'messaging.client.id': options.clientId, 'network.protocol.version': options.protocolVersion === 5 ? '5' : '3.1.1' }
}

function optionsOf(options: PublishCall['args'][2]): PublishOptions | undefined {
  return typeof options === 'function' ? undefined : (options ?? undefined)
}

function addressOf({ options }: Client): { host: string | undefined; port: number | undefined } {
  return { host: options.hostname ?? options.host, port: options.port }
}
