// A cluster of three nodes: commands to each of them, batches, a slot that has moved, what waits for the cluster, and messages.
import * as namespace from 'ioredis'

const { Cluster } = namespace
// 5.0 has no `Redis` beside its default.
const Redis = namespace.Redis ?? namespace.default
const canary = process.env.CANARY
const ports = process.env.REDIS_CLUSTER_PORTS.split(',').map(Number)
const nodes = ports.map((port) => ({ host: '127.0.0.1', port }))
const cluster = new Cluster(nodes)
const automatic = new Cluster(nodes, { enableAutoPipelining: true })
const commands = ['get', 'strlen', 'exists', 'ttl', 'type', 'pttl', 'llen']

export async function setup() {
  // Every node is connected then.
  for (const one of [cluster, automatic]) for (let i = 0; i < 30; i++) await one.exists(`warm-${i}`)
  await moveSlot('moved')
}

export async function teardown() {
  await cluster.del('list')
  await cluster.del('a')
  await cluster.quit()
  await automatic.quit()
}

/** Gives the slot of `key`, in which nothing is, to the next node; the clients do not know of it. */
async function moveSlot(key) {
  const all = ports.map((port) => new Redis({ port, host: '127.0.0.1' }))
  const slot = await all[0].cluster('KEYSLOT', key)
  const ranges = await all[0].cluster('SLOTS')
  const owner = ranges.find(([from, to]) => from <= slot && slot <= to)[2]
  const next = (ports.indexOf(owner[1]) + 1) % ports.length
  const id = await all[next].cluster('MYID')
  await all[next].cluster('SETSLOT', slot, 'NODE', id)
  for (const redis of all) await redis.cluster('SETSLOT', slot, 'NODE', id)
  for (const redis of all) redis.disconnect()
}

export async function operation(i) {
  await cluster[commands[i % commands.length]](`key-${i}`)
  return i
}

export async function promise() {
  const set = await cluster.set('a', canary, 'EX', 60)
  return [set, (await cluster.get('a')) === canary]
}

export async function callback() {
  return new Promise((resolve, reject) => cluster.strlen('a', (error, length) => (error ? reject(error) : resolve(length > 0))))
}

export async function failure() {
  await cluster.lpush('list', canary)
  return cluster.incr('list')
}

export async function keysOfTwoSlots() {
  return cluster.mget('a', 'b')
}

export async function moved() {
  return cluster.get('moved')
}

export async function pipeline() {
  const replies = await cluster.pipeline().set('{p}a', 1).incr('{p}a').get('{p}a').del('{p}a').exec()
  return replies
}

export async function pipelineFailure() {
  const replies = await cluster.pipeline().exists('list').incr('list').exec()
  return replies.map(([error]) => error?.message)
}

/** Is not sent. */
export async function pipelineOfTwoNodes() {
  return cluster.pipeline(Array.from({ length: 9 }, (_, i) => ['get', `key-${i}`])).exec()
}

export async function transaction() {
  return cluster.multi().set('{t}a', 1).incr('{t}a').del('{t}a').exec()
}

export async function autoPipelining() {
  return Promise.all([automatic.exists('{q}a'), automatic.strlen('{q}b'), automatic.type('{q}c')])
}

export async function notReady() {
  const late = new Cluster(nodes, { lazyConnect: true })
  const replies = await Promise.all([late.exists('a'), late.pipeline().exists('{z}a').strlen('{z}b').exec()])
  late.disconnect()
  return replies
}

export async function closed() {
  const other = new Cluster(nodes, { lazyConnect: true })
  await other.connect()
  other.disconnect()
  await new Promise((resolve) => other.once('end', resolve))
  return other.get('a')
}

/** A rejected batch that nobody waits for. */
export async function unhandled() {
  void cluster.pipeline().get('a').get('b').get('c').get('d').exec()
  await new Promise((resolve) => setTimeout(resolve, 5))
}
