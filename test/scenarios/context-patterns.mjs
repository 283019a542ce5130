// Every way in which work goes on later. Each pattern runs twice at once, each time inside the app's own AsyncLocalStorage
// and a span of the same name; `probe` notes where Node says that it is, and opens a span there.
import { AsyncLocalStorage, AsyncResource, createHook } from 'node:async_hooks'
import { EventEmitter, once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { MessageChannel, Worker } from 'node:worker_threads'
import { readFile } from 'node:fs'
import { promisify } from 'node:util'
import { span } from '@perf/agent/api'

const own = new AsyncLocalStorage()
const seen = []
const emitter = new EventEmitter()
const queue = limited(1)
const loader = batching((keys) => keys.map((key) => key * 2))
const echo = "const { parentPort } = require('node:worker_threads'); parentPort.on('message', (message) => parentPort.postMessage(message))"
const worker = new Worker(echo, { eval: true })
const source = new AbortController()

const patterns = {
  timers: (probe) =>
    Promise.all([
      new Promise((resolve) => setTimeout(resolve, 2)).then(() => probe('setTimeout, then')),
      new Promise((resolve) => setImmediate(() => resolve(probe('setImmediate')))),
      new Promise((resolve) => {
        const timer = setInterval(() => {
          clearInterval(timer)
          resolve(probe('setInterval'))
        }, 1)
      }),
      sleep(1).then(() => probe('timers/promises')),
    ]),
  microtasks: (probe) =>
    Promise.all([
      new Promise((resolve) => queueMicrotask(() => resolve(probe('queueMicrotask')))),
      new Promise((resolve) => process.nextTick(() => resolve(probe('nextTick')))),
      Promise.reject(new Error('expected')).catch(() => probe('catch')),
      Promise.resolve().finally(() => probe('finally')),
    ]),
  thenable: async (probe) => {
    await { then: (resolve) => setTimeout(() => resolve(probe('inside then')), 1) }
    probe('after a thenable')
    await { then: (resolve) => queueMicrotask(resolve) }
    probe('after another')
  },
  callbacks: async (probe) => {
    await new Promise((resolve) => readFile('package.json', () => resolve(probe('fs callback'))))
    await promisify(readFile)('package.json')
    probe('promisified')
  },
  stream: (probe) =>
    new Promise((resolve, reject) => {
      const through = new PassThrough()
      through.on('data', () => probe('data')).on('end', () => resolve(probe('end'))).on('error', reject) // prettier-ignore
      through.write('a')
      setTimeout(() => through.end('b'), 1)
    }),
  iteration: async (probe) => {
    for await (const part of Readable.from(['a', 'b'])) probe(`chunk ${part}`)
    for await (const value of numbers(probe)) probe(`value ${value}`)
    for (const value of (function* () { probe('in a generator'); yield 1 })()) probe(`yielded ${value}`) // prettier-ignore
  },
  emitter: async (probe) => {
    const event = `event ${own.getStore()}`
    emitter.once(event, () => probe('listener'))
    const waiting = once(emitter, event)
    setTimeout(() => emitter.emit(event), 1)
    await waiting
    probe('events.once')
  },
  asyncResource: async (probe) => {
    const bound = AsyncResource.bind(() => probe('bound'))
    await new Promise((resolve) => emitter.once('tick', resolve))
    bound()
    AsyncLocalStorage.snapshot?.()(() => probe('snapshot'))
  },
  messagePort: (probe) =>
    new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel()
      port2.on('message', () => {
        probe('message')
        port2.close()
        resolve()
      })
      port1.postMessage('hello')
    }),
  worker: async (probe) => {
    const id = own.getStore()
    await new Promise((resolve) => {
      const listen = (message) => {
        if (message !== id) return
        worker.off('message', listen)
        resolve(probe('reply'))
      }
      worker.on('message', listen)
      worker.postMessage(id)
    })
    probe('after the reply')
  },
  abort: async (probe) => {
    const controller = new AbortController()
    controller.signal.addEventListener('abort', () => probe('abort'))
    source.signal.addEventListener('abort', () => probe('shared abort'))
    setTimeout(() => controller.abort(), 1)
    await once(controller.signal, 'abort')
    probe('after abort')
    await sleep(50, undefined, { signal: AbortSignal.timeout(2) }).catch(() => probe('timeout'))
  },
  queue: async (probe) => {
    const results = await Promise.all([1, 2].map((n) => queue(async () => (await sleep(1), probe(`task ${n}`), n))))
    probe(`all ${results}`)
  },
  batch: async (probe) => {
    const value = await loader(4)
    probe(`loaded ${value}`)
  },
  nested: async (probe) => {
    await span('inside', async () => own.run('inside', async () => (await sleep(1), probe('inside'))))
    probe('outside again')
    own.exit(() => setTimeout(() => seen.push(['nested', 'exit', String(own.getStore())]), 1))
    await sleep(5)
  },
}

// Another tool's async hook changes how Node tracks promises.
if (process.argv.includes('--hooked')) createHook({ init() {}, before() {}, after() {}, destroy() {} }).enable()

async function main() {
  for (const [name, pattern] of Object.entries(patterns)) {
    const both = [1, 2].map((i) => {
      const place = `${name} ${i}`
      const probe = (label) => {
        const where = own.getStore()
        seen.push([place, label, where])
        span(`probe ${place}: ${label} @ ${where}`, () => {})
      }
      return own.run(place, () => span(place, () => pattern(probe)))
    })
    setTimeout(() => emitter.emit('tick'), 3)
    if (name === 'abort') setTimeout(() => source.abort(), 1)
    await Promise.all(both)
  }
  await worker.terminate()
  console.log(JSON.stringify(seen))
}

async function* numbers(probe) {
  await sleep(1)
  probe('in an async generator')
  yield 1
  await sleep(1)
  yield 2
}

/** Like p-queue: at most `most` tasks at once. */
function limited(most) {
  const waiting = []
  let running = 0
  const next = () => {
    if (running >= most || waiting.length === 0) return
    running++
    waiting.shift()()
  }
  return (task) =>
    new Promise((resolve, reject) => {
      const run = () => task().then(resolve, reject).finally(() => (running--, next())) // prettier-ignore
      waiting.push(AsyncResource.bind(run))
      next()
    })
}

/** Like dataloader: keys of one tick are loaded together. */
function batching(load) {
  let batch
  return (key) =>
    new Promise((resolve) => {
      if (batch === undefined) {
        batch = []
        process.nextTick(() => {
          const now = batch
          batch = undefined
          const values = load(now.map((one) => one.key))
          now.forEach((one, i) => one.resolve(values[i]))
        })
      }
      batch.push({ key, resolve })
    })
}

void main()
