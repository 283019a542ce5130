import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import amqp from 'amqplib'

// 0.x can be imported with `.js` only, 2.x without only.
const callbacks = createRequire(process.argv[1])('amqplib/callback_api')

const canary = process.env.CANARY
const url = process.env.RABBITMQ_URL
const name = (what) => `perf-${what}-${process.env.PERF_TEST_RUN}`
const body = (text = canary) => Buffer.from(JSON.stringify({ text }))
const temporary = { autoDelete: true, durable: false }

let connection
let channel
let confirming
const waiting = new Map()

export async function setup() {
  connection = await amqp.connect(url)
  channel = await connection.createChannel()
  confirming = await connection.createConfirmChannel()
  for (const queue of ['orders', 'pulled', 'late', 'many', 'silent']) await channel.assertQueue(name(queue), temporary)
  await channel.assertExchange(name('events'), 'topic', temporary)
  await channel.consume(name('orders'), async (message) => {
    await sleep(1)
    channel.ack(message)
    waiting.get(message.properties.messageId)?.(message.content.length)
  })
}

export async function teardown() {
  await channel.close()
  await connection.close()
}

const processed = (id) => new Promise((resolve) => waiting.set(id, resolve))

export async function operation(i) {
  const done = processed(`m-${i}`)
  channel.sendToQueue(name('orders'), body(), { messageId: `m-${i}` })
  await done
  return i
}

export async function promise() {
  const done = processed('one')
  const options = Object.freeze({ messageId: 'one', correlationId: 'c-1', headers: Object.freeze({ secret: canary }) })
  const written = channel.sendToQueue(name('orders'), body(), options)
  return [written, (await done) > 0, Object.keys(options.headers)]
}

/** Two queues on one exchange: both messages belong to the one that was published. */
export async function exchange() {
  const own = await connection.createChannel()
  for (const queue of ['mail', 'audit']) {
    await own.assertQueue(name(queue), temporary)
    await own.bindQueue(name(queue), name('events'), 'order.*')
  }
  own.publish(name('events'), 'order.created', body(), { headers: { kind: 'new' } })
  const kinds = []
  for (const queue of ['mail', 'audit']) {
    const first = new Promise((resolve) => void own.consume(name(queue), resolve, { noAck: true }))
    kinds.push((await first).properties.headers.kind)
  }
  await own.close()
  return kinds
}

export async function confirmed() {
  const done = processed('confirmed')
  const acknowledged = await new Promise((resolve) =>
    confirming.sendToQueue(name('orders'), body(), { messageId: 'confirmed' }, (error) => resolve(error === null)),
  )
  await done
  confirming.publish('', name('silent'), body())
  await confirming.waitForConfirms()
  return acknowledged
}

export async function pulled() {
  const empty = await channel.get(name('pulled'))
  channel.sendToQueue(name('pulled'), body(), { messageId: 'pulled' })
  for (;;) {
    const message = await channel.get(name('pulled'), { noAck: true })
    if (message) return [empty, message.properties.messageId]
    await sleep(200)
  }
}

/** Not acknowledged and delivered again. */
export async function redelivered() {
  const own = await connection.createChannel()
  await own.assertQueue(name('again'), temporary)
  const times = []
  await new Promise((resolve) => {
    void own.consume(name('again'), async (message) => {
      times.push(message.fields.redelivered)
      if (times.length === 1) return own.nack(message)
      own.reject(message, false)
      resolve()
    })
    own.sendToQueue(name('again'), body())
  })
  await own.close()
  return times
}

/** A handler without a promise acknowledges when it is through. */
export async function acknowledgedLater() {
  const own = await connection.createChannel()
  await new Promise((resolve) => {
    void own.consume(name('late'), (message) => {
      setTimeout(() => {
        own.ack(message)
        resolve()
      }, 20)
    })
    own.sendToQueue(name('late'), body())
  })
  await own.close()
}

export async function acknowledgedTogether() {
  const own = await connection.createChannel()
  const messages = []
  await new Promise((resolve) => {
    void own.consume(name('many'), (message) => {
      if (messages.push(message) < 3) return
      own.ack(messages[1], true)
      own.ackAll()
      resolve()
    })
    for (let i = 0; i < 3; i++) own.sendToQueue(name('many'), body(), { messageId: `many-${i}` })
  })
  await own.close()
  return messages.length
}

/** What a handler throws closes its channel. */
export async function throwing() {
  const own = await connection.createChannel()
  await own.assertQueue(name('throwing'), temporary)
  const failed = new Promise((resolve) => own.on('error', resolve))
  await own.consume(name('throwing'), () => {
    throw new RangeError('no such order')
  })
  own.sendToQueue(name('throwing'), body())
  const error = await failed
  return [error.name, error.message]
}

export async function rejecting() {
  const own = await connection.createChannel()
  await own.assertQueue(name('rejecting'), temporary)
  await own.consume(name('rejecting'), async () => {
    throw new TypeError('no such customer')
  })
  own.sendToQueue(name('rejecting'), body())
  await new Promise((resolve) => process.once('unhandledRejection', resolve))
  await own.close()
}

export async function closed() {
  const own = await connection.createChannel()
  await own.close()
  own.sendToQueue(name('silent'), body())
}

/** Sent by somebody who has no trace: the message begins one. */
export async function withoutSender() {
  const done = processed('stranger')
  channel.sendToQueue(name('orders'), body(), { messageId: 'stranger', headers: { traceparent: 'none' } })
  return (await done) > 0
}

export function callbackApi() {
  return new Promise((resolve, reject) => {
    callbacks.connect(url, (error, other) => {
      if (error) return reject(error)
      other.createConfirmChannel((_, own) => {
        own.assertQueue(name('callbacks'), temporary, () => {
          own.get(name('callbacks'), {}, (_error, empty) => {
            own.consume(name('callbacks'), (message) => {
              own.ack(message)
              setTimeout(() => other.close(() => resolve([empty, message.content.length > 0])), 20)
            })
            own.publish('', name('callbacks'), body(), {}, () => {})
          })
        })
      })
    })
  })
}
