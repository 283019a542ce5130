// A cluster of three nodes: commands to each of them, batches, a slot that has moved.
import * as client from '@redis/client'

const { createCluster, createClient } = client
const canary = process.env.CANARY
const ports = process.env.REDIS_CLUSTER_PORTS.split(',').map(Number)
const rootNodes = ports.map((port) => ({ socket: { host: '127.0.0.1', port } }))
const cluster = createCluster({ rootNodes })
const commands = ['get', 'strLen', 'exists', 'ttl', 'type', 'pTTL', 'lLen']

export async function setup() {
  cluster.on?.('error', () => {})
  await cluster.connect()
  // Every node is connected then.
  for (let i = 0; i < 30; i++) await cluster.exists(`warm-${i}`)
  await moveSlot('moved')
}

export async function teardown() {
  await cluster.del('list')
  await cluster.del('a')
  await cluster.quit()
}

/** Gives the slot of `key`, in which nothing is, to the next node; the client does not know of it. */
async function moveSlot(key) {
  const all = await Promise.all(ports.map((port) => createClient({ socket: { host: '127.0.0.1', port } })))
  for (const one of all) await one.connect()
  const slot = await all[0].sendCommand(['CLUSTER', 'KEYSLOT', key])
  const ranges = await all[0].sendCommand(['CLUSTER', 'SLOTS'])
  const owner = ranges.find(([from, to]) => from <= slot && slot <= to)[2]
  const next = (ports.indexOf(owner[1]) + 1) % ports.length
  const id = await all[next].sendCommand(['CLUSTER', 'MYID'])
  const tell = (one) => one.sendCommand(['CLUSTER', 'SETSLOT', String(slot), 'NODE', String(id)])
  await tell(all[next])
  for (const one of all) await tell(one)
  for (const one of all) await one.disconnect()
}

export async function operation(i) {
  await cluster[commands[i % commands.length]](`key-${i}`)
  return i
}

export async function promise() {
  const set = await cluster.set('a', canary, { EX: 60 })
  return [set, (await cluster.get('a')) === canary]
}

export async function failure() {
  await cluster.lPush('list', canary)
  return cluster.incr('list')
}

export async function keysOfTwoSlots() {
  return cluster.zDiff(['a', 'b'])
}

export async function moved() {
  return cluster.get('moved')
}

/** Clients of one node each, that read only: where the key is elsewhere, nobody asks there. */
export async function alone() {
  const answers = []
  for (const port of ports) {
    const one = createClient({ url: `redis://127.0.0.1:${port}`, readonly: true })
    await one.connect()
    answers.push(await one.strLen('alone').catch((error) => error.message.split(' ')[0]))
    await one.disconnect()
  }
  return answers
}

export async function raw() {
  return cluster.sendCommand('a', true, ['STRLEN', 'a'])
}

export async function transaction() {
  return cluster.multi().set('{t}a', '1').incr('{t}a').del('{t}a').exec()
}

export async function pipeline() {
  return cluster.multi().exists('{t}a').exists('{t}b').execAsPipeline()
}
