import { afterAll, expect, it } from 'vitest'
import { versionsFor } from '../../scripts/install-versions.mjs'
import kafkajs from '../../src/integrations/kafkajs.ts'
import { startKafkaBroker } from '../servers/kafka.ts'
import { testIntegration } from '../support/conformance.ts'
import { nodeMajor } from '../support/node-under-test.ts'
import { record } from '../support/record.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

const broker = await startKafkaBroker()
afterAll(() => broker.close())

const kinds = ['mail', 'print', 'ship', 'bill', 'pack', 'sort', 'tax']
const isOffset = (value: unknown): boolean => typeof value === 'number' && value >= 0

function operation(kind: 'producer' | 'consumer', topic: string | undefined, more: Record<string, ExpectedValue> = {}): ExpectedSpan {
  const name = kind === 'producer' ? 'send' : 'process'
  const numbered: Record<string, ExpectedValue> =
    topic === undefined
      ? {}
      : {
          'messaging.destination.name': new RegExp(`^${topic.replace('.', String.raw`\.`)}\\.\\d+$`),
          'messaging.destination.template': `${topic}.{id}`,
        }
  return {
    name: topic === undefined ? name : `${name} ${topic}.{id}`,
    kind,
    payloads: ['messaging.message.body'],
    attributes: { 'messaging.system': 'kafka', 'messaging.operation.name': name, 'messaging.operation.type': name, ...numbered, ...more },
  }
}

const sent = (topic: string | undefined, more: Record<string, ExpectedValue> = {}): ExpectedSpan => operation('producer', topic, more)
const processed = (topic: string, group: string, more: Record<string, ExpectedValue> = {}): ExpectedSpan =>
  operation('consumer', topic, {
    'messaging.consumer.group.name': group,
    'messaging.destination.partition.id': '0',
    'messaging.kafka.offset': isOffset,
    ...more,
  })
const both = (kind: string): ExpectedSpan => ({ ...sent(`orders.${kind}`), children: [processed(`orders.${kind}`, 'workers')] })
const count = (messages: number) => ({ 'messaging.batch.message_count': messages })
const tombstone = { 'messaging.kafka.message.tombstone': true }

await testIntegration(kafkajs, {
  scenario: 'kafkajs',
  library: 'kafkajs',
  env: { KAFKA_PORT: String(broker.port) },
  operation: (i) => [both(kinds[i % kinds.length] ?? '')],
  expect: {
    promise: [both('mail')],
    several: [{ ...sent('orders.mail', count(2)), children: [1, 2].map(() => processed('orders.mail', 'workers')) }],
    inBatch: [{ ...sent('orders.bill', count(2)), children: [1, 2].map(() => processed('orders.bill', 'workers')) }],
    inTransaction: [both('pack')],
    // Their order is the broker's.
    ofSeveralTopics: [{ ...sent(undefined, count(2)), children: undefined }],
    batch: [sent('batched', count(2)), sent('batched')],
    retried: [
      {
        ...sent('failing'),
        children: [{ ...processed('failing', 'failing', { 'error.type': 'Error' }), status: 'error' }, processed('failing', 'failing')],
      },
    ],
    deleted: [
      {
        ...sent('orders.tax', tombstone),
        payloads: [],
        children: [{ ...processed('orders.tax', 'workers', tombstone), payloads: [] }],
      },
    ],
    refused: [
      {
        ...sent(undefined, { 'messaging.destination.name': 'forbidden', 'error.type': 'TOPIC_AUTHORIZATION_FAILED' }),
        name: 'send forbidden',
        status: 'error',
      },
    ],
    wrongUse: [
      {
        ...sent(undefined, { 'messaging.destination.name': 'orders', 'error.type': 'KafkaJSNonRetriableError' }),
        name: 'send orders',
        status: 'error',
        payloads: [],
      },
    ],
    disconnected: [{ ...sent('orders.mail', { 'error.type': 'KafkaJSError' }), status: 'error' }],
  },
})

const batches = `
import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import { span } from '@perf/agent/api'

const { Kafka, logLevel } = kafkajs
const kafka = new Kafka({ brokers: ['127.0.0.1:' + process.env.KAFKA_PORT], logLevel: logLevel.NOTHING })
const producer = kafka.producer()
const consumer = kafka.consumer({ groupId: 'batches', maxWaitTimeInMs: 20, heartbeatInterval: 50 })

/** Sends what \`sends\` says, each in a trace of its own, and has it processed as one batch. */
async function batch(topic, sends) {
  for (const keys of sends) await span('sender', () => producer.send({ topic, messages: keys.map((key) => ({ key, value: key })) }))
}

async function main() {
  await producer.connect()
  await batch('of-two', [['a', 'b'], ['c']])
  await batch('of-one', [['d', 'e']])
  let left = 2
  await new Promise(async (resolve) => {
    await consumer.connect()
    for (const topic of ['of-two', 'of-one']) await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({ eachBatch: async ({ batch }) => span('work', () => sleep(1)).then(() => --left === 0 && resolve()) })
  })
  await consumer.disconnect()
  await producer.disconnect()
}
void main()
`

it('links a batch to all of its senders, and puts it below the only one', async () => {
  const own = await startKafkaBroker()
  const version = versionsFor('kafkajs', nodeMajor()).at(-1) ?? ''
  const run = await record({
    app: batches,
    packages: [`kafkajs@${version}`],
    env: { KAFKA_PORT: String(own.port), PERF_INTEGRATIONS: 'kafkajs', KAFKAJS_NO_PARTITIONER_WARNING: '1' },
  })
  await own.close()
  expect(run.status).toBe(0)
  const named = (name: string) => run.spans.filter((span) => span.name === name)
  const linked = (name: string) => named(name).flatMap(({ spanId }) => run.links.filter((link) => link.spanId === spanId))
  const [ofTwo] = named('process of-two')
  expect(ofTwo?.attributes).toMatchObject({ 'messaging.batch.message_count': 3, 'messaging.kafka.offset': 0, 'perf.messaging.lag': 0 })
  expect(ofTwo?.parentId).toBeUndefined()
  expect(linked('process of-two')).toEqual(
    named('send of-two').map(({ spanId, traceId }) => ({ spanId: ofTwo?.spanId, traceId, linkedSpanId: spanId })),
  )
  expect(new Set(linked('process of-two').map(({ traceId }) => traceId)).size).toBe(2)
  const [sender] = named('send of-one')
  const [ofOne] = named('process of-one')
  expect([ofOne?.parentId, ofOne?.traceId]).toEqual([sender?.spanId, sender?.traceId])
  expect(linked('process of-one')).toHaveLength(1)
  expect(new Set(named('work').map(({ parentId }) => parentId))).toEqual(new Set([ofTwo?.spanId, ofOne?.spanId]))
})
