import { setTimeout as sleep } from 'node:timers/promises'
import { FlowProducer, Queue, Worker } from 'bullmq'

const canary = process.env.CANARY
const connection = { host: '127.0.0.1', port: Number(process.env.REDIS_PORT), maxRetriesPerRequest: null }
const prefix = `perf-${process.env.PERF_TEST_RUN}-${process.pid}`
const options = { connection, prefix, defaultJobOptions: { removeOnComplete: true } }

let queue
let flows
let workers
let sent = 0
const waiting = new Map()
const attempts = new Map()

/** Resolves with what the worker got for `key`, once it has been through it `times` times. */
const processed = (key, times = 1) => new Promise((resolve) => waiting.set(key, { times, resolve }))

async function work(job) {
  await sleep(1)
  const { key, fails = 0 } = job.data
  const attempt = (attempts.get(key) ?? 0) + 1
  attempts.set(key, attempt)
  const done = waiting.get(key)
  if (done !== undefined && attempt >= done.times) done.resolve([job.name, job.data.text === canary, attempt])
  if (attempt <= fails) throw new RangeError('no such order')
  return attempt
}

export async function setup() {
  queue = new Queue('orders', options)
  flows = new FlowProducer({ connection, prefix })
  workers = ['orders', 'parts'].map((name) => new Worker(name, work, { connection, prefix, concurrency: 20, drainDelay: 1 }))
  for (const worker of workers) {
    worker.on('error', () => {})
    await worker.waitUntilReady()
  }
}

export async function teardown() {
  for (const worker of workers) await worker.close()
  await queue.obliterate({ force: true })
  await queue.close()
  await flows.close()
}

export async function operation(i) {
  const key = `operation-${sent++}`
  const done = processed(key)
  await queue.add(`job-${i}`, { key, text: canary })
  await done
  return i
}

export async function promise() {
  const done = processed('one')
  const jobOptions = Object.freeze({ attempts: 3 })
  const job = await queue.add('mail', Object.freeze({ key: 'one', text: canary }), jobOptions)
  return [await done, job.name, Object.keys(jobOptions)]
}

export async function bulk() {
  const done = ['b1', 'b2', 'b3'].map((key) => processed(key))
  const jobs = await queue.addBulk(['b1', 'b2', 'b3'].map((key) => ({ name: 'mail', data: { key } })))
  return [jobs.length, await Promise.all(done)]
}

/** Its children are processed first. */
export async function flow() {
  const done = ['parent', 'child'].map((key) => processed(key))
  await flows.add({
    name: 'ship',
    queueName: 'orders',
    data: { key: 'parent' },
    children: [{ name: 'pack', queueName: 'parts', data: { key: 'child' } }],
  })
  return Promise.all(done)
}

export async function flowsInBulk() {
  const done = processed('of-bulk')
  await flows.addBulk([{ name: 'ship', queueName: 'orders', data: { key: 'of-bulk' } }])
  return done
}

/** Fails once; BullMQ tries again. */
export async function retried() {
  const done = processed('retried', 2)
  await queue.add('mail', { key: 'retried', fails: 1 }, { attempts: 2, backoff: 1 })
  return done
}

export async function failed() {
  const reason = new Promise((resolve) => workers[0].once('failed', (job, error) => resolve([job.attemptsMade, error.name, error.message])))
  await queue.add('mail', { key: 'failed', fails: 1 })
  return reason
}

export async function delayed() {
  const done = processed('delayed')
  await queue.add('mail', { key: 'delayed' }, { delay: 5 })
  return done
}

/** The app wants no context in the job. */
export async function omitted() {
  const done = processed('omitted')
  await queue.add('mail', { key: 'omitted' }, { telemetry: { omitContext: true } })
  return done
}

export async function wrongUse() {
  await queue.add('mail', { key: 'wrong' }, { jobId: '0' })
}
