// Servers and clients over loopback: messages of both types, handlers that do something, many messages, and every way to close.
import { once } from 'node:events'
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { span } from '@perf/agent/api'
import * as namespace from 'ws'

// Before 8.1 `require` gives no named exports.
const ws = namespace.default
const WebSocket = namespace.WebSocket ?? ws
const WebSocketServer = namespace.WebSocketServer ?? ws.Server

const canary = process.env.CANARY ?? 'canary'
let server
let httpServer
const closed = []
let free = 2

function handle(socket, request) {
  socket.on('close', (code) => closed.push(code))
  socket.on('error', () => {})
  if (request.url === '/silent') return socket.on('message', () => {})
  if (request.url === '/deaf') return socket.send('first')
  if (request.url === '/refusing') return socket.close(1011, 'cannot')
  socket.on('message', async (data, isBinary) => {
    await span('handler', () => sleep(1))
    socket.send(isBinary ? data : `echo ${String(data).length}`)
  })
}

export async function setup() {
  httpServer = http.createServer()
  server = new WebSocketServer({ server: httpServer })
  server.on('connection', handle)
  httpServer.listen(0, '127.0.0.1')
  await once(httpServer, 'listening')
}

export async function teardown() {
  await new Promise((resolve) => server.close(resolve))
  await new Promise((resolve) => httpServer.close(resolve))
}

async function open(path) {
  const socket = new WebSocket(`ws://127.0.0.1:${httpServer.address().port}${path}`)
  socket.on('error', () => {})
  await once(socket, 'open')
  return socket
}

async function finish(socket, code, reason) {
  const before = closed.length
  socket.close(code, reason)
  const [own] = await once(socket, 'close')
  while (closed.length === before) await sleep(1)
  return [own, closed.at(-1)]
}

export async function text() {
  const socket = await open('/')
  socket.send(canary)
  const [data, isBinary] = await once(socket, 'message')
  return [String(data).length, isBinary, await finish(socket, 1000, 'done')]
}

export async function binary() {
  const socket = await open('/')
  socket.binaryType = 'arraybuffer'
  socket.send(Buffer.alloc(300))
  const [data] = await once(socket, 'message')
  return [data.byteLength, await finish(socket)]
}

export async function listeners() {
  const socket = await open('/')
  socket.onmessage = ({ data }) => span('on client message', () => data)
  socket.send('x')
  await once(socket, 'message')
  return [socket.listenerCount('message'), await finish(socket, 1000)]
}

export async function many() {
  const socket = await open('/silent')
  for (let i = 0; i < 500; i++) socket.send('x')
  return finish(socket, 1000)
}

export async function unheard() {
  const socket = await open('/deaf')
  await sleep(20)
  return finish(socket, 1001)
}

export async function refused() {
  const socket = await open('/refusing')
  const [code] = await once(socket, 'close')
  return [code, closed.at(-1)]
}

export async function terminated() {
  const socket = await open('/')
  const before = closed.length
  socket.terminate()
  while (closed.length === before) await sleep(1)
  return closed.at(-1)
}

export async function invalid() {
  const socket = await open('/')
  const before = closed.length
  socket._socket.write(Buffer.from([0xff, 0xff, 0xff]))
  const [code] = await once(socket, 'close')
  while (closed.length === before) await sleep(1)
  return [code, closed.at(-1)]
}

export async function notFound() {
  const plain = http.createServer((_request, response) => response.writeHead(404).end())
  plain.listen(0, '127.0.0.1')
  await once(plain, 'listening')
  const socket = new ws(`ws://127.0.0.1:${plain.address().port}/`)
  const [error] = await once(socket, 'error')
  plain.close()
  return error.message
}

/** One of at most two connections at a time; the size of the answer tells which. */
export async function operation(i) {
  while (free === 0) await sleep(1)
  free--
  const socket = await open('/echo')
  socket.send(Buffer.alloc(1 + (i % 7)))
  const [data] = await once(socket, 'message')
  await finish(socket, 1000)
  free++
  return data.length
}
