import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'

// `nats` 2, or the packages it was split into.
const load = createRequire(process.argv[1])
const core = load(process.env.NATS_PACKAGE)
const streams = process.env.NATS_PACKAGE === 'nats' ? undefined : load('@nats-io/jetstream')

const canary = process.env.CANARY
const servers = process.env.NATS_URL
const base = `perf.${process.env.PERF_TEST_RUN}`
const stream = `perf-${process.env.PERF_TEST_RUN}`
const kinds = ['mail', 'print', 'ship', 'bill', 'pack', 'sort', 'tax']

let connection
let jetStream
let manager
let sent = 0
const waiting = new Map()
const processed = (key) => new Promise((resolve) => waiting.set(key, resolve))
const message = (key) => JSON.stringify({ key, text: canary })
const text = (received) => new TextDecoder().decode(received.data)

export async function setup() {
  connection = await core.connect({ servers })
  jetStream = streams === undefined ? connection.jetstream() : streams.jetstream(connection)
  manager = await (streams === undefined ? connection.jetstreamManager() : streams.jetstreamManager(connection))
  connection.subscribe(`${base}.orders.*`, {
    queue: 'workers',
    callback: async (_error, received) => {
      await sleep(1)
      const { key, text } = JSON.parse(new TextDecoder().decode(received.data))
      waiting.get(key)?.([text === canary, received.headers?.get('kind') ?? null])
    },
  })
  connection.subscribe(`${base}.double`, { callback: (_error, received) => received.respond(String(Number(text(received)) * 2)) })
  await manager.streams.add({ name: stream, subjects: [`${base}.stored.*`], storage: 'memory' })
  for (const name of ['called', 'looped', 'pulled']) {
    await manager.consumers.add(stream, { durable_name: name, ack_policy: 'explicit', filter_subject: `${base}.stored.${name}` })
  }
  await connection.flush()
}

export async function teardown() {
  await manager.streams.delete(stream)
  await connection.drain()
}

const consumer = (name) => jetStream.consumers.get(stream, name)

export async function operation(i) {
  const key = `operation-${sent++}`
  const done = processed(key)
  connection.publish(`${base}.orders.${kinds[i % kinds.length]}`, message(key))
  await done
  return i
}

export async function headers() {
  const done = processed('headers')
  const own = core.headers()
  own.set('kind', 'new')
  connection.publish(`${base}.orders.mail`, new TextEncoder().encode(message('headers')), { headers: own })
  return [await done, [...own.keys()]]
}

export async function request() {
  return text(await connection.request(`${base}.double`, '21', { timeout: 2000 }))
}

export async function requestWithInbox() {
  return text(await connection.request(`${base}.double`, '4', { timeout: 2000, noMux: true }))
}

export async function noResponders() {
  await connection.request(`${base}.nobody`, canary)
}

/** The library handles the rejection of a request that nobody waits for. */
export async function ignored() {
  void connection.request(`${base}.nobody`, canary)
  await sleep(50)
}

export async function iterated() {
  const subscription = connection.subscribe(`${base}.looped`)
  await connection.flush()
  for (let i = 0; i < 3; i++) connection.publish(`${base}.looped`, String(i))
  const seen = []
  for await (const received of subscription) {
    await sleep(1)
    if (seen.push(text(received)) === 3) break
  }
  return seen
}

export async function rejecting() {
  const failed = new Promise((resolve) => process.once('unhandledRejection', resolve))
  connection.subscribe(`${base}.rejecting`, {
    max: 1,
    callback: async () => {
      throw new RangeError('no such order')
    },
  })
  connection.publish(`${base}.rejecting`, canary)
  return (await failed).message
}

/** As large as the server takes: there is no room for a context. */
export async function large() {
  connection.publish(`${base}.large`, canary, { headers: filledTo(connection.info.max_payload) })
  await connection.flush()
}

export async function tooLarge() {
  connection.publish(`${base}.large`, canary, { headers: filledTo(connection.info.max_payload + 1) })
}

/** Headers that make a message of the canary that long. */
function filledTo(bytes) {
  const headers = core.headers()
  headers.set('fill', 'x')
  headers.set('fill', 'x'.repeat(1 + bytes - canary.length - headers.encode().length))
  return headers
}

export async function storedAndCalled() {
  const messages = await new Promise((resolve) => {
    const consuming = consumer('called').then((one) =>
      one.consume({
        max_messages: 10,
        callback: async (received) => {
          await sleep(1)
          received.ack()
          resolve(consuming)
        },
      }),
    )
    void consuming.then(() => jetStream.publish(`${base}.stored.called`, message('called'), { msgID: `called-${process.pid}` }))
  })
  await messages.close()
}

/** Not acknowledged and delivered again. */
export async function storedAndLooped() {
  await jetStream.publish(`${base}.stored.looped`, message('looped'))
  const messages = await (await consumer('looped')).consume({ max_messages: 10 })
  const redelivered = []
  for await (const received of messages) {
    if (redelivered.push(received.redelivered) === 2) {
      received.ack()
      break
    }
    received.nak()
  }
  return redelivered
}

/** By `nats` 3 only. */
export async function storedAndPushed() {
  if (streams === undefined) return
  await manager.consumers.add(stream, {
    durable_name: 'pushed',
    ack_policy: 'explicit',
    filter_subject: `${base}.stored.pushed`,
    deliver_subject: `${base}.delivered`,
  })
  const pushed = await jetStream.consumers.getPushConsumer(stream, 'pushed')
  const messages = await new Promise((resolve) => {
    const consuming = pushed.consume({
      callback: (received) => {
        received.ack()
        resolve(consuming)
      },
    })
    void jetStream.publish(`${base}.stored.pushed`, message('pushed'))
  })
  await messages.close()
}

export async function storedAndPulled() {
  await jetStream.publish(`${base}.stored.pulled`, message('pulled'))
  const pulled = await consumer('pulled')
  const received = await pulled.next({ expires: 2000 })
  received.ack()
  return text(received).length > 0
}

export async function closed() {
  const other = await core.connect({ servers })
  await other.close()
  other.publish(`${base}.orders.mail`, canary)
}
