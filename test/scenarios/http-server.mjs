// A server and raw sockets as its clients, so that every span is the server's. Prints what the app saw as one line of JSON.
import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter, once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { span } from '@perf/agent/api'
import { held, load, siblings } from './web-load.js'

const own = new AsyncLocalStorage()
const seen = {}
const canary = process.env.CANARY ?? 'canary'

async function handle(request, response) {
  const { pathname } = new URL(request.url, 'http://local')
  if (pathname.startsWith('/held/')) return response.end(JSON.stringify(await held(pathname.slice(6))))
  switch (pathname) {
    case '/context':
      return handleInContexts(request, response)
    case '/listeners':
      seen.listeners = [
        countListeners(request),
        countListeners(response),
        response.getMaxListeners(),
        Reflect.ownKeys(request).length,
        Reflect.ownKeys(response).length,
      ]
      return response.end('ok')
    case '/siblings':
      return response.end(JSON.stringify(await siblings()))
    case '/stream':
      response.write('first')
      await sleep(10)
      return response.end('last')
    case '/cut':
      response.writeHead(200, { 'content-length': 1000 }).write('part')
      return
    case '/never':
      return
    case '/destroyed':
      return request.socket.destroy()
    case '/late-body':
      request.on('data', () => span('on late data', () => {}))
      return request.on('end', () => span('on late end', () => response.end('ok')))
    case '/later':
      await sleep(30)
      return response.end('later')
    case '/rewritten':
      request.url = `/${canary}`
      request.method = 'POST'
      return response.end('ok')
    default:
      response.statusCode = Number(/^\/status\/(\d+)$/.exec(pathname)?.[1] ?? 200)
      response.setHeader('set-cookie', `id=${canary}`)
      response.end('ok')
  }
}

/** Everything started while the request is handled belongs to it, also what runs after the body was read. */
async function handleInContexts(request, response) {
  await own.run('mine', async () => {
    const body = []
    request.on('data', (chunk) => span('on data', () => body.push(String(chunk))))
    await once(request, 'end')
    span('after body', () => {})
    await Promise.all([
      sleep(1).then(() => span('after timer', () => {})),
      new Promise((resolve) => process.nextTick(() => span('in nextTick', () => resolve()))),
    ])
    await new Promise((resolve) => new EventEmitter().once('x', () => span('in emitter', resolve)).emit('x'))
    response.on('finish', () => span('on finish', () => {}))
    seen.context = [body.join(''), own.getStore()]
    response.end('ok')
  })
}

function countListeners(emitter) {
  return Object.fromEntries(emitter.eventNames().map((name) => [String(name), emitter.listenerCount(name)]))
}

/** Sends `text` and, packet by packet, `later`; reads until `until` holds or the server closes. `idleMs` is for requests that are never answered. */
function exchange(
  port,
  text,
  { until = (received) => /\r\n\r\n[^]*ok$/.test(received), connect = net.connect, idleMs = 10_000, later = [] } = {},
) {
  return new Promise((resolve) => {
    let received = ''
    const socket = connect({ port, host: '127.0.0.1' }, async () => {
      socket.write(text)
      for (const part of later) {
        await sleep(20)
        socket.write(part)
      }
    })
    const done = () => resolve(received.replace(/Date: .*\r\n/g, ''))
    socket.on('data', (chunk) => {
      received += chunk
      if (until(received)) socket.destroy()
    })
    socket.on('close', done)
    socket.on('error', done)
    socket.setTimeout(idleMs, () => socket.destroy())
  })
}

const get = (path, headers = '', method = 'GET') => `${method} ${path} HTTP/1.1\r\nHost: shop.example:8080\r\n${headers}\r\n`

const server = http.createServer(handle)
server.on('checkContinue', (request, response) => {
  response.writeContinue()
  server.emit('request', request, response)
})
server.on('upgrade', (_request, socket) =>
  span('in upgrade', () => socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: Upgrade\r\n\r\n')),
)
server.on('connect', (_request, socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'))
async function main() {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()

  const secretHeaders = `Authorization: Bearer ${canary}\r\nCookie: sid=${canary}\r\nX-Api-Key: ${canary}\r\n`
  seen.plain = await exchange(port, get(`/plain?token=${canary}&page=2&debug#${canary}`, secretHeaders))
  seen.absolute = await exchange(port, get('http://shop.example:8080/absolute?x=1'))
  seen.unknown = await exchange(port, get('/unknown-method', '', 'PROPFIND'))
  seen.contextReply = await exchange(port, get('/context', 'Content-Length: 4\r\n', 'POST') + 'body')
  seen.lateBody = await exchange(port, get('/late-body', 'Content-Length: 4\r\n', 'POST'), { later: ['bo', 'dy'] })
  seen.listenersReply = await exchange(port, get('/listeners'))
  seen.notFound = await exchange(port, get('/status/404'))
  seen.broken = await exchange(port, get('/status/503'))
  seen.stream = await exchange(port, get('/stream'), { until: (received) => received.includes('last') })
  seen.rewritten = await exchange(port, get('/rewritten'))
  seen.destroyed = await exchange(port, get('/destroyed'))
  seen.continued = await exchange(port, get('/continue', 'Expect: 100-continue\r\nContent-Length: 1\r\n', 'PUT') + 'x', {
    until: (received) => received.endsWith('ok'),
  })
  seen.upgraded = await exchange(port, get('/socket', 'Connection: Upgrade\r\nUpgrade: chat\r\n'))
  seen.tunnel = await exchange(port, get('shop.example:443', '', 'CONNECT'))
  seen.remote = await exchange(port, get('/remote', 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n'))
  seen.badRemote = await exchange(port, get('/bad-remote', 'traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01\r\n'))
  seen.twoRemotes = await exchange(
    port,
    get('/two-remotes', 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n'.repeat(2)),
  )
  await exchange(port, get('/cut'), { until: (received) => received.endsWith('part') })
  await exchange(port, get('/never'), { idleMs: 500 })
  await exchange(port, get('/later?1') + get('/later?2') + get('/later?3'), { until: (received) => received.split('\nlater').length === 4 })
  await exchange(port, get('/never?pipelined') + get('/queued') + get('/queued'), { idleMs: 500 })
  const kept = await exchange(port, get('/kept').repeat(5), {
    until: (received) => received.split('HTTP/1.1 200').length === 6 && received.endsWith('ok'),
  })
  seen.kept = kept.split('HTTP/1.1 200').length - 1

  seen.load = await load(port)

  const psk = { ciphers: 'PSK-AES128-CBC-SHA256', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }
  const secret = Buffer.alloc(16, 7)
  const secure = https.createServer({ ...psk, pskCallback: () => secret }, handle)
  secure.listen(0, '127.0.0.1')
  await once(secure, 'listening')
  const connect = (options, done) =>
    tls.connect({ ...options, ...psk, pskCallback: () => ({ psk: secret, identity: 'x' }), checkServerIdentity: () => undefined }, done)
  seen.secure = await exchange(secure.address().port, get('/secure'), { connect })

  await sleep(50)
  server.close()
  secure.close()
  server.closeAllConnections()
  secure.closeAllConnections()
  console.log(`RESULT ${JSON.stringify(seen)}`)
}

void main()
