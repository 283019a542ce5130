// Spans of messages and jobs by OpenTelemetry's conventions. What a message says is a payload; where it goes and came from are attributes.
import type { Attributes, RemoteParent, SpanStart } from '../core/integration.ts'

/** One message or batch on its way out (`send`), being worked on (`process`), or asked for (`receive`). */
export interface MessageOperation {
  system: string
  operation: 'send' | 'process' | 'receive'
  /** Queue, topic, subject, exchange. */
  destination: string | undefined
  /** The pattern it matched (a subscription to `orders.*`). */
  template?: string | undefined
  /** Host and port of the broker. */
  host?: string | undefined
  port?: number | undefined
  /** Messages of a batch; undefined for a single one. */
  count?: number | undefined
  attributes?: Attributes | undefined
  /** Content of the message; of a batch, of all of them. */
  body?: unknown
  /** Who sent what is processed; their contexts, or undefined where a message has none. */
  senders?: readonly RemoteParent[] | undefined
}

const KINDS = { send: 'producer', process: 'consumer', receive: 'client' } as const

/** The start of a messaging span. What is processed has its sender as parent, a batch all of its senders as links. */
export function messageStart(message: MessageOperation): SpanStart {
  const { system, operation, destination, count, body, senders } = message
  const place = describeDestination(message.template ?? destination)
  const start: SpanStart = {
    name: place.template === '' ? operation : `${operation} ${place.template}`,
    kind: KINDS[operation],
    attributes: {
      'messaging.system': system,
      'messaging.operation.name': operation,
      'messaging.operation.type': operation,
      'messaging.destination.name': destination || undefined,
      'messaging.destination.template': place.template === destination || place.isTemporary ? undefined : place.template || undefined,
      'messaging.destination.temporary': place.isTemporary ? true : undefined,
      'messaging.batch.message_count': count,
      'server.address': message.host,
      'server.port': message.port,
      ...message.attributes,
    },
    payloads: body === undefined || body === null ? undefined : [{ role: MESSAGE_BODY, value: body }],
  }
  if (operation === 'process') joinSenders(start, senders ?? [], count !== undefined)
  return start
}

/** Role of a message's content. */
export const MESSAGE_BODY = 'messaging.message.body'

/** Text of a batch's bodies that goes into one payload. */
const MAX_BATCH_BYTES = 65_536

/** The bodies of a batch as text, as far as a payload holds them; of what comes after, the size. */
export function bodiesOf(values: readonly unknown[]): unknown[] {
  let left = MAX_BATCH_BYTES
  return values.map((value) => {
    if (!(value instanceof Uint8Array) || (left -= value.length) < 0) return value
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()
  })
}

/** Links of one span; a larger batch says how many senders it had. */
const MAX_LINKS = 1000

/** One sender is the parent, so that both are one trace; of several none can be. */
function joinSenders(start: SpanStart, senders: readonly RemoteParent[], isBatch: boolean): void {
  const known = new Map(senders.flatMap((sender) => (sender.traceparent === undefined ? [] : [[sender.traceparent, sender] as const])))
  const [first] = known.values()
  start.parent = known.size === 1 && first !== undefined ? first : NO_PARENT
  if (!isBatch || known.size === 0) return
  start.links = [...known.values()].slice(0, MAX_LINKS)
  if (known.size > MAX_LINKS) start.attributes = { ...start.attributes, 'perf.messaging.senders': known.size }
}

const NO_PARENT: RemoteParent = { traceparent: undefined }

interface Destination {
  /** With few values: no ids, no names that the broker made up. */
  template: string
  isTemporary: boolean
}

const known = new Map<string, Destination>()
const MAX_KNOWN = 1000

function describeDestination(name = ''): Destination {
  let destination = known.get(name)
  if (destination === undefined) {
    const isTemporary = TEMPORARY.test(name)
    destination = { template: isTemporary ? '(temporary)' : name.replace(ID, '{id}'), isTemporary }
    if (known.size >= MAX_KNOWN) known.clear()
    known.set(name, destination)
  }
  return destination
}

/** Queues and inboxes that exist for one connection: RabbitMQ, NATS. */
const TEMPORARY = /^(?:amq\.(?:gen-|rabbitmq\.reply-to|ctag-)|_INBOX\.)/
/** A whole part of digits, a UUID, and long numbers and hexadecimal ids anywhere. */
const ID = /(?<![^/.:])\d+(?![^/.:])|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=[a-f]*\d)[0-9a-f]{16,}|\d{5,}/gi

type Headers = Record<string, unknown> | null | undefined

/** The context in a message's headers, whether they are text or bytes. */
export function senderOf(headers: Headers): RemoteParent {
  const traceparent = headerText(headers?.['traceparent'])
  return traceparent === undefined ? NO_PARENT : { traceparent, tracestate: headerText(headers?.['tracestate']) }
}

function headerText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return headerText(value[0])
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString() : undefined
}

/** A copy of `headers` that carries the context, or `headers` themselves where the app put one there. */
export function withSender<H extends Headers>(
  headers: H,
  traceparent: string,
  tracestate: string | undefined,
): H | Record<string, unknown> {
  if (headers !== null && headers !== undefined && 'traceparent' in headers) return headers
  const copy: Record<string, unknown> = {}
  // Inherited ones, too: some libraries send them.
  for (const key in headers) copy[key] = headers[key]
  copy['traceparent'] = traceparent
  if (tracestate !== undefined) copy['tracestate'] = tracestate
  return copy
}
