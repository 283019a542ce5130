// Names that every machine knows, and a small server that answers one question with one address.
import dgram from 'node:dgram'
import dns from 'node:dns'
import { lookup as lookupPromise, Resolver as PromiseResolver } from 'node:dns/promises'
import net from 'node:net'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { span } from '@perf/agent/api'

const server = dgram.createSocket('udp4')
server.on('message', (question, { port, address }) => {
  const isKnown = question.includes('known')
  const end = question.indexOf(0, 12) + 5
  const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 10, 1, 2, 3])
  const head = Buffer.from(question.subarray(0, 12))
  head.writeUInt16BE(isKnown ? 0x8180 : 0x8183, 2)
  head.writeUInt16BE(isKnown ? 1 : 0, 6)
  head.writeUInt16BE(0, 10)
  server.send(Buffer.concat([head, question.subarray(12, end), ...(isKnown ? [answer] : [])]), port, address)
})
const at = () => [`127.0.0.1:${server.address().port}`]
const failure = ({ code, syscall, hostname }) => ({ code, syscall, hostname })
const call = (fn) => new Promise((resolve) => fn((error, ...values) => resolve(error ? failure(error) : values)))

export async function setup() {
  server.bind(0, '127.0.0.1')
  await once(server, 'listening')
}
export async function teardown() {
  server.close()
}
export async function lookup() {
  return call((done) => dns.lookup('localhost', { family: 4 }, done))
}
export async function lookupAll() {
  return call((done) => dns.lookup('localhost', { family: 4, all: true }, done))
}
export async function promised() {
  return [
    await dns.promises.lookup('localhost', 4),
    await lookupPromise('localhost', { family: 4 }),
    await promisify(dns.lookup)('localhost', 4),
    dns.promises.lookup === lookupPromise,
  ]
}
export async function address() {
  return call((done) => dns.lookup('127.0.0.1', done))
}
export async function resolved() {
  const resolver = new dns.Resolver({ tries: 1, timeout: 2000 })
  resolver.setServers(at())
  return [await call((done) => resolver.resolve4('known.test', done)), await call((done) => resolver.resolve('known.test', 'A', done))]
}
export async function unknown() {
  const resolver = new PromiseResolver({ tries: 1, timeout: 2000 })
  resolver.setServers(at())
  return resolver.resolve4('nowhere.test').catch(failure)
}
/** The functions of the module, before and after they are bound anew. */
export async function bound() {
  const servers = dns.getServers()
  dns.setServers(at())
  const first = await call((done) => dns.resolve4('known.test', done))
  dns.setServers(at())
  const second = await call((done) => dns.resolve4('known.test', done))
  dns.setServers(servers)
  return [first, second]
}
export async function invalid() {
  try {
    dns.lookup('localhost', 7, () => {})
  } catch (error) {
    return error.code
  }
}
export async function context() {
  return new Promise((resolve) => dns.lookup('localhost', 4, () => span('found', () => resolve('done'))))
}
/** A connection by name asks for it. */
export async function connected() {
  const listener = net.createServer((socket) => socket.end()).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const socket = net.connect({ host: 'localhost', port: listener.address().port, family: 4 })
  await once(socket.resume(), 'close')
  listener.close()
}
export async function operation(i) {
  await sleep(i % 3)
  return call((done) => dns.lookup('localhost', { family: 4, verbatim: i % 2 === 0 }, done))
}
