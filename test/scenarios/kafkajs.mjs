import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs from 'kafkajs'

// KafkaJS 2.2 asks for timers of negative length, of which Node 24 warns with the very number.
const { setTimeout: original } = globalThis
globalThis.setTimeout = (run, ms, ...args) => original(run, Math.max(0, ms), ...args)

const { Kafka, Partitioners, logLevel } = kafkajs
const canary = process.env.CANARY
// The broker lives longer than this run: topics of its own, so that nothing old comes.
const topic = (what) => `${what}.${process.pid}${Date.now() % 1e6}`
const kinds = ['mail', 'print', 'ship', 'bill', 'pack', 'sort', 'tax']
const orders = Object.fromEntries(kinds.map((kind) => [kind, topic(`orders.${kind}`)]))
const batched = topic('batched')
const failing = topic('failing')
const kafka = new Kafka({
  clientId: 'perf-test',
  brokers: [`127.0.0.1:${process.env.KAFKA_PORT}`],
  logLevel: logLevel.NOTHING,
  retry: { initialRetryTime: 5, retries: 3 },
})
const options = { createPartitioner: Partitioners.DefaultPartitioner }

let producer
let sent = 0
const consumers = []
const waiting = new Map()
const processed = (key) => new Promise((resolve) => waiting.set(key, resolve))
const message = (key) => ({ key, value: JSON.stringify({ key, text: canary }) })

async function consume(groupId, topics, handlers) {
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 20, heartbeatInterval: 50 })
  consumers.push(consumer)
  await consumer.connect()
  for (const name of topics) await consumer.subscribe({ topic: name, fromBeginning: true })
  await consumer.run(handlers)
}

export async function setup() {
  producer = kafka.producer(options)
  await producer.connect()
  await consume('workers', Object.values(orders), {
    eachMessage: async ({ message: { key, value, headers } }) => {
      await sleep(1)
      waiting.get(String(key))?.([String(value).includes(canary), headers.kind === undefined ? null : String(headers.kind)])
    },
  })
}

export async function teardown() {
  for (const consumer of consumers) await consumer.disconnect()
  await producer.disconnect()
}

export async function operation(i) {
  const key = `operation-${sent++}`
  const done = processed(key)
  await producer.send({ topic: orders[kinds[i % kinds.length]], messages: [message(key)] })
  await done
  return i
}

export async function promise() {
  const done = processed('promise')
  const given = Object.freeze({ ...message('promise'), headers: Object.freeze({ kind: 'new' }) })
  const [{ errorCode, partition }] = await producer.send({ topic: orders.mail, messages: Object.freeze([given]) })
  return [errorCode, partition, await done, Object.keys(given.headers)]
}

export async function several() {
  const done = ['one', 'two'].map(processed)
  await producer.send({ topic: orders.mail, messages: ['one', 'two'].map(message) })
  return Promise.all(done)
}

export async function inBatch() {
  const done = ['first', 'second'].map(processed)
  await producer.sendBatch({ topicMessages: ['first', 'second'].map((key) => ({ topic: orders.bill, messages: [message(key)] })) })
  return Promise.all(done)
}

export async function ofSeveralTopics() {
  const done = ['to mail', 'to bill'].map(processed)
  await producer.sendBatch({
    topicMessages: [
      { topic: orders.mail, messages: [message('to mail')] },
      { topic: orders.bill, messages: [message('to bill')] },
    ],
  })
  return Promise.all(done)
}

/** Sent by two, processed as one batch. */
export async function batch() {
  await producer.send({ topic: batched, messages: ['a', 'b'].map(message) })
  await producer.send({ topic: batched, messages: [message('c')] })
  return new Promise((resolve) => {
    void consume('batches', [batched], { eachBatch: async ({ batch }) => resolve(batch.messages.map(({ key }) => String(key))) })
  })
}

/** KafkaJS gives a handler that failed the same message once more; of a RangeError it thinks that it is for good. */
export async function retried() {
  let times = 0
  const done = new Promise((resolve) => {
    void consume('failing', [failing], {
      eachMessage: async () => {
        if (++times === 1) throw new Error('no such order')
        resolve(times)
      },
    })
  })
  await producer.send({ topic: failing, messages: [message('failing')] })
  return done
}

export async function inTransaction() {
  const done = processed('in transaction')
  const other = kafka.producer({ ...options, transactionalId: topic('transaction'), maxInFlightRequests: 1, idempotent: true })
  await other.connect()
  const transaction = await other.transaction()
  await transaction.send({ topic: orders.pack, messages: [message('in transaction')] })
  await transaction.commit()
  await other.disconnect()
  return done
}

export async function deleted() {
  const done = processed('gone')
  await producer.send({ topic: orders.tax, messages: [{ key: 'gone', value: null }] })
  return done
}

/** By a producer of its own: KafkaJS goes on asking for a topic it was once told to send to. */
export async function refused() {
  const other = kafka.producer(options)
  await other.connect()
  try {
    await other.send({ topic: 'forbidden', messages: [message('refused')] })
  } finally {
    await other.disconnect()
  }
}

export async function wrongUse() {
  await producer.send({ topic: 'orders', messages: [{ key: 'nothing' }] })
}

export async function disconnected() {
  const other = kafka.producer(options)
  await other.send({ topic: orders.mail, messages: [message('never')] })
}
