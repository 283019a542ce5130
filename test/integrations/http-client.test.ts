import { beforeAll, describe, expect, it } from 'vitest'
import { childrenOf } from '../support/expect-spans.ts'
import type { RecordedSpan } from '../support/read-session.ts'
import { record, type Recorded } from '../support/record.ts'

const CANARY = 'Zq7cAnArY9xW4vB2nM8kL5'

describe.each(['esm', 'cjs'] as const)('http client (%s)', (format) => {
  const run = (agent: 'import' | 'none', env: Record<string, string> = {}) =>
    record({ app: 'test/scenarios/http-client.mjs', format, agent, env: { CANARY, PERF_INTEGRATIONS: 'http-client', ...env } })
  let bare: Recorded
  let recorded: Recorded
  beforeAll(async () => {
    bare = await run('none')
    recorded = await run('import')
  })
  const callsOf = (name: string) =>
    childrenOf(
      recorded.spans,
      recorded.spans.find((span) => span.name === `case ${name}`),
    )
  const only = (name: string): RecordedSpan => {
    const calls = callsOf(name).filter((span) => span.integration === 'http-client')
    expect(calls, name).toHaveLength(1)
    return calls[0] as RecordedSpan
  }

  it('changes nothing the app sees', () => {
    expect([recorded.status, recorded.signal, recorded.stderr]).toEqual([0, null, ''])
    expect(result(recorded)).toEqual(result(bare))
  })

  it('changes nothing when its own code throws', async () => {
    const faulty = await run('import', { PERF_TEST_FAULT: 'http-client' })
    expect(result(faulty)).toEqual(result(bare))
    expect(faulty.spans.filter((span) => span.integration === 'http-client')).toEqual([])
  })

  it('describes a request without user, password and query values', () => {
    const { name, kind, status, attributes, payloads } = only('text')
    expect({ name, kind, status, payloads: payloads.map((payload) => [payload.role, payload.kept]) }).toEqual({
      name: 'GET',
      kind: 'client',
      status: 'unset',
      payloads: [['url.query', false]],
    })
    const { 'server.port': port, 'url.full': url, ...rest } = attributes
    expect(url).toBe(`http://127.0.0.1:${String(port)}/text?token=REDACTED&page=REDACTED`)
    expect(rest).toEqual({
      'http.request.method': 'GET',
      'server.address': '127.0.0.1',
      'http.response.status_code': 200,
      'network.protocol.version': '1.1',
    })
    expect(only('userInUrl').attributes['url.full']).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/user$/)
  })

  it.each([
    ['url', 'GET', '/url'],
    ['urlAndOptions', 'POST', '/url-and-options'],
    ['options', 'PUT', '/options'],
    ['frozenOptions', 'GET', '/frozen'],
    ['headerList', 'GET', '/list'],
    ['headerPairs', 'GET', '/pairs'],
    ['named', 'GET', '/named'],
    ['namedRequest', 'GET', '/named-request'],
    ['unheard', 'GET', '/large'],
    ['piped', 'GET', '/large'],
    ['expected', 'POST', '/expected'],
    ['ownTraceparent', 'GET', '/own'],
  ])('reads the arguments of %s as Node does', (name, method, path) => {
    expect(only(name)).toMatchObject({ name: method, status: 'unset', attributes: { 'http.response.status_code': 200 } })
    expect(String(only(name).attributes['url.full']).endsWith(path)).toBe(true)
  })

  it('makes 4xx and 5xx errors, each redirect a span of its own', () => {
    expect(only('notFound')).toMatchObject({ status: 'error', attributes: { 'http.response.status_code': 404, 'error.type': '404' } })
    expect(only('broken')).toMatchObject({ status: 'error', attributes: { 'error.type': '500' } })
    expect(callsOf('redirected').map((span) => span.attributes['http.response.status_code'])).toEqual([302, 200])
  })

  it('makes broken connections errors', () => {
    expect(only('refused')).toMatchObject({ status: 'error' })
    expect(only('hangup')).toMatchObject({ status: 'error' })
    expect(only('cut')).toMatchObject({ status: 'error', attributes: { 'http.response.status_code': 200, 'perf.http.aborted': true } })
    expect(only('destroyedWithError')).toMatchObject({ status: 'error' })
  })

  it.each(['signal', 'destroyed', 'stoppedReading'])('makes a cancel by the caller no error: %s', (name) => {
    expect(only(name)).toMatchObject({ status: 'unset', open: false, attributes: { 'perf.http.aborted': true } })
    expect(only(name).attributes).not.toHaveProperty(['error.type'])
  })

  it('runs the callback under the span, and makes the calls of a Promise.all siblings', () => {
    expect(childrenOf(recorded.spans, only('callback')).map((span) => span.name)).toEqual(['in callback'])
    expect(callsOf('siblings')).toHaveLength(20)
  })

  it('puts each of 100 concurrent requests over 2 connections under its own parent', () => {
    for (let i = 0; i < 100; i++) {
      const parent = recorded.spans.find((span) => span.name === `request ${i}`)
      const paths = childrenOf(recorded.spans, parent).map((span) => new URL(String(span.attributes['url.full'])).pathname)
      expect(paths).toEqual([`/c/${i}`])
    }
  })

  it('ends an upgraded request and a secure one', () => {
    expect(only('upgraded')).toMatchObject({ status: 'unset', attributes: { 'http.response.status_code': 101 } })
    expect(only('secure').attributes['url.full']).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/secure$/)
  })

  it('hands its context on to the loopback, whatever form the headers have', async () => {
    const shown = await run('import', { SHOW_HEADERS: '1' })
    const { received } = result(shown) as { received: Record<string, string> }
    for (const path of ['/text', '/url', '/url-and-options', '/options', '/frozen', '/list', '/pairs', '/named', '/expected', '/secure']) {
      const span = shown.spans.find((one) => String(one.attributes['url.full']).replace(/\?.*/, '').endsWith(path))
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

function result(run: Recorded): unknown {
  const line = run.stdout.split('\n').find((text) => text.startsWith('RESULT '))
  if (line === undefined) throw new Error(run.stderr)
  return JSON.parse(line.slice(7))
}
