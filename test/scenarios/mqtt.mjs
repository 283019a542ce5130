import { setTimeout as sleep } from 'node:timers/promises'
import mqtt from 'mqtt'
import { span } from '@perf/agent/api'

const canary = process.env.CANARY
const url = process.env.MQTT_URL
const base = `perf/${process.env.PERF_TEST_RUN}`
const kinds = ['mail', 'print', 'ship', 'bill', 'pack', 'sort', 'tax']

let client
let old
let sent = 0
const waiting = new Map()
const processed = (key) => new Promise((resolve) => waiting.set(key, resolve))
const message = (key) => JSON.stringify({ key, text: canary })

const connect = (protocolVersion, name) =>
  new Promise((resolve, reject) => {
    const connecting = mqtt.connect(url, { protocolVersion, clientId: `perf-${process.env.PERF_TEST_RUN}-${name}` })
    connecting.once('connect', () => resolve(connecting))
    connecting.once('error', reject)
  })

export async function setup() {
  client = await connect(5, 'new')
  old = await connect(4, 'old')
  for (const one of [client, old]) {
    one.on('message', (topic, payload, packet) => {
      const { key, text } = JSON.parse(payload.toString())
      waiting.get(key)?.([text === canary, packet.properties?.userProperties?.kind ?? null])
    })
  }
  await client.subscribeAsync(`${base}/orders/+`, { qos: 1 })
  await old.subscribeAsync(`${base}/old`)
}

export async function teardown() {
  await client.endAsync()
  await old.endAsync()
}

export async function operation(i) {
  const key = `operation-${sent++}`
  const done = processed(key)
  await client.publishAsync(`${base}/orders/${kinds[i % kinds.length]}`, message(key), { qos: 1 })
  await done
  return i
}

export async function callback() {
  const done = processed('callback')
  const returned = await new Promise((resolve, reject) => {
    const given = client.publish(`${base}/orders/mail`, Buffer.from(message('callback')), (error) =>
      error ? reject(error) : resolve(given === client),
    )
  })
  return [returned, await done]
}

export async function properties() {
  const done = processed('properties')
  const options = Object.freeze({ properties: Object.freeze({ userProperties: Object.freeze({ kind: 'new' }) }) })
  client.publish(`${base}/orders/mail`, message('properties'), options)
  return [await done, Object.keys(options.properties.userProperties)]
}

/** Topics that hold ids are one name. */
export async function numbered() {
  const done = processed('numbered')
  client.publish(`${base}/orders/4711`, message('numbered'))
  return done
}

/** What a listener does later belongs to the message. */
export async function later() {
  await client.subscribeAsync(`${base}/later`)
  const done = new Promise((resolve) => {
    const listener = async (topic) => {
      if (topic !== `${base}/later`) return
      client.off('message', listener)
      await sleep(1)
      await span('later work', () => sleep(1))
      resolve()
    }
    client.on('message', listener)
  })
  client.publish(`${base}/later`, message('later'))
  await done
}

/** MQTT 3.1.1 has nothing to carry a context. */
export async function oldProtocol() {
  const done = processed('old')
  old.publish(`${base}/old`, message('old'))
  return done
}

export async function retained() {
  await client.publishAsync(`${base}/retained`, '', { qos: 2, retain: true })
}

export async function closed() {
  const other = await connect(5, 'closed')
  await other.endAsync()
  await other.publishAsync(`${base}/orders/mail`, canary)
}
