// What was under way when recording was switched off is recorded to its end, with all that is known of it; nothing new begins.
import { expect, it } from 'vitest'
import { versionsFor } from '../../scripts/install-versions.mjs'
import { nodeMajor } from '../support/node-under-test.ts'
import { record } from '../support/record.ts'
import { describeWithService, rabbitmq, redis, runName } from '../support/services.ts'

const newest = (library: string): string => `${library}@${versionsFor(library, nodeMajor()).at(-1)}`
const SWITCH = `const recording = (on) => globalThis[Symbol.for('perf.agent.v1')].record(on)
`

it('a WebSocket', async () => {
  const run = await record({
    packages: [newest('ws')],
    app: `import { once } from 'node:events'
import { WebSocket, WebSocketServer } from 'ws'
${SWITCH}
async function main() {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', (socket) => socket.on('message', (data) => socket.send(data)))
  await once(server, 'listening')
  const socket = new WebSocket('ws://127.0.0.1:' + server.address().port)
  await once(socket, 'open')
  const echo = () => (socket.send('hello'), once(socket, 'message'))
  await echo()
  recording(false)
  await echo()
  socket.close(1000)
  await Promise.all([once(socket, 'close'), once([...server.clients][0], 'close')])
  server.close()
}
void main()`,
  })
  expect([run.status, run.stderr, run.faults]).toEqual([0, '', []])
  const connections = run.spans.filter(({ name }) => name === 'websocket connection')
  expect(
    connections.map(({ attributes }) => [attributes['perf.websocket.close_code'], attributes['perf.websocket.messages_received']]),
  ).toEqual([1, 2].map(() => [1000, 2]))
  expect(run.spans.filter(({ name }) => name === 'websocket receive')).toHaveLength(2)
  expect(run.spans.filter(({ open }) => open)).toEqual([])
})

it('a request whose route is found later', async () => {
  const run = await record({
    packages: [newest('express')],
    app: `import express from 'express'
import http from 'node:http'
${SWITCH}
const app = express()
recording(false)
const router = express.Router()
app.use('/shops', (request, response, next) => { if (request.url !== '/before') recording(false); next() }, router)
recording(true)
router.get('/:shop', (request, response) => response.end('x'))
const server = app.listen(0, '127.0.0.1', async () => {
  for (const path of ['/shops/before', '/shops/1', '/shops/2'])
    await new Promise((resolve) => http.get({ port: server.address().port, path, agent: false }, (answer) => answer.resume().on('end', resolve)))
  server.close()
})`,
  })
  expect([run.status, run.stderr, run.faults]).toEqual([0, '', []])
  const served = run.spans.filter(({ kind }) => kind === 'server')
  expect(served.map(({ name, attributes }) => [name, attributes['url.path']])).toEqual([
    ['GET /shops/:shop', '/shops/before'],
    ['GET /shops/:shop', '/shops/1'],
  ])
})

it('a gRPC server that was started meanwhile', async () => {
  const run = await record({
    packages: [newest('@grpc/grpc-js')],
    app: `import grpc from '@grpc/grpc-js'
${SWITCH}
const same = (value) => value
const get = { path: '/test.Shop/Get', requestStream: false, responseStream: false, requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same }
const server = new grpc.Server()
server.addService({ get }, { get: (call, callback) => callback(null, call.request) })
recording(false)
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  recording(true)
  const Client = grpc.makeClientConstructor({ get }, 'Shop')
  const client = new Client('127.0.0.1:' + port, grpc.credentials.createInsecure())
  client.get(Buffer.from('x'), () => { client.close(); server.tryShutdown(() => {}) })
})`,
  })
  expect([run.status, run.stderr, run.faults]).toEqual([0, '', []])
  expect(run.spans.filter(({ kind }) => kind === 'server').map(({ name, integration }) => [name, integration])).toEqual([
    ['test.Shop/Get', 'grpc'],
  ])
})

await describeWithService(rabbitmq, 'RabbitMQ', () => {
  it('a message that is acknowledged later', async () => {
    const run = await record({
      packages: [newest('amqplib')],
      env: { ...rabbitmq.env, PERF_TEST_RUN: runName },
      app: `import amqp from 'amqplib'
import { setTimeout as sleep } from 'node:timers/promises'
${SWITCH}
async function main() {
  const connection = await amqp.connect(process.env.RABBITMQ_URL)
  const channel = await connection.createChannel()
  const queue = 'perf-off-' + process.env.PERF_TEST_RUN
  await channel.assertQueue(queue, { autoDelete: true, durable: false })
  const consumed = new Promise((resolve) => void channel.consume(queue, (message) => { resolve(message) }))
  channel.sendToQueue(queue, Buffer.from('x'))
  const message = await consumed
  await sleep(1)
  recording(false)
  channel.ack(message)
  await channel.close()
  await connection.close()
}
void main()`,
    })
    expect([run.status, run.stderr, run.faults]).toEqual([0, '', []])
    const processed = run.spans.filter(({ name }) => name.startsWith('process '))
    expect(processed.map(({ open, attributes }) => [open, attributes['perf.messaging.settled']])).toEqual([[false, 'ack']])
  })
})

await describeWithService(redis, 'Redis', () => {
  const clients = versionsFor('@redis/client', nodeMajor())
  it.each(clients)('the database that a client chose meanwhile (@redis/client %s)', async (version) => {
    const run = await record({
      packages: [`@redis/client@${version}`],
      env: { ...redis.env, PERF_INTEGRATIONS: 'redis' },
      app: `import { createClient } from '@redis/client'
${SWITCH}
async function main() {
  const socket = { port: Number(process.env.REDIS_PORT) }
  const chosen = createClient({ socket }), before = createClient({ socket, database: 4 }), refused = createClient({ socket })
  recording(false)
  await before.connect()
  await before.select(5)
  recording(true)
  await before.exists('nothing')
  await Promise.all([chosen.connect(), refused.connect()])
  recording(false)
  await chosen.select(3)
  await refused.select(1e6).catch(() => {})
  recording(true)
  await chosen.strLen('nothing')
  await refused.ttl('nothing')
  recording(false)
  const batch = chosen.multi()
  if (batch.select) await batch.select(2).exists('nothing').exec()
  recording(true)
  await chosen.type('nothing')
  await Promise.all([chosen, before, refused].map((client) => client.disconnect()))
}
void main()`,
    })
    expect([run.status, run.stderr, run.faults]).toEqual([0, '', []])
    const databases = run.spans.filter(({ name }) => name !== 'CONNECT').map(({ name, attributes }) => [name, attributes['db.namespace']])
    // Batches of 1.0.6 cannot select.
    const afterBatch = version === '1.0.6' ? '3' : '2'
    expect(databases).toEqual([
      ['EXISTS', '5'],
      ['STRLEN', '3'],
      ['TTL', '0'],
      ['TYPE', afterBatch],
    ])
  })

  it.each(clients.filter((version) => !version.startsWith('1.')))(
    'a client that was set back meanwhile (@redis/client %s)',
    async (version) => {
      const run = await record({
        packages: [`@redis/client@${version}`],
        env: { ...redis.env, PERF_INTEGRATIONS: 'redis' },
        app: `import { createClient } from '@redis/client'
${SWITCH}
async function main() {
  const client = createClient({ socket: { port: Number(process.env.REDIS_PORT) }, database: 1 })
  await client.connect()
  await client.select(3)
  await client.exists('nothing')
  recording(false)
  await client.reset()
  recording(true)
  await client.strLen('nothing')
  await client.close()
}
void main()`,
      })
      expect([run.status, run.stderr, run.faults]).toEqual([0, '', []])
      const databases = run.spans
        .filter(({ name }) => ['EXISTS', 'STRLEN'].includes(name))
        .map(({ attributes }) => attributes['db.namespace'])
      expect(databases).toEqual(['3', '1'])
    },
  )
})
