import * as redis from '@redis/client'

const canary = process.env.CANARY
const port = Number(process.env.REDIS_PORT)
const prefix = `perf-test-node-redis-${process.pid}-`
const key = (name) => `${prefix}${name}`
const socket = { port }
const { createClient, createClientPool, defineScript } = redis
const scripts = { twice: twiceScript() }
const client = createClient({ socket, scripts, isolationPoolOptions: { min: 2, max: 2 } })
// 4 keeps clients for isolated use, 5 and 6 have pools of clients.
const pool = createClientPool?.({ socket }, { minimum: 2, maximum: 2 })
const commands = ['get', 'strLen', 'exists', 'ttl', 'type', 'pTTL', 'lLen']

export async function setup() {
  await client.connect()
  await pool?.connect()
  await Promise.all([operation(0), operation(0)])
}

export async function teardown() {
  await client.del([key('a'), key('list'), key('counter'), key('set')])
  await client.quit()
  await pool?.close()
}

export async function operation(i) {
  const name = commands[i % commands.length]
  await (pool === undefined ? client.executeIsolated((one) => one[name](key(i))) : pool[name](key(i)))
  return i
}

export async function promise() {
  const set = await client.set(key('a'), canary, { EX: 60 })
  return [set, (await client.get(key('a'))) === canary]
}

export async function cache() {
  const missing = await client.get(key('cached'))
  await client.setEx(key('cached'), 60, canary)
  await client.pSetEx(key('cached'), 60_000, canary)
  await client.set(key('cached'), canary, { PX: 1000 })
  await client.set(key('cached'), Buffer.from(canary))
  const found = await client.get(key('cached'))
  const [one, none] = await client.mGet([key('cached'), key('nothing')])
  return [missing, found === canary, one === canary, none, await client.del(key('cached'))]
}

/** Methods that are not called like their command. */
export async function methodNames() {
  await client.zAdd(key('set'), { score: 1, value: 'one' })
  const [first] = await client.zRangeWithScores(key('set'), 0, -1)
  return [first.value, typeof (await client.clientId())]
}

export async function raw() {
  return client.sendCommand(['exists', key('a')])
}

export async function failure() {
  await client.lPush(key('list'), canary)
  return client.incr(key('list'))
}

export async function unknownCommand() {
  try {
    await client.sendCommand(['NOSUCH', canary])
  } catch (error) {
    return [error.constructor.name, error.message.includes(canary)]
  }
}

export async function pipeline() {
  return client.multi().set(key('counter'), '1').incr(key('counter')).get(key('counter')).execAsPipeline()
}

export async function pipelineOfOneKind() {
  return client.multi().get(key('counter')).get(key('counter')).execAsPipeline()
}

export async function pipelineFailure() {
  try {
    return await client.multi().get(key('counter')).incr(key('list')).execAsPipeline()
  } catch (error) {
    return [error.constructor.name, error.message]
  }
}

export async function emptyPipeline() {
  return client.multi().execAsPipeline()
}

export async function transaction() {
  return client.multi().incr(key('counter')).incr(key('counter')).exec()
}

export async function transactionFailure() {
  try {
    return await client.multi().get(key('counter')).incr(key('list')).exec()
  } catch (error) {
    return [error.constructor.name, error.message]
  }
}

export async function transactionAborted() {
  try {
    return await client.multi().addCommand(['NOSUCH'], undefined).exec()
  } catch (error) {
    return [error.constructor.name, error.message]
  }
}

export async function blocking() {
  return client.blPop(key('nothing'), 1)
}

export async function subscription() {
  const subscriber = createClient({ socket })
  await subscriber.connect()
  let received
  const message = new Promise((resolve) => (received = resolve))
  await subscriber.subscribe(prefix, (text, channel) => received([channel === prefix, text === canary]))
  await client.publish(prefix, canary)
  const result = await message
  await subscriber.unsubscribe(prefix)
  await subscriber.quit()
  return result
}

/** Sent while the client connects. */
export async function offlineQueue() {
  const late = createClient({ socket })
  const connected = late.connect()
  const reply = await late.exists(key('a'))
  await connected
  await late.quit()
  return reply
}

export async function otherDatabase() {
  const other = createClient({ url: `redis://127.0.0.1:${port}/1` })
  await other.connect()
  const before = await other.exists(key('a'))
  await other.select(2)
  const after = await other.exists(key('a'))
  await other.quit()
  return [before, after]
}

export async function closed() {
  const other = createClient({ socket })
  return other.get('a')
}

/** One that the server has never seen. */
export async function script() {
  return client.twice(key('a'), 'x')
}

export async function watchedKeyChanged() {
  const other = createClient({ socket })
  await other.connect()
  await other.watch(key('counter'))
  await client.incr(key('counter'))
  try {
    return await other.multi().get(key('counter')).exec()
  } catch (error) {
    return [error.constructor.name, error.message]
  } finally {
    await other.quit()
  }
}

function twiceScript() {
  const common = { SCRIPT: `return {ARGV[1], ARGV[1]} -- ${process.pid} ${performance.timeOrigin}`, NUMBER_OF_KEYS: 1 }
  return redis.RESP_TYPES === undefined
    ? defineScript({ ...common, transformArguments: (name, value) => [name, value] })
    : defineScript({
        ...common,
        parseCommand(parser, name, value) {
          parser.pushKey(name)
          parser.push(value)
        },
        transformReply: undefined,
      })
}
