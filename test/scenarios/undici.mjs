import { once } from 'node:events'
import http from 'node:http'
import { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import * as undici from 'undici'

const { Agent, Client, Pool, fetch: packageFetch, request, stream } = undici.default ?? undici

let base
let server
let pool
const traceparents = new Map()

export async function setup() {
  let flaky = 0
  server = http.createServer((incoming, response) => {
    const { pathname } = new URL(incoming.url, 'http://local')
    traceparents.set(pathname, incoming.headers.traceparent)
    if (pathname.startsWith('/redirect')) return void response.writeHead(302, { location: '/plain' }).end()
    if (pathname === '/status/404') return void response.writeHead(404).end('no')
    if (pathname === '/status/500') return void response.writeHead(500).end('broken')
    if (pathname === '/flaky') return void response.writeHead(flaky++ === 0 ? 503 : 200).end('flaky')
    if (pathname === '/never') return
    if (pathname === '/cut') return void response.writeHead(200, { 'content-length': 100 }).write('part', () => incoming.socket.destroy())
    if (pathname === '/slow') {
      response.write('first')
      return void setTimeout(() => response.end('second'), 30)
    }
    response.end(pathname.startsWith('/n/') ? pathname.slice(3) : 'hello')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  base = `http://127.0.0.1:${server.address().port}`
  pool = new Pool(base, { connections: 2 })
}

export async function teardown() {
  await pool.close()
  server.close()
  server.closeAllConnections()
}

export const builtIn = async () =>
  (await fetch(`${base}/plain?token=${process.env.CANARY}&page=1`, { headers: { authorization: `Bearer ${process.env.CANARY}` } })).text()
export const packaged = async () => (await packageFetch(`${base}/plain`, { method: 'POST', body: 'x' })).text()
export const client = async () => {
  const one = new Client(base)
  const { statusCode, body } = await one.request({ path: '/plain', method: 'GET' })
  const text = await body.text()
  await one.close()
  return [statusCode, text]
}
export const streamed = async () => {
  const chunks = []
  const write = (chunk, _encoding, done) => done(null, chunks.push(String(chunk)))
  await stream(`${base}/slow`, { method: 'GET' }, () => new Writable({ write }))
  return chunks.join('')
}
export const notFound = async () => (await request(`${base}/status/404`)).body.text()
export const serverError = async () => (await fetch(`${base}/status/500`)).text()
export const redirected = async () => (await fetch(`${base}/redirect`)).url.replace(base, '')
export const refused = async () => (await fetch('http://127.0.0.1:1/x').catch((error) => ({ text: () => error.cause.code }))).text()
export const aborted = async () => {
  const controller = new AbortController()
  setTimeout(() => controller.abort(), 20)
  return fetch(`${base}/never`, { signal: controller.signal }).then(String, (error) => error.name)
}
export const timedOut = () => fetch(`${base}/never`, { signal: AbortSignal.timeout(20) }).then(String, (error) => error.name)
export const headersTimeout = () =>
  request(`${base}/never`, { headersTimeout: 20, dispatcher: new Agent({ headersTimeout: 20 }) }).then(String, (error) => error.code)
export const cut = async () => {
  const response = await fetch(`${base}/cut`)
  return response.text().catch((error) => error.name)
}
export const cancelled = async () => {
  const response = await fetch(`${base}/slow`)
  await response.body.cancel()
  return response.status
}
export const retried = async () => {
  const { RetryAgent } = undici.default ?? undici
  if (RetryAgent === undefined) return 'before 6.7'
  const { body, statusCode } = await request(`${base}/flaky`, { dispatcher: new RetryAgent(new Agent(), { minTimeout: 5 }) })
  return [statusCode, await body.text()]
}
export const propagated = async () => {
  await fetch(`${base}/traced`)
  await fetch(`${base}/own`, { headers: { traceparent: '00-11111111111111111111111111111111-2222222222222222-01' } })
  return [
    traceparents.get('/own'),
    process.env.PERF_DIR === undefined || /^(00-[0-9a-f]{32}-[0-9a-f]{16}-01)?$/.test(traceparents.get('/traced') ?? ''),
  ]
}
export const invalid = () => fetch('http://127.0.0.1:1/', { method: 'NOT ALLOWED' }).then(String, (error) => error.name)

export async function operation(i) {
  const { body } = await pool.request({ path: `/n/${i}`, method: 'GET' })
  await sleep(0)
  return body.text()
}
