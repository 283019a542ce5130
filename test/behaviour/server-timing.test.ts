// PERF_SERVER_TIMING: a header that says how long a request took and which trace it is; nothing without the setting.
import { expect, it } from 'vitest'
import { readSession } from '../support/read-session.ts'
import { runNode, sessionsIn, writeProject } from '../support/run-node.ts'

const APP = `const http = require('node:http')
const answers = {
  '/implicit': (response) => response.end('a'),
  '/explicit': (response) => response.writeHead(201, { 'x-own': '1' }).end('b'),
  '/array': (response) => response.writeHead(200, ['x-own', '2']).end('c'),
  '/own': (response) => { response.setHeader('Server-Timing', 'db;dur=1'); setTimeout(() => response.end('d'), 20) },
  '/stream': (response) => { response.write('e'); response.end() },
}
const server = http.createServer((request, response) => answers[request.url](response)).listen(0, '127.0.0.1', async () => {
  const seen = []
  for (const url of Object.keys(answers)) {
    const answer = await fetch('http://127.0.0.1:' + server.address().port + url)
    seen.push([url, answer.status, await answer.text(), answer.headers.get('x-own'), answer.headers.get('server-timing')])
  }
  console.log(JSON.stringify(seen))
  server.close()
  server.closeAllConnections()
})
`
const SEEN = [
  ['/implicit', 200, 'a', null],
  ['/explicit', 201, 'b', '1'],
  ['/array', 200, 'c', '2'],
  ['/own', 200, 'd', null],
  ['/stream', 200, 'e', null],
]

it('is sent with every response when it is asked for, beside what the app sends', async () => {
  const cwd = writeProject({ 'app.cjs': APP })
  const ran = await runNode(['--import', '@perf/agent', 'app.cjs'], { cwd, env: { PERF_SERVER_TIMING: 'on' } })
  expect([ran.status, ran.stderr]).toEqual([0, ''])
  const seen = JSON.parse(ran.stdout) as [string, number, string, string | null, string | null][]
  expect(seen.map((row) => row.slice(0, 4))).toEqual(SEEN)
  const served = readSession(sessionsIn(cwd)[0]).spans.filter(({ kind }) => kind === 'server')
  for (const [url, , , , header] of seen) {
    const [, own, total, trace] = /^(db;dur=1, )?total;dur=([\d.]+), trace;desc="([0-9a-f]{32})"$/.exec(header ?? '') ?? []
    expect(served.find(({ attributes }) => attributes['url.path'] === url)?.traceId).toBe(trace)
    expect(own !== undefined).toBe(url === '/own')
    if (url === '/own') expect(Number(total)).toBeGreaterThan(15)
  }
})

it('is not sent unless it is asked for', async () => {
  const cwd = writeProject({ 'app.cjs': APP })
  const ran = await runNode(['--import', '@perf/agent', 'app.cjs'], { cwd })
  expect(JSON.parse(ran.stdout)).toEqual(SEEN.map((row) => [...row, row[0] === '/own' ? 'db;dur=1' : null]))
})

const HEADERS = `const http = require('node:http')
let parked
const answers = {
  '/pairs': (response) => response.writeHead(200, [['X-A', '1'], ['Set-Cookie', 'a=1'], ['Set-Cookie', 'b=2']]).end(),
  '/pair': (response) => response.writeHead(200, [['X-A', '1']]).end(),
  '/repeated': (response) => response.writeHead(200, ['Set-Cookie', 'a=1', 'x-a', '1', 'Set-Cookie', 'b=2', 'X-A', '2']).end(),
  '/cases': (response) => response.writeHead(200, 'fine', { 'X-A': '1', 'x-a': '2', 'Set-Cookie': ['a=1', 'b=2'] }).end(),
  '/beside': (response) => response.setHeader('X-A', '1').writeHead(200, ['x-b', '2']).end(),
  '/none': (response) => response.writeHead(204).end(),
  '/given': (response) => response.writeHead(200, ['SERVER-TIMING', 'own;dur=1']).end(),
  '/failed': (response) => { try { response.writeHead(200, { 'bad name': '1' }) } catch {} response.statusCode = 500; response.end() },
  '/failed-beside': (response) => { response.setHeader('X-A', '1'); try { response.writeHead(200, { 'bad name': '1' }) } catch {} response.end() },
  '/framework': (response) => {
    const writeHead = function (...args) { this.setHeader('x-framework', '1'); return http.ServerResponse.prototype.writeHead.apply(this, args) }
    Object.setPrototypeOf(response, Object.create(http.ServerResponse.prototype, { writeHead: { value: writeHead } }))
    response.end()
  },
  '/parked': (response) => (parked = response),
  '/other': (response) => { parked.end(); response.end() },
}
const server = http.createServer((request, response) => answers[request.url](response)).listen(0, '127.0.0.1', async () => {
  const { port } = server.address()
  const get = (path) => new Promise((resolve, reject) => {
    const request = http.get({ port, path, agent: false }, (answer) => {
      const { rawHeaders } = answer.resume()
      const pairs = rawHeaders.flatMap((name, i) => (i % 2 === 0 && name !== 'Date' ? [[name, rawHeaders[i + 1]]] : []))
      resolve([path, answer.statusCode, answer.statusMessage, pairs])
    })
    request.on('error', reject)
  })
  const seen = []
  const urls = Object.keys(answers).slice(0, -2)
  for (const url of urls) seen.push(await get(url))
  const waiting = get('/parked')
  while (parked === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
  const other = await get('/other')
  console.log(JSON.stringify([...seen, await waiting, other]))
  server.close()
})
`

it('adds its header to what the app sends, and changes nothing of that', async () => {
  type Answer = [url: string, status: number, message: string, headers: [string, string][]]
  const cwd = writeProject({ 'app.cjs': HEADERS })
  const bare = await runNode(['app.cjs'], { cwd })
  const ran = await runNode(['--import', '@perf/agent', 'app.cjs'], { cwd, env: { PERF_SERVER_TIMING: 'on' } })
  expect([ran.status, ran.stderr]).toEqual([0, ''])
  const answers = JSON.parse(ran.stdout) as Answer[]
  const isOurs = ([name, value]: [string, string]): boolean => name === 'Server-Timing' && value.startsWith('total;')
  expect(answers.map(([url, status, message, headers]) => [url, status, message, headers.filter((pair) => !isOurs(pair))])).toEqual(
    JSON.parse(bare.stdout),
  )
  const served = readSession(sessionsIn(cwd)[0]).spans.filter(({ kind }) => kind === 'server')
  for (const [url, , , headers] of answers) {
    const traces = headers.filter(isOurs).map(([, value]) => /desc="(.*)"/.exec(value)?.[1])
    const span = served.find(({ attributes }) => attributes['url.path'] === url)
    expect([url, traces]).toEqual([url, url === '/given' ? [] : [span?.traceId]])
  }
})
