import Redis from 'ioredis'

const canary = process.env.CANARY
const port = Number(process.env.REDIS_PORT)
const prefix = `perf-test-${process.pid}-`
const redis = new Redis({ port, keyPrefix: prefix })
const automatic = new Redis({ port, keyPrefix: prefix, enableAutoPipelining: true })
const commands = ['get', 'strlen', 'exists', 'ttl', 'type', 'pttl', 'llen']

export async function setup() {
  await redis.ping()
  await automatic.ping()
}

export async function teardown() {
  await redis.del('a', 'list', 'counter')
  await redis.quit()
  await automatic.quit()
}

export async function operation(i) {
  await redis[commands[i % commands.length]](`key-${i}`)
  return i
}

export async function promise() {
  const set = await redis.set('a', canary, 'EX', 60)
  return [set, (await redis.get('a')) === canary]
}

export async function cache() {
  const missing = await redis.get('cached')
  await redis.setex('cached', 60, canary)
  await redis.psetex('cached', 60_000, canary)
  await redis.set('cached', canary, 'PX', 1000)
  await redis.set('cached', Buffer.from(canary))
  const found = await redis.get('cached')
  const [one, none] = await redis.mget('cached', 'nothing')
  return [missing, found === canary, one === canary, none, await redis.del('cached')]
}

export function callback() {
  return new Promise((resolve, reject) => redis.strlen('a', (error, length) => (error ? reject(error) : resolve(length > 0))))
}

export async function buffers() {
  const value = await redis.getBuffer('a')
  return [value instanceof Buffer, value.toString() === canary]
}

export async function call() {
  return redis.call('EXISTS', `${prefix}a`)
}

export async function failure() {
  await redis.lpush('list', canary)
  return redis.incr('list')
}

export async function failureInCallback() {
  return new Promise((resolve) => redis.incr('list', (error) => resolve([error.name, error.message])))
}

export async function unknownCommand() {
  try {
    await redis.call('NOSUCH', canary)
  } catch (error) {
    return [error.name, error.message.includes(canary)]
  }
}

export async function pipeline() {
  const replies = await redis.pipeline().set('counter', 1).incr('counter').get('counter').exec()
  return replies
}

export async function pipelineOfOne() {
  const replies = await redis
    .pipeline([
      ['get', 'counter'],
      ['get', 'counter'],
    ])
    .exec()
  return replies
}

export async function pipelineFailure() {
  const replies = await redis.pipeline().get('counter').incr('list').exec()
  return replies.map(([error, value]) => [error?.message, value])
}

export async function emptyPipeline() {
  return redis.pipeline().exec()
}

export async function transaction() {
  return redis.multi().incr('counter').incr('counter').exec()
}

export async function transactionByHand() {
  await redis.multi({ pipeline: false })
  await redis.incr('counter')
  return redis.exec()
}

export async function transactionAborted() {
  try {
    return await redis.multi().call('NOSUCH').exec()
  } catch (error) {
    return [error.name, error.message, error.previousErrors?.length]
  }
}

export async function autoPipelining() {
  return Promise.all([automatic.set('a', canary), automatic.strlen('a').then((length) => length > 0), automatic.exists('a')])
}

export async function blocking() {
  return redis.blpop('nothing', 0.1)
}

export async function subscription() {
  const subscriber = new Redis({ port })
  const received = new Promise((resolve) =>
    subscriber.on('message', (channel, message) => resolve([channel === prefix, message === canary])),
  )
  await subscriber.subscribe(prefix)
  await redis.publish(prefix, canary)
  const message = await received
  await subscriber.quit()
  return message
}

export async function offlineQueue() {
  const late = new Redis({ port, keyPrefix: prefix, lazyConnect: true })
  const reply = await late.exists('a')
  await late.quit()
  return reply
}

export async function otherDatabase() {
  const other = new Redis({ port, lazyConnect: true, keyPrefix: prefix })
  await other.connect()
  await other.select(2)
  const value = await other.get('a')
  other.disconnect()
  return value
}

export async function closed() {
  const other = new Redis({ port, lazyConnect: true })
  await other.connect()
  await other.quit()
  await new Promise((resolve) => setTimeout(resolve, 5))
  return other.get('a')
}

/** A defined command, before and after the server forgot its script: ioredis sends it again by itself. */
export async function script() {
  redis.defineCommand('twice', { numberOfKeys: 1, lua: 'return {ARGV[1], ARGV[1]}' })
  const first = await redis.twice('a', 'x')
  await redis.script('FLUSH')
  const second = await redis.twice('a', 'x')
  return [first, second]
}
