import { describe, expect, it } from 'vitest'
import { record } from '../support/record.ts'

const APP = `
import http from 'node:http'
import { span } from '@perf/agent/api'
const server = http.createServer((request, response) => {
  response.writeHead(200, request.url === '/plain' ? {} : { 'x-cache': 'HIT', 'cache-control': 'max-age=60' })
  response.end('body')
})
server.listen(0, '127.0.0.1', async () => {
  const url = 'http://127.0.0.1:' + server.address().port
  await span('fetch', async () => (await fetch(url + '/cached')).text())
  await span('http', () => new Promise((resolve) => http.get(url + '/cached', { agent: false }, (response) => response.resume().on('end', resolve))))
  await span('plain', async () => (await fetch(url + '/plain')).text())
  server.close()
  server.closeAllConnections()
})
`

describe('answers of HTTP caches', () => {
  it('say whether they came from one, by fetch and node:http', async () => {
    const { spans } = await record({ app: APP })
    const clients = ['fetch', 'http', 'plain'].map((name) => {
      const parent = spans.find((span) => span.name === name)
      return spans.find((span) => span.parentId === parent?.spanId && span.kind === 'client')?.attributes
    })
    const cached = { 'perf.cache.operation': 'get', 'perf.cache.hit': true, 'perf.cache.ttl_ms': 60_000 }
    expect(clients[0]).toMatchObject(cached)
    expect(clients[1]).toMatchObject(cached)
    expect(Object.keys(clients[2] ?? {}).filter((key) => key.startsWith('perf.cache'))).toEqual([])
  })
})
