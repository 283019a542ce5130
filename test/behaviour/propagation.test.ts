// Trace context over real connections: who begins a trace, what is passed on, which attempt a request is.
import { describe, expect, it } from 'vitest'
import { record, type Format } from '../support/record.ts'

const app = `
import http from 'node:http'
import { once } from 'node:events'
import { span } from '@perf/agent/api'

const server = http.createServer(async (request, response) => {
  if (request.url === '/inner') return response.end(JSON.stringify(request.headers))
  const port = server.address().port
  const viaFetch = await (await fetch('http://127.0.0.1:' + port + '/inner', { headers: { 'x-stainless-retry-count': '2' } })).json()
  const viaHttp = await new Promise((resolve, reject) => {
    http.get({ port, host: '127.0.0.1', path: '/inner' }, async (answer) => {
      let text = ''
      for await (const chunk of answer) text += chunk
      resolve(JSON.parse(text))
    }).on('error', reject)
  })
  response.end(JSON.stringify([viaFetch.tracestate ?? null, viaHttp.tracestate ?? null]))
})

async function main() {
  await span('start-up', async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    await span('wait', () => new Promise((resolve) => setTimeout(resolve, 5)))
  })
  const net = await import('node:net')
  const ask = (headers) =>
    new Promise((resolve, reject) => {
      const socket = net.connect(server.address().port, '127.0.0.1', () => socket.write('GET /outer HTTP/1.1\\r\\nhost: x\\r\\nconnection: close\\r\\n' + headers + '\\r\\n'))
      let text = ''
      socket.setEncoding('utf8').on('data', (chunk) => (text += chunk)).on('error', reject).on('close', () => resolve(text.split('\\r\\n\\r\\n')[1].replace(/^[0-9a-f]+\\r\\n|\\r\\n0$/g, '')))
    })
  const parent = 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\\r\\n'
  const seen = [await ask(''), await ask(parent + 'tracestate: congo=t61rcWkgMzE,rojo=00f067aa0ba902b7\\r\\n'), await ask(parent + 'tracestate: not valid\\r\\n')]
  console.log(JSON.stringify(seen.map((text) => JSON.parse(text))))
  server.close()
  server.closeAllConnections()
}
void main()
`

describe.each<Format>(['esm', 'cjs'])('trace context (%s)', (format) => {
  it('makes a request from outside a root, and hands a valid tracestate on untouched', async () => {
    const run = await record({ app, format })
    expect(run.stderr).toBe('')
    const state = 'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7'
    expect(JSON.parse(run.stdout)).toEqual([
      [null, null],
      [state, state],
      [null, null],
    ])
    const outer = run.spans.filter((span) => span.kind === 'server' && span.attributes['url.path'] === '/outer')
    expect(outer).toHaveLength(3)
    const startUp = run.spans.find((span) => span.name === 'start-up')
    const alone = outer.filter((span) => span.traceId !== '0af7651916cd43dd8448eb211c80319c')
    expect(alone).toHaveLength(1)
    expect(alone[0]?.parentId).toBeUndefined()
    expect(alone[0]?.traceId).not.toBe(startUp?.traceId)
    for (const span of outer.filter((other) => other !== alone[0])) expect(span.parentId).toBe('b7ad6b7169203331')
  })

  it('says which attempt of an SDK a request is', async () => {
    const run = await record({ app, format })
    const counts = run.spans
      .filter((span) => span.kind === 'client' && span.layer === 'http')
      .map((span) => span.attributes['http.request.resend_count'])
    expect(counts.filter((count) => count === 2)).toHaveLength(3)
    expect(counts.filter((count) => count === undefined)).toHaveLength(3)
  })
})
