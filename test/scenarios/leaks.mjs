// What requests leave behind. Run with --expose-gc and the name of a measurement; prints one line of JSON.
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const refs = []
const pending = []
let onRequest = () => {}
let onNever = () => {}
const arrived = () => new Promise((resolve) => (onNever = resolve))

const server = http.createServer((request, response) => {
  onRequest(request, response)
  if (request.url.startsWith('/never')) return onNever()
  if (request.url.startsWith('/fail')) {
    response.statusCode = 500
    response.end('failed')
  } else response.end('hello')
})

/** `count` requests over one kept connection; every hundredth is never answered and costs the connection. */
async function requests(count, path = '/item') {
  let socket = await connect()
  for (let i = 0; i < count; i++) {
    const never = i % 100 === 99
    socket.write(`GET ${never ? '/never' : path}/${i} HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n`)
    if (never) {
      await arrived()
      socket.destroy()
      socket = await connect()
    } else await once(socket, 'data')
  }
  socket.destroy()
}

async function connect() {
  const socket = net.connect(server.address().port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

async function heapAfterGc() {
  for (let i = 0; i < 6; i++) {
    await sleep(20)
    globalThis.gc()
  }
  return process.memoryUsage().heapUsed
}

const measurements = {
  /** Growth per 100,000 requests after a warm-up. */
  async retained() {
    await requests(20_000)
    const before = await heapAfterGc()
    await requests(100_000)
    return { bytes: (await heapAfterGc()) - before }
  },
  /** Requests, responses and errors that are still there after their end. */
  async collected() {
    onRequest = (request, response) => {
      const error = new Error('of this request')
      Object.assign(error, { request, response })
      refs.push(new WeakRef(request), new WeakRef(response), new WeakRef(error))
    }
    await requests(300, '/fail')
    await heapAfterGc()
    return { total: refs.length, alive: refs.filter((ref) => ref.deref() !== undefined).length }
  },
  /** Heap held by 10,000 requests that each left a timer and a promise that never settles. */
  async pending() {
    await requests(2000)
    const before = await heapAfterGc()
    onRequest = () => {
      setTimeout(() => {}, 600_000).unref()
      pending.push(new Promise(() => {}))
    }
    await requests(10_000)
    return { bytes: (await heapAfterGc()) - before }
  },
}

async function main() {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const result = await measurements[process.argv[2]]()
  server.close()
  server.closeAllConnections()
  console.log(JSON.stringify(result))
}

void main()
