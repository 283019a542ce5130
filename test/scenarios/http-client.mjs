// Requests of every shape to a server in the same process; HTTP server spans are switched off by the test.
import { once } from 'node:events'
import http, { get as namedGet, request as namedRequest } from 'node:http'
import https from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { span } from '@perf/agent/api'

const seen = {}
const canary = process.env.CANARY ?? 'canary'
const received = {}

const handle = (request, response) => {
  const { pathname } = new URL(request.url, 'http://local')
  received[pathname] = request.headers.traceparent
  if (pathname === '/redirect') return response.writeHead(302, { location: '/target' }).end()
  if (pathname.startsWith('/status/')) return response.writeHead(Number(pathname.slice(8))).end('status')
  if (pathname === '/never') return
  if (pathname === '/cut') return response.writeHead(200, { 'content-length': 100 }).write('part', () => request.socket.destroy())
  if (pathname === '/hangup') return request.socket.destroy()
  if (pathname === '/slow') {
    response.write('first')
    return setTimeout(() => response.end('second'), 30)
  }
  if (pathname === '/large') return response.end('x'.repeat(200_000))
  response.end('hello')
}
const server = http.createServer(handle)
server.on('upgrade', (_request, socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: Upgrade\r\n\r\n'))

/** Reads a response to its end; resolves to what the app saw. */
function read(request) {
  return new Promise((resolve) => {
    const events = []
    request.on('response', (response) => {
      let text = ''
      response.on('data', (chunk) => (text += chunk))
      response.on('error', (error) => events.push(`response ${error.code}`))
      response.on('close', () => {
        events.push(response.statusCode, text.length, response.complete)
        resolve(events)
      })
    })
    request.on('error', (error) => {
      events.push(error.code ?? error.name)
      if (request.res === undefined || request.res === null) resolve(events)
    })
    request.on('close', () => setImmediate(() => resolve(events)))
    if (!request.writableEnded) request.end()
  })
}

async function main() {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  const base = `http://127.0.0.1:${port}`
  const options = Object.freeze({ host: '127.0.0.1', port, headers: Object.freeze({ Authorization: `Bearer ${canary}`, Cookie: canary }) })

  const cases = {
    text: () => read(http.get(`${base}/text?token=${canary}&page=1`)),
    url: () => read(http.get(new URL(`${base}/url`))),
    urlAndOptions: () => read(http.request(new URL(`${base}/replaced`), { method: 'post', path: '/url-and-options' })),
    userInUrl: () => read(http.get(`http://ada:${canary}@127.0.0.1:${port}/user`)),
    options: () => read(http.request({ ...options, path: '/options', method: 'PUT' })),
    frozenOptions: () => read(http.get(Object.freeze({ ...options, path: '/frozen' }))),
    headerList: () => read(http.get({ ...options, path: '/list', headers: ['X-One', '1', 'Host', 'x'] })),
    headerPairs: () =>
      read(
        http.get({
          ...options,
          path: '/pairs',
          headers: [
            ['X-One', '1'],
            ['Host', 'x'],
          ],
        }),
      ),
    ownTraceparent: () =>
      read(http.get({ ...options, path: '/own', headers: { TraceParent: '00-11111111111111111111111111111111-2222222222222222-01' } })),
    named: () => read(namedGet(`${base}/named`)),
    namedRequest: () => read(namedRequest(`${base}/named-request`)),
    callback: () =>
      new Promise((resolve) =>
        http.get(`${base}/callback`, (response) =>
          span('in callback', () => response.resume().on('end', () => resolve(response.statusCode))),
        ),
      ),
    notFound: () => read(http.get(`${base}/status/404`)),
    broken: () => read(http.get(`${base}/status/500`)),
    redirected: async () => {
      const first = await read(http.get(`${base}/redirect`))
      return [first, await read(http.get(`${base}/target`))]
    },
    refused: () => read(http.get('http://127.0.0.1:1/refused')),
    hangup: () => read(http.get(`${base}/hangup`)),
    cut: () => read(http.get(`${base}/cut`)),
    signal: () => {
      const controller = new AbortController()
      setTimeout(() => controller.abort(), 20)
      return read(http.get(`${base}/never`, { signal: controller.signal }))
    },
    destroyed: () => {
      const request = http.get(`${base}/never`)
      setTimeout(() => request.destroy(), 20)
      return read(request)
    },
    destroyedWithError: () => {
      const request = http.get(`${base}/never`)
      request.setTimeout(20, () => request.destroy(Object.assign(new Error('too slow'), { code: 'ETIMEDOUT' })))
      return read(request)
    },
    stoppedReading: () =>
      new Promise((resolve) => {
        const request = http.get(`${base}/slow`, (response) => {
          response.once('data', () => response.destroy())
          response.on('error', () => {})
        })
        request.on('close', () => resolve('closed'))
      }),
    unheard: async () => {
      // Without a 'response' listener Node drops the body and the request ends by itself.
      const request = http.get(`${base}/large`)
      await once(request, 'close')
      return [request.listenerCount('response'), request.eventNames().map(String).sort()]
    },
    unread: async () => {
      const agent = new http.Agent({ keepAlive: true })
      const request = http.get(`${base}/large`, { agent })
      const [response] = await once(request, 'response')
      while (response.readableLength === 0) await sleep(5)
      const state = [
        response.readableFlowing,
        response.readableDidRead,
        response.listenerCount('data'),
        response.listenerCount('end'),
        response.readableLength > 0,
      ]
      agent.destroy()
      await once(request, 'close')
      return state
    },
    piped: async () => {
      const [response] = await once(http.get(`${base}/large`), 'response')
      let length = 0
      for await (const chunk of response) length += chunk.length
      return length
    },
    upgraded: async () => {
      const [response] = await once(http.get(`${base}/socket`, { headers: { Connection: 'Upgrade', Upgrade: 'chat' } }), 'upgrade')
      return response.statusCode
    },
    expected: () => read(http.request(`${base}/expected`, { method: 'POST', headers: { Expect: '100-continue' } })),
    invalid: () => {
      try {
        http.get('not a url')
      } catch (error) {
        return error.code
      }
    },
    invalidHeader: () => {
      try {
        http.get(`${base}/x`, { headers: { 'bad name': 'x' } })
      } catch (error) {
        return error.code
      }
    },
    constructed: () => [
      http.get.name,
      http.request.length,
      typeof http.ClientRequest,
      http.get === namedGet,
      http.request === namedRequest,
    ],
    siblings: async () => (await Promise.all(Array.from({ length: 20 }, (_, i) => read(http.get(`${base}/n/${i}`))))).length,
  }
  for (const [name, run] of Object.entries(cases)) seen[name] = await span(`case ${name}`, run)

  const narrow = new http.Agent({ keepAlive: true, maxSockets: 2 })
  const one = async (i) => (await sleep(i % 7), read(http.get(`${base}/c/${i}`, { agent: narrow })))
  seen.concurrent = await Promise.all(Array.from({ length: 100 }, (_, i) => span(`request ${i}`, () => one(i))))
  narrow.destroy()

  const psk = { ciphers: 'PSK-AES128-CBC-SHA256', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }
  const secret = Buffer.alloc(16, 7)
  const secure = https.createServer({ ...psk, pskCallback: () => secret }, handle)
  secure.listen(0, '127.0.0.1')
  await once(secure, 'listening')
  const secureOptions = {
    host: '127.0.0.1',
    port: secure.address().port,
    path: '/secure',
    ...psk,
    pskCallback: () => ({ psk: secret, identity: 'x' }),
    checkServerIdentity: () => undefined,
  }
  seen.secure = await span('case secure', () => read(https.get(secureOptions)))

  const format = /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/
  if (process.env.SHOW_HEADERS)
    seen.received = Object.fromEntries(Object.entries(received).filter(([, value]) => value !== undefined && format.test(value)))
  seen.own = received['/own']
  server.close()
  secure.close()
  server.closeAllConnections()
  secure.closeAllConnections()
  console.log(`RESULT ${JSON.stringify(seen)}`)
}

void main()
