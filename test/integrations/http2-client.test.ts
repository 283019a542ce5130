import { beforeAll, describe, expect, it } from 'vitest'
import { childrenOf } from '../support/expect-spans.ts'
import type { RecordedSpan } from '../support/read-session.ts'
import { record, type Recorded } from '../support/record.ts'

const CANARY = 'Zq7cAnArY9xW4vB2nM8kL5'

describe.each(['esm', 'cjs'] as const)('http2 client (%s)', (format) => {
  const run = (agent: 'import' | 'none', env: Record<string, string> = {}) =>
    record({ app: 'test/scenarios/http2.mjs', format, agent, env: { CANARY, PERF_INTEGRATIONS: 'http2-client', ...env } })
  let bare: Recorded
  let recorded: Recorded
  beforeAll(async () => {
    bare = await run('none')
    recorded = await run('import')
  })
  const callsBelow = (name: string) =>
    childrenOf(
      recorded.spans,
      recorded.spans.find((span) => span.name === name),
    )
  const only = (name: string): RecordedSpan => {
    const calls = callsBelow(`case ${name}`).filter((span) => span.integration === 'http2-client')
    expect(calls, name).toHaveLength(1)
    return calls[0] as RecordedSpan
  }

  it('changes nothing the app sees', async () => {
    expect([recorded.status, recorded.signal, recorded.stderr]).toEqual([0, null, ''])
    expect(result(recorded)).toEqual(result(bare))
    const faulty = await run('import', { PERF_TEST_FAULT: 'http2-client' })
    expect(result(faulty)).toEqual(result(bare))
    expect(faulty.spans.filter((span) => span.integration === 'http2-client')).toEqual([])
  })

  it('describes a request without query values', () => {
    const { name, kind, status, attributes, payloads } = only('plain')
    expect({ name, kind, status, payloads: payloads.map((payload) => [payload.role, payload.kept]) }).toEqual({
      name: 'GET',
      kind: 'client',
      status: 'unset',
      payloads: [['url.query', false]],
    })
    const { 'server.port': port, 'url.full': url, ...rest } = attributes
    expect(url).toBe(`http://127.0.0.1:${String(port)}/plain?token=REDACTED&page=REDACTED&debug`)
    expect(rest).toEqual({
      'http.request.method': 'GET',
      'server.address': '127.0.0.1',
      'http.response.status_code': 200,
      'network.protocol.version': '2',
    })
  })

  it.each([
    ['noHeaders', 'GET', '/'],
    ['frozen', 'GET', '/frozen'],
    ['context', 'POST', '/context'],
    ['head', 'HEAD', '/head'],
    ['early', 'GET', '/early'],
    ['pushed', 'GET', '/pushed'],
    ['file', 'GET', '/file'],
    ['compatible', 'PUT', '/compatible'],
    ['secure', 'GET', '/secure'],
  ])('reads the headers of %s as Node does', (name, method, path) => {
    const { attributes, status } = only(name)
    expect([attributes['http.request.method'], status]).toEqual([method, 'unset'])
    expect(new URL(String(attributes['url.full'])).pathname).toBe(path)
    expect(attributes).not.toHaveProperty(['perf.http.aborted'])
  })

  it('notes what the response says of caches', () => {
    expect(only('cached').attributes).toMatchObject({
      'perf.cache.operation': 'get',
      'perf.cache.hit': true,
      'perf.cache.ttl_ms': expect.any(Number) as number,
    })
  })

  it('makes 4xx, 5xx, resets and lost connections errors', () => {
    expect(only('notFound')).toMatchObject({ status: 'error', attributes: { 'http.response.status_code': 404, 'error.type': '404' } })
    expect(only('broken')).toMatchObject({ status: 'error', attributes: { 'error.type': '503' } })
    for (const name of ['reset', 'refused'])
      expect(only(name)).toMatchObject({
        status: 'error',
        attributes: { 'error.type': 'ERR_HTTP2_STREAM_ERROR', 'perf.http.aborted': true },
      })
    expect(only('lost')).toMatchObject({ status: 'error', attributes: { 'error.type': 'reset', 'perf.http.aborted': true } })
    expect(only('closed')).toMatchObject({ status: 'error' })
  })

  it.each(['canceled', 'destroyed', 'signal'])('makes a cancel by the caller no error: %s', (name) => {
    expect(only(name)).toMatchObject({ status: 'unset', open: false, attributes: { 'perf.http.aborted': true } })
    expect(only(name).attributes).not.toHaveProperty(['error.type'])
  })

  it('runs the listeners under the span, keeps concurrent calls apart, and makes those of a Promise.all siblings', () => {
    expect(childrenOf(recorded.spans, only('callback')).map((span) => span.name)).toEqual(['in callback'])
    expect(callsBelow('case siblings')).toHaveLength(20)
    for (let i = 0; i < 100; i++) {
      const paths = callsBelow(`request ${i}`).map((span) => new URL(String(span.attributes['url.full'])).pathname)
      expect(paths).toEqual([`/c/${i}`])
    }
  })

  it('hands its context on to the loopback, and keeps what the app sent itself', async () => {
    const shown = await run('import', { SHOW_HEADERS: '1' })
    const { received } = result(shown) as { received: Record<string, string> }
    for (const path of ['/plain', '/', '/frozen', '/context', '/compatible', '/secure']) {
      const span = shown.spans.find((one) => new URL(String(one.attributes['url.full'] ?? 'x://x/-')).pathname === path)
      expect(received[path], path).toBe(`00-${span?.traceId ?? ''}-${span?.spanId ?? ''}-01`)
    }
    expect(received['/own']).toBe('00-11111111111111111111111111111111-2222222222222222-01')
  })

  it('leaves nothing open, writes no secret and counts no fault', () => {
    expect(recorded.spans.filter((span) => span.open)).toEqual([])
    expect(JSON.stringify([recorded.spans, recorded.events, recorded.packages, recorded.processes])).not.toContain(CANARY)
    expect(recorded.faults).toEqual([])
  })
})

it('leaves requests of undici over HTTP/2 to that integration: one span on either side', async () => {
  const app = `import http2 from 'node:http2'
import { Agent, request } from 'undici'
const key = Buffer.alloc(16, 7)
const psk = { ciphers: 'PSK-AES128-GCM-SHA256', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }
const server = http2.createSecureServer({ ...psk, pskCallback: () => key }, (request, response) => response.end(request.httpVersion))
server.listen(0, async () => {
  const connect = { ...psk, pskCallback: () => ({ psk: key, identity: 'x' }), checkServerIdentity: () => undefined }
  const agent = new Agent({ allowH2: true, connect })
  const { body } = await request('https://127.0.0.1:' + server.address().port + '/x', { dispatcher: agent })
  console.log(await body.text())
  await agent.close()
  server.close()
})
`
  const run = await record({ app, packages: ['undici@7.30.2'] })
  expect(run.stdout.trim()).toBe('2.0')
  const [client, server, ...others] = run.spans
  expect([client?.integration, client?.kind, server?.integration, server?.parentId, others]).toEqual([
    'undici',
    'client',
    'http2-server',
    client?.spanId,
    [],
  ])
})

function result(run: Recorded): unknown {
  const line = run.stdout.split('\n').find((text) => text.startsWith('RESULT '))
  if (line === undefined) throw new Error(run.stderr)
  return JSON.parse(line.slice(7))
}
