// A pool of two resources that are made at once and used for a moment.
import { setTimeout as sleep } from 'node:timers/promises'
import genericPool from 'generic-pool'
import { span } from '@perf/agent/api'

const { createPool } = genericPool
let made = 0
const factory = {
  async create() {
    await sleep(1)
    return { number: ++made }
  },
  async destroy() {},
}
const pool = createPool(factory, { max: 2 })

export async function teardown() {
  await pool.drain()
  await pool.clear()
}
/** The first one has to be made, the second is there. */
export async function acquired() {
  const own = createPool(factory, { max: 1 })
  const first = await own.acquire()
  await own.release(first)
  const second = await own.acquire()
  await own.release(second)
  await own.drain()
  await own.clear()
  return first === second
}
export async function used() {
  const own = createPool(factory, { max: 1 })
  const result = await own.use(async (resource) => span('in use', async () => typeof resource.number))
  await own.drain()
  await own.clear()
  return result
}
export async function timedOut() {
  // Made without a timer, so that the first one cannot be late.
  const own = createPool({ ...factory, create: async () => ({}) }, { max: 1, acquireTimeoutMillis: 20 })
  const held = await own.acquire()
  const error = await own.acquire().catch((failure) => `${failure.name}: ${failure.message}`)
  await own.release(held)
  await own.drain()
  await own.clear()
  return error
}
export async function refused() {
  const own = createPool(factory, { max: 1, maxWaitingClients: 1 })
  const held = await own.acquire()
  const waiting = own.acquire()
  const error = await own.acquire().catch((failure) => failure.message)
  await own.release(held)
  await own.release(await waiting)
  await own.drain()
  await own.clear()
  return error
}
/** Of many callers of a pool of two each goes on in its own context. */
export async function operation(i) {
  const resource = await pool.acquire()
  await span(`with ${i}`, () => sleep(1))
  await pool.release(resource)
  return i
}
