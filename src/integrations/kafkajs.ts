import { defineIntegration, target, type Attributes, type Call, type SpanStart } from '../core/integration.ts'
import { bodiesOf, messageStart, senderOf, withSender, type MessageOperation } from '../semantics/messaging.ts'

// KafkaJS 2: what a producer or a transaction sends, and each message or batch a consumer's handler is given. The context is in the
// headers of the messages, which a broker that speaks a format before 0.11 does not keep.

interface Message {
  key?: unknown
  value?: unknown
  headers?: Record<string, unknown>
  offset?: string
}

interface TopicMessages {
  topic: string
  messages: Message[]
}

/** What reads for a consumer. */
interface Runner {
  consumerGroup: { groupId: string }
}

interface Batch extends TopicMessages {
  partition: number
  highWatermark: string
}

type SendCall = { args: [record: TopicMessages | undefined] }
type SendBatchCall = { args: [records: { topicMessages?: TopicMessages[] } | undefined] }
type MessageCall = { self: Runner; args: [given: { topic: string; partition: number; message: Message }] }
type BatchCall = { self: Runner; args: [given: { batch: Batch }] }

const VERSIONS = '>=2 <3'
const SENDERS = ['Kafka.prototype.producer()', 'Kafka.prototype.producer().transaction()']
const runner = { file: 'src/consumer/runner', path: 'prototype.start', versions: VERSIONS, settles: 'promise' } as const

export default defineIntegration({
  name: 'kafkajs',
  module: 'kafkajs',
  kind: 'messaging',
  records: {
    spans: ['send orders', 'process orders'],
    attributes: [
      'messaging.system',
      'messaging.operation.name',
      'messaging.operation.type',
      'messaging.destination.name',
      'messaging.destination.template',
      'messaging.batch.message_count',
      'messaging.consumer.group.name',
      'messaging.destination.partition.id',
      'messaging.kafka.offset',
      'messaging.kafka.message.tombstone',
      'perf.messaging.lag',
      'perf.messaging.senders',
    ],
    against: 'a scripted broker that speaks the Kafka protocol to the driver',
  },
  inBundle: ['Cannot continue to use transaction once ended'],
  targets: [
    ...SENDERS.flatMap((sender) => [
      target<SendCall>({
        path: `${sender}.send`,
        versions: VERSIONS,
        settles: 'promise',
        carrier: 'message',
        start: ({ args: [record] }) => startSend(record === undefined ? [] : [record]),
        inject({ args }, traceparent, tracestate) {
          if (args[0] !== undefined) args[0] = withContext(args[0], traceparent, tracestate)
        },
        end: (_call, outcome) => (outcome.ok ? undefined : { errorType: codeOf(outcome.error) }),
      }),
      target<SendBatchCall>({
        path: `${sender}.sendBatch`,
        versions: VERSIONS,
        settles: 'promise',
        carrier: 'message',
        start: ({ args: [records] }) => startSend(records?.topicMessages ?? [], true),
        inject({ args }, traceparent, tracestate) {
          const topicMessages = args[0]?.topicMessages?.map((record) => withContext(record, traceparent, tracestate))
          if (topicMessages !== undefined) args[0] = { ...args[0], topicMessages }
        },
        end: (_call, outcome) => (outcome.ok ? undefined : { errorType: codeOf(outcome.error) }),
      }),
    ]),
    target<MessageCall>({ ...runner, given: 'this.eachMessage', start: startProcess }),
    target<BatchCall>({ ...runner, given: 'this.eachBatch', start: startProcessBatch }),
  ],
})

function startSend(records: readonly TopicMessages[], isBatch = false): SpanStart {
  const topics = new Set(records.map(({ topic }) => topic))
  const messages = records.flatMap((record) => (Array.isArray(record.messages) ? record.messages : []))
  const [first] = messages
  const isSingle = !isBatch && messages.length === 1
  return kafka({
    operation: 'send',
    destination: topics.size === 1 ? records[0]?.topic : undefined,
    count: isSingle ? undefined : messages.length,
    body: isSingle ? first?.value : bodiesOf(messages.map((message) => message.value)),
    attributes: isSingle && first !== undefined ? describeMessage(first) : undefined,
  })
}

function startProcess({ self, args: [{ topic, partition, message }] }: Call<MessageCall>): SpanStart {
  return kafka({
    operation: 'process',
    destination: topic,
    body: message.value,
    senders: [senderOf(message.headers)],
    attributes: { ...describePlace(self, partition, message.offset), ...describeMessage(message) },
  })
}

function startProcessBatch({ self, args: [{ batch }] }: Call<BatchCall>): SpanStart {
  const { topic, partition, messages, highWatermark } = batch
  const last = messages.at(-1)?.offset
  return kafka({
    operation: 'process',
    destination: topic,
    count: messages.length,
    body: bodiesOf(messages.map((message) => message.value)),
    senders: messages.map((message) => senderOf(message.headers)),
    attributes: {
      ...describePlace(self, partition, messages[0]?.offset),
      // Messages that came after the last one of the batch.
      'perf.messaging.lag': last === undefined ? undefined : Math.max(0, Number(highWatermark) - 1 - Number(last)),
    },
  })
}

function kafka(message: Omit<MessageOperation, 'system'>): SpanStart {
  return messageStart({ system: 'kafka', ...message })
}

function describePlace({ consumerGroup }: Runner, partition: number, offset: string | undefined): Attributes {
  return {
    'messaging.consumer.group.name': consumerGroup.groupId,
    'messaging.destination.partition.id': String(partition),
    'messaging.kafka.offset': offset === undefined ? undefined : Number(offset),
  }
}

function describeMessage({ value }: Message): Attributes {
  return { 'messaging.kafka.message.tombstone': value === null ? true : undefined }
}

/** Copies of the messages; what KafkaJS will refuse stays as it is, for it quotes it. */
function withContext<R extends TopicMessages>(record: R, traceparent: string, tracestate: string | undefined): R {
  const { messages } = record
  if (!Array.isArray(messages) || messages.some((message) => message?.value === undefined || message.headers === null)) return record
  return {
    ...record,
    messages: messages.map((message) => {
      const headers = { value: withSender(message.headers, traceparent, tracestate), enumerable: true, configurable: true, writable: true }
      const properties = { ...Object.getOwnPropertyDescriptors(message), headers }
      return Object.create(Object.getPrototypeOf(message) as object | null, properties) as Message
    }),
  }
}

/** What the broker said: `TOPIC_AUTHORIZATION_FAILED`. */
function codeOf(error: unknown): string | undefined {
  const { type, cause } = (error ?? {}) as { type?: unknown; cause?: { type?: unknown } }
  const code = type ?? cause?.type
  return typeof code === 'string' ? code : undefined
}
