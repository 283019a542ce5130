// What a thread does with a message is below the span in which the message was posted; the messages are what they are without the agent.
import { describe, expect, it } from 'vitest'
import { readSession, type Recording } from '../support/read-session.ts'
import { runNode as run, sessionsIn, steady, writeProject } from '../support/run-node.ts'

const POOL = `import { Worker } from 'node:worker_threads'
import { setTimeout as sleep } from 'node:timers/promises'
import { span } from '@perf/agent/api'

const workers = [0, 1].map(() => new Worker(new URL('./worker.mjs', import.meta.url)))
const waiting = new Map()
const seen = []
for (const worker of workers)
  worker.on('message', ({ i, bytes }) => {
    span('answered ' + i, () => seen.push([i, bytes]))
    waiting.get(i)?.()
  })
const call = (i) =>
  new Promise((resolve) => {
    waiting.set(i, resolve)
    const worker = workers[i % 2]
    const buffer = new ArrayBuffer(i)
    // One that cannot be cloned is not sent, one outside of every span has none.
    try { worker.postMessage({ i, fn() {} }) } catch (error) { if (i === 0) console.log(error.name, error.message) }
    worker.postMessage({ i, buffer }, [buffer])
    if (i % 10 === 0) console.log('transferred', buffer.byteLength)
  })
await Promise.all(Array.from({ length: 100 }, (_, i) => span('request ' + i, async () => { await sleep(i % 7); await call(i) })))
await call(100)
console.log(JSON.stringify(seen.sort((a, b) => a[0] - b[0])))
console.log(Object.keys(workers[0]).filter((key) => !key.startsWith('_')).join(), workers[0].postMessage.name, workers[0].postMessage.length)
for (const worker of workers) worker.postMessage('end')
`
const WORKER = `import { parentPort, receiveMessageOnPort } from 'node:worker_threads'
import { setTimeout as sleep } from 'node:timers/promises'
import { span } from '@perf/agent/api'

let count = 0
async function work({ i, buffer }) {
  await span('work ' + i, async () => {
    await sleep(i % 3)
    parentPort.postMessage({ i, bytes: buffer.byteLength })
  })
}
parentPort.on('message', (message) => {
  if (message === 'end') return parentPort.close()
  void work(message)
  // Now and then one is taken from the port by hand.
  if (++count % 9 !== 0) return
  const taken = receiveMessageOnPort(parentPort)
  if (taken === undefined) return
  if (taken.message === 'end') parentPort.close()
  else setImmediate(() => void work(taken.message))
})
parentPort.on('messageerror', () => console.log('messageerror'))
if (process.argv[2] === 'shape') console.log(Object.keys(parentPort).join(), parentPort.postMessage.name, receiveMessageOnPort.name)
`

const files = { 'main.mjs': POOL, 'worker.mjs': WORKER }

function recordingIn(cwd: string): Recording {
  const sessions = sessionsIn(cwd)
  expect(sessions).toHaveLength(1)
  return readSession(sessions[0])
}

/** Name of a span's parent; `undefined` for a root. */
function parentOf({ spans }: Recording, name: string): string | undefined {
  const span = spans.find((one) => one.name === name)
  expect(span, name).toBeDefined()
  return spans.find((one) => one.spanId === span?.parentId && one.traceId === span?.traceId)?.name
}

describe.each(['--import', '--require'])('a pool of two threads under %s', (flag) => {
  it('gives 100 concurrent requests their own work and their own answer, in one trace', async () => {
    const cwd = writeProject(files)
    const bare = steady(await run(['main.mjs'], { cwd }))
    const recorded = steady(await run([flag, '@perf/agent', 'main.mjs'], { cwd }))
    expect(recorded).toEqual(bare)
    const recording = recordingIn(cwd)
    let taken = 0
    for (let i = 0; i < 100; i++) {
      const place = parentOf(recording, `work ${i}`)
      // What was taken by hand goes on in the context of whoever took it: there is no call to run in another one.
      if (place !== `request ${i}`) taken++
      expect(place).toMatch(/^request /)
      expect(parentOf(recording, `answered ${i}`)).toBe(`work ${i}`)
    }
    expect(taken).toBeLessThanOrEqual(11)
    expect(recording.counters['faults'] ?? 0).toBe(0)
  })
})

it('a message without a span brings none, and one that waits behind hundreds loses its own', async () => {
  const cwd = writeProject({
    'main.mjs': `import { Worker } from 'node:worker_threads'
import { span } from '@perf/agent/api'
const worker = new Worker(new URL('./worker.mjs', import.meta.url))
worker.postMessage('without')
span('early', () => worker.postMessage('early'))
span('burst', () => { for (let i = 0; i < 300; i++) worker.postMessage('burst ' + i) })
worker.postMessage('end')
`,
    'worker.mjs': `import { parentPort } from 'node:worker_threads'
import { span } from '@perf/agent/api'
parentPort.on('message', (text) => text === 'end' ? parentPort.close() : span('got ' + text, () => {}))
`,
  })
  await run(['--import', '@perf/agent', 'main.mjs'], { cwd })
  const recording = recordingIn(cwd)
  expect(parentOf(recording, 'got without')).toBeUndefined()
  const places = Array.from({ length: 300 }, (_, i) => parentOf(recording, `got burst ${i}`))
  expect(places.slice(60)).toEqual(places.slice(60).map(() => 'burst'))
  expect(places.every((place) => place === undefined || place === 'burst')).toBe(true)
  expect([undefined, 'early']).toContain(parentOf(recording, 'got early'))
})

it('an app that emits a message itself does not shift the count', async () => {
  const cwd = writeProject({
    'main.mjs': `import { Worker } from 'node:worker_threads'
import { span } from '@perf/agent/api'
const worker = new Worker(new URL('./worker.mjs', import.meta.url))
worker.once('message', () => { for (const name of ['a', 'b', 'c']) span(name, () => worker.postMessage(name)); worker.postMessage('end') })
`,
    'worker.mjs': `import { parentPort } from 'node:worker_threads'
import { span } from '@perf/agent/api'
parentPort.on('message', (text) => text === 'end' ? parentPort.close() : span('got ' + text, () => {}))
parentPort.emit('message', 'own')
parentPort.dispatchEvent(new MessageEvent('message', { data: 'dispatched' }))
parentPort.postMessage('ready')
`,
  })
  const { stderr } = await run(['--import', '@perf/agent', 'main.mjs'], { cwd })
  expect(stderr).toBe('')
  const recording = recordingIn(cwd)
  for (const name of ['a', 'b', 'c']) expect(parentOf(recording, `got ${name}`)).toBe(name)
  expect(parentOf(recording, 'got own')).toBeUndefined()
})

it('where something else was preloaded before the agent, messages carry nothing: nobody knows what it has posted', async () => {
  const cwd = writeProject({
    ...files,
    'before.mjs': `import { parentPort } from 'node:worker_threads'\nparentPort?.postMessage({ i: -1, bytes: 0 })\n`,
  })
  await run(['--import', './before.mjs', '--import', '@perf/agent', 'main.mjs'], { cwd })
  const recording = recordingIn(cwd)
  for (let i = 0; i < 100; i++) expect(parentOf(recording, `work ${i}`)).toBeUndefined()
})

describe('ports of a channel', () => {
  it('carry the span from thread to thread, also where they travel on', async () => {
    const cwd = writeProject({
      'main.mjs': `import { MessageChannel, Worker } from 'node:worker_threads'
import { once } from 'node:events'
import { span } from '@perf/agent/api'
const [first, second] = ['first', 'second'].map((name) => new Worker(new URL('./worker.mjs', import.meta.url), { argv: [name] }))
const toFirst = new MessageChannel()
const between = new MessageChannel()
const local = new MessageChannel()
local.port2.on('message', () => { span('local', () => {}); local.port1.close() })
span('here', () => local.port1.postMessage('hi'))
console.log(toFirst instanceof MessageChannel, toFirst.constructor === MessageChannel, MessageChannel.name, MessageChannel.length, globalThis.MessageChannel === MessageChannel)
span('early', () => toFirst.port1.postMessage('early'))
first.postMessage({ work: toFirst.port2, next: between.port1, buffer: new ArrayBuffer(4) }, [toFirst.port2, between.port1])
second.postMessage({ work: between.port2 }, [between.port2])
toFirst.port1.on('message', (text) => span('answer ' + text, () => { if (text === 'done') { first.postMessage('end'); second.postMessage('end'); toFirst.port1.close() } }))
for (let i = 0; i < 20; i++) await span('request ' + i, async () => { toFirst.port1.postMessage(i) })
toFirst.port1.postMessage('done')
`,
      'worker.mjs': `import { parentPort } from 'node:worker_threads'
import { setTimeout as sleep } from 'node:timers/promises'
import { span } from '@perf/agent/api'
const name = process.argv[2]
parentPort.on('message', (message) => {
  if (message === 'end') return process.exit()
  const { work, next } = message
  work.on('message', async (text) => {
    if (text === 'done') return void setTimeout(() => work.postMessage('done'), 200)
    await sleep(Number(text) % 3 || 0)
    await span(name + ' ' + text, async () => { await sleep(1); next?.postMessage(text); if (next) work.postMessage(text) })
  })
})
`,
    })
    const { stdout, stderr } = await run(['--import', '@perf/agent', 'main.mjs'], { cwd })
    expect([stdout, stderr]).toEqual(['true true MessageChannel 0 true\n', ''])
    const recording = recordingIn(cwd)
    for (let i = 0; i < 20; i++) {
      expect(parentOf(recording, `first ${i}`)).toBe(`request ${i}`)
      expect(parentOf(recording, `second ${i}`)).toBe(`first ${i}`)
      expect(parentOf(recording, `answer ${i}`)).toBe(`first ${i}`)
    }
    expect(parentOf(recording, 'first early')).toBe('early')
    expect(parentOf(recording, 'answer done')).toBeUndefined()
    // Between two parts of one thread it is as it is without the agent.
    expect(parentOf(recording, 'local')).toBeUndefined()
    expect(recording.counters['faults'] ?? 0).toBe(0)
  })
})

it('a queue whose next work is posted when an answer comes does not put it below the work before', async () => {
  const cwd = writeProject({
    'main.mjs': `import { Worker } from 'node:worker_threads'
import { span } from '@perf/agent/api'
const worker = new Worker(new URL('./worker.mjs', import.meta.url))
const queue = []
let isBusy = false
const next = () => { isBusy = queue.length > 0; if (isBusy) worker.postMessage(queue.shift()) }
worker.on('message', (i) => { span('answered ' + i, () => {}); if (i === 9) worker.postMessage('end'); else next() })
for (let i = 0; i < 10; i++) span('request ' + i, () => { queue.push(i); if (!isBusy) next() })
`,
    'worker.mjs': `import { parentPort } from 'node:worker_threads'
import { span } from '@perf/agent/api'
parentPort.on('message', (i) => i === 'end' ? parentPort.close() : span('work ' + i, () => parentPort.postMessage(i)))
`,
  })
  await run(['--import', '@perf/agent', 'main.mjs'], { cwd })
  const recording = recordingIn(cwd)
  expect(parentOf(recording, 'work 0')).toBe('request 0')
  for (let i = 1; i < 10; i++) {
    expect(parentOf(recording, `work ${i}`)).toBeUndefined()
    expect(parentOf(recording, `answered ${i}`)).toBe(`work ${i}`)
  }
})
