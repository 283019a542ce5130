// A service of all four kinds of calls over loopback; messages are JSON, so that no compiler of definitions is needed.
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import grpc from '@grpc/grpc-js'
import { span } from '@perf/agent/api'

const canary = process.env.CANARY ?? 'canary'
const codec = { serialize: (value) => Buffer.from(JSON.stringify(value)), deserialize: (bytes) => JSON.parse(bytes.toString()) }
const method = (name, requestStream, responseStream) => ({
  path: `/test.Shop/${name}`,
  requestStream,
  responseStream,
  requestSerialize: codec.serialize,
  requestDeserialize: codec.deserialize,
  responseSerialize: codec.serialize,
  responseDeserialize: codec.deserialize,
})
const service = {
  get: method('Get', false, false),
  sum: method('Sum', true, false),
  list: method('List', false, true),
  chat: method('Chat', true, true),
}
const received = {}

const implementation = {
  get(call, callback) {
    received.traceparent = call.metadata.get('traceparent')[0]
    const { fail, slow, throws, i } = call.request
    if (throws) throw new Error('thrown')
    if (fail !== undefined) return callback({ code: fail, details: `failed ${fail}` })
    span('handler', () => sleep(slow ?? 1)).then(() => callback(null, { i }))
  },
  sum(call, callback) {
    let sum = 0
    call.on('data', ({ n }) => span('on data', () => (sum += n)))
    call.on('end', () => callback(null, { sum }))
  },
  async list(call) {
    const { count, fail } = call.request
    for (let i = 0; i < count; i++) {
      await sleep(1)
      call.write({ i })
    }
    if (fail === undefined) call.end()
    else call.emit('error', { code: fail, details: 'failed' })
  },
  chat(call) {
    call.on('data', ({ text }) => call.write({ text: `${text}!` }))
    call.on('end', () => call.end())
  },
}

const Client = grpc.makeGenericClientConstructor(service, 'test.Shop')
let server
let client
let get

export async function setup() {
  server = new grpc.Server()
  server.addService(service, implementation)
  const port = await promisify(server.bindAsync).call(server, '127.0.0.1:0', grpc.ServerCredentials.createInsecure())
  // No longer necessary since 1.10, where it warns.
  if (!grpc.experimental.createCertificateProviderChannelCredentials) server.start()
  client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure())
  get = promisify(client.get).bind(client)
}

export async function teardown() {
  client.close()
  await promisify(server.tryShutdown).call(server)
}

const errorOf = ({ code, details }) => ({ code, details })

export async function unary() {
  const metadata = new grpc.Metadata()
  metadata.set('authorization', `Bearer ${canary}`)
  const result = await get({ i: 1, secret: canary }, metadata, {})
  return [result, metadata.get('traceparent')]
}

export async function callback() {
  return new Promise((resolve) => {
    const call = client.get({ i: 2 }, () => span('in callback', () => resolve(typeof call.cancel)))
  })
}

export async function notFound() {
  return get({ fail: 5 }).catch(errorOf)
}

export async function internal() {
  return get({ fail: 13 }).catch(errorOf)
}

export async function deadline() {
  return get({ slow: 200 }, new grpc.Metadata(), { deadline: Date.now() + 30 }).catch(({ code }) => code)
}

export async function canceled() {
  return new Promise((resolve) => {
    const call = client.get({ slow: 100 }, ({ code }) => resolve(code))
    setTimeout(() => call.cancel(), 30)
  })
}

export async function clientStream() {
  return new Promise((resolve, reject) => {
    const call = client.sum((error, value) => (error ? reject(error) : resolve(value)))
    call.write({ n: 1 })
    call.write({ n: 2 })
    setTimeout(() => call.end({ n: 3 }), 10)
  })
}

export async function serverStream() {
  const seen = []
  for await (const { i } of client.list({ count: 3 })) seen.push(i)
  return seen
}

export async function serverStreamEvents() {
  const call = client.list({ count: 1 })
  call.on('data', () => span('on client data', () => {}))
  await once(call, 'end')
}

export async function serverStreamFails() {
  const seen = []
  try {
    for await (const { i } of client.list({ count: 1, fail: 8 })) seen.push(i)
  } catch (error) {
    seen.push(errorOf(error))
  }
  return seen
}

export async function serverStreamCanceled() {
  const call = client.list({ count: 100 })
  call.on('error', () => {})
  await once(call, 'data')
  const ended = new Promise((resolve) => call.on('status', resolve))
  call.cancel()
  return (await ended).code
}

export async function bidi() {
  const call = client.chat()
  const seen = []
  call.on('data', ({ text }) => seen.push(text))
  call.write({ text: 'a' })
  await sleep(5)
  call.write({ text: 'b' })
  call.end()
  const [status] = await once(call, 'status')
  return [seen, status.code]
}

export async function unimplemented() {
  const Other = grpc.makeGenericClientConstructor({ nothing: method('Nothing', false, false) }, 'test.Shop')
  const other = new Other(client.getChannel().getTarget(), grpc.credentials.createInsecure())
  const result = await promisify(other.nothing)
    .call(other, {})
    .catch(({ code }) => code)
  other.close()
  return result
}

export async function context() {
  const metadata = new grpc.Metadata()
  metadata.set('traceparent', '00-11111111111111111111111111111111-2222222222222222-01')
  await get({ i: 3 }, metadata)
  return received.traceparent
}

export async function operation(i) {
  return (await get({ i })).i
}
