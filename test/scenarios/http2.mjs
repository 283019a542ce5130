// Streams of every shape to HTTP/2 servers in the same process. Prints what the app saw as one line of JSON.
import { once } from 'node:events'
import http2 from 'node:http2'
import https from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { fileURLToPath } from 'node:url'
import { span } from '@perf/agent/api'

const seen = {}
const canary = process.env.CANARY ?? 'canary'
const received = {}

async function answerWith(stream, work) {
  await work()
  stream.respond({ ':status': 200 })
  stream.end('ok')
}

function handleStream(stream, headers) {
  const { pathname } = new URL(headers[':path'], 'http://local')
  received[pathname] = headers.traceparent
  if (pathname === '/reset' || pathname === '/refused') stream.on('error', () => {})
  switch (pathname) {
    case '/context':
      return handleInContexts(stream)
    case '/cached':
      stream.respond({ ':status': 200, age: '10', 'cache-control': 'max-age=60' })
      return stream.end('ok')
    case '/head':
      return stream.respond({ ':status': 204 }, { endStream: true })
    case '/file':
      return stream.respondWithFile(process.argv[1] ?? fileURLToPath(import.meta.url), { ':status': 200 })
    case '/siblings':
      return void answerWith(stream, () => Promise.all(Array.from({ length: 20 }, (_, i) => span(`sibling ${i}`, () => sleep(i % 3)))))
    case '/slow':
      stream.respond({ ':status': 200 })
      stream.write('first')
      return setTimeout(() => stream.end('last'), 10)
    case '/never':
      return
    case '/half':
      stream.respond({ ':status': 200 })
      return stream.write('part')
    case '/reset':
      return stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR)
    case '/refused':
      return stream.close(http2.constants.NGHTTP2_REFUSED_STREAM)
    case '/lost':
      return stream.session.destroy()
    case '/pushed':
      stream.pushStream({ ':path': '/push' }, (error, pushed) => {
        if (error !== null) return
        pushed.respond({ ':status': 200 })
        pushed.end('pushed')
      })
      stream.respond({ ':status': 200 })
      return stream.end('ok')
    case '/listeners':
      seen.listeners = [
        Object.fromEntries(stream.eventNames().map((name) => [String(name), stream.listenerCount(name)])),
        Reflect.ownKeys(stream).length,
      ]
      stream.respond({ ':status': 200 })
      return stream.end('ok')
    default:
      if (pathname.startsWith('/c/')) return void answerWith(stream, () => span(`held ${pathname}`, () => sleep(1)))
      stream.respond({ ':status': Number(/^\/status\/(\d+)$/.exec(pathname)?.[1] ?? 200), 'set-cookie': `id=${canary}` })
      stream.end('ok')
  }
}

/** Everything started while the stream is handled belongs to it. */
async function handleInContexts(stream) {
  stream.on('data', () => span('on data', () => {}))
  await once(stream, 'end')
  span('after body', () => {})
  await sleep(1)
  span('after timer', () => {})
  stream.respond({ ':status': 200 })
  stream.end('ok')
}

async function handleCompatible(request, response) {
  const { pathname } = new URL(request.url, 'http://local')
  received[pathname] = request.headers.traceparent
  if (pathname === '/compatible-fails') {
    response.statusCode = 503
    return response.end()
  }
  await sleep(1)
  span('in handler', () => {})
  response.setHeader('content-type', 'text/plain')
  response.end(`${request.httpVersion} ${request.method}`)
}

/** Sends one request; resolves to what the client saw. */
function call(session, headers, { body, options, cancel } = {}) {
  return new Promise((resolve) => {
    const events = []
    const stream = session.request(headers, options)
    let text = ''
    stream.setEncoding('utf8')
    stream.on('response', (response) => events.push(response[':status']))
    stream.on('data', (chunk) => (text += chunk))
    stream.on('error', (error) => events.push(error.code ?? error.name))
    stream.on('aborted', () => events.push('aborted'))
    stream.on('close', () => resolve([...events, text.length > 100 ? 'long' : text, stream.rstCode]))
    cancel?.(stream)
    if (!stream.writableEnded && !stream.destroyed) stream.end(body)
  })
}

async function listen(server) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server.address().port
}

async function main() {
  const plain = http2.createServer()
  plain.on('stream', handleStream)
  const port = await listen(plain)
  const connect = async () => {
    const session = http2.connect(`http://127.0.0.1:${port}`)
    session.on('error', () => {})
    session.on('stream', (pushed) => pushed.resume())
    await once(session, 'connect')
    return session
  }
  const client = await connect()
  const secret = { authorization: `Bearer ${canary}`, cookie: `sid=${canary}` }

  const cases = {
    plain: () => call(client, { ':path': `/plain?token=${canary}&page=2&debug`, ...secret }),
    context: () => call(client, { ':path': '/context', ':method': 'POST' }, { body: 'body' }),
    noHeaders: () => call(client),
    frozen: () => call(client, Object.freeze({ ':path': '/frozen', [http2.sensitiveHeaders]: ['cookie'], cookie: canary })),
    ownTraceparent: () => call(client, { ':path': '/own', traceparent: '00-11111111111111111111111111111111-2222222222222222-01' }),
    badTraceparent: () => call(client, { ':path': '/bad-remote', traceparent: '00-00000000000000000000000000000000-b7ad6b7169203331-01' }),
    head: () => call(client, { ':path': '/head', ':method': 'HEAD' }),
    file: () => call(client, { ':path': '/file' }),
    slow: () => call(client, { ':path': '/slow' }),
    pushed: () => call(client, { ':path': '/pushed' }),
    cached: () => call(client, { ':path': '/cached' }),
    notFound: () => call(client, { ':path': '/status/404' }),
    broken: () => call(client, { ':path': '/status/503' }),
    counted: () => call(client, { ':path': '/listeners' }),
    reset: () => call(client, { ':path': '/reset' }),
    refused: () => call(client, { ':path': '/refused' }),
    unknownMethod: () => call(client, { ':path': '/unknown-method', ':method': 'PROPFIND' }),
    canceled: () =>
      call(client, { ':path': '/never' }, { cancel: (stream) => setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), 20) }),
    destroyed: () => call(client, { ':path': '/half' }, { cancel: (stream) => setTimeout(() => stream.destroy(), 20) }),
    signal: () => {
      const controller = new AbortController()
      setTimeout(() => controller.abort(), 20)
      return call(client, { ':path': '/never' }, { options: { signal: controller.signal } })
    },
    lost: async () => call(await connect(), { ':path': '/lost' }),
    early: async () => {
      const session = http2.connect(`http://127.0.0.1:${port}`)
      const result = await call(session, { ':path': '/early' })
      session.close()
      return result
    },
    closed: async () => {
      const session = await connect()
      session.destroy()
      try {
        // Node 26 emits what the others throw.
        const [error] = await once(session.request({ ':path': '/x' }), 'error').catch((error) => [error])
        return error.code
      } catch (error) {
        return error.code
      }
    },
    callback: () =>
      new Promise((resolve) => {
        const stream = client.request({ ':path': '/callback' })
        stream.on('response', () => span('in callback', () => {}))
        stream.resume().on('close', resolve)
      }),
    siblingsInServer: () => call(client, { ':path': '/siblings' }),
    siblings: async () =>
      (await Promise.all(Array.from({ length: 20 }, (_, i) => call(client, { ':path': `/n/${i}` })))).map(([status]) => status),
  }
  for (const [name, run] of Object.entries(cases)) seen[name] = await span(`case ${name}`, run)
  seen.concurrent = (
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => span(`request ${i}`, async () => (await sleep(i % 7), call(client, { ':path': `/c/${i}` })))),
    )
  ).map(([status]) => status)
  client.close()

  const compatible = http2.createServer(handleCompatible)
  const compatibleClient = http2.connect(`http://localhost:${await listen(compatible)}`)
  seen.compatible = await span('case compatible', () => call(compatibleClient, { ':path': '/compatible', ':method': 'PUT' }, { body: 'x' }))
  seen.compatibleFails = await span('case compatibleFails', () => call(compatibleClient, { ':path': '/compatible-fails' }))
  compatibleClient.close()

  const psk = { ciphers: 'PSK-AES128-GCM-SHA256', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }
  const key = Buffer.alloc(16, 7)
  const secure = http2.createSecureServer({ ...psk, allowHTTP1: true, pskCallback: () => key }, handleCompatible)
  const identify = { ...psk, pskCallback: () => ({ psk: key, identity: 'x' }), checkServerIdentity: () => undefined }
  const securePort = await listen(secure)
  const secureClient = http2.connect(`https://127.0.0.1:${securePort}`, identify)
  seen.secure = await span('case secure', () => call(secureClient, { ':path': '/secure' }))
  secureClient.close()
  seen.oldProtocol = await new Promise((resolve, reject) => {
    const agent = new https.Agent()
    agent.createConnection = () => tls.connect({ port: securePort, host: '127.0.0.1', ...identify, ALPNProtocols: ['http/1.1'] })
    https
      .get({ host: '127.0.0.1', port: securePort, path: '/old-protocol', agent }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk) => (text += chunk))
        response.on('end', () => resolve([response.statusCode, text]))
      })
      .on('error', reject)
  })

  if (process.env.SHOW_HEADERS) seen.received = received
  seen.own = received['/own']
  for (const server of [plain, compatible, secure]) server.close()
  await sleep(20)
  console.log(`RESULT ${JSON.stringify(seen)}`)
}

void main()
