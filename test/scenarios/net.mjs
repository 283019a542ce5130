// Connections to servers in the same process: TCP, a local socket, TLS, and those that come to nothing.
import { AsyncResource } from 'node:async_hooks'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { span } from '@perf/agent/api'

/** A secret that both sides know: no certificate is needed. */
const psk = { ciphers: 'PSK-AES128-CBC-SHA256', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }
const secret = Buffer.from('0123456789abcdef0123456789abcdef', 'hex')

const answer = (socket) => socket.on('error', () => {}).end('hello')
const server = net.createServer(answer)
const local = net.createServer(answer)
const secure = tls.createServer({ ...psk, pskCallback: () => secret }, answer)
const file = path.join(os.tmpdir(), `perf-net-${process.pid}.sock`)

export async function setup() {
  server.listen(0, '127.0.0.1')
  local.listen(file)
  secure.listen(0, '127.0.0.1')
  await Promise.all([server, local, secure].map((one) => once(one, 'listening')))
}
export async function teardown() {
  for (const one of [server, local, secure]) one.close()
  rmSync(file, { force: true })
}

/** What the app sees of a socket from its beginning to its end. */
function read(socket) {
  return new Promise((resolve) => {
    const seen = []
    for (const event of ['lookup', 'connect', 'ready', 'secureConnect', 'error', 'end'])
      socket.on(event, (value) => seen.push(event === 'error' ? value.code : event))
    socket.on('data', (chunk) => seen.push(String(chunk)))
    socket.on('close', (hadError) => resolve([...seen, hadError, Object.hasOwn(socket, 'emit'), Object.keys(socket).includes('emit')]))
  })
}
const port = () => server.address().port

/** A client that connects again by itself, in the context it was made in. */
export async function afterItsSpan() {
  let again
  span('over', () => (again = AsyncResource.bind(() => read(net.connect(server.address().port)))))
  return again()
}

export async function byPort() {
  return read(net.connect(port(), '127.0.0.1'))
}
export async function byOptions() {
  return read(net.createConnection({ host: '127.0.0.1', port: port() }))
}
export async function bySocket() {
  const socket = new net.Socket()
  const seen = read(socket)
  let called = 0
  socket.connect(port(), '127.0.0.1', () => called++)
  return [await seen, called]
}
export async function byName() {
  return (await read(net.connect({ host: 'localhost', port: port(), family: 4 }))).filter((event) => event !== 'lookup')
}
export async function byFile() {
  return read(net.connect(file))
}
export async function encrypted() {
  const own = { pskCallback: () => ({ psk: secret, identity: 'test' }), checkServerIdentity: () => undefined }
  return read(tls.connect({ host: '127.0.0.1', port: secure.address().port, ...psk, ...own }))
}
export async function refused() {
  return read(net.connect(1, '127.0.0.1'))
}
export async function aborted() {
  const socket = net.connect(port(), '127.0.0.1')
  const seen = read(socket)
  socket.destroy()
  return seen
}
export async function context() {
  return new Promise((resolve) => {
    const socket = net.connect(port(), '127.0.0.1', () => span('connected', () => {}))
    socket.on('close', () => span('closed', () => resolve('done'))).resume()
  })
}
export async function twice() {
  const socket = new net.Socket()
  await read(socket.connect(port(), '127.0.0.1'))
  return read(socket.connect(port(), '127.0.0.1'))
}
export async function invalid() {
  try {
    net.connect({ port: 99_999_999 })
  } catch (error) {
    return error.code
  }
}
export async function operation(i) {
  await sleep(i % 3)
  return read(net.connect(port(), '127.0.0.1'))
}
