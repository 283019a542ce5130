import { beforeAll, describe, expect, it } from 'vitest'
import type { RecordedSpan } from '../support/read-session.ts'
import { record, type Recorded } from '../support/record.ts'

const CANARY = 'Zq7cAnArY9xW4vB2nM8kL5'

describe.each(['esm', 'cjs'] as const)('http2 server (%s)', (format) => {
  const run = (agent: 'import' | 'none', env: Record<string, string> = {}) =>
    record({
      app: 'test/scenarios/http2.mjs',
      format,
      agent,
      env: { CANARY, PERF_INTEGRATIONS: 'http2-server,http-server', ...env },
    })
  let bare: Recorded
  let recorded: Recorded
  beforeAll(async () => {
    bare = await run('none')
    recorded = await run('import')
  })
  const spans = (path: string) => recorded.spans.filter((span) => span.attributes['url.path'] === path)
  const only = (path: string): RecordedSpan => {
    const found = spans(path)
    expect(
      found.map((span) => span.name),
      path,
    ).toHaveLength(1)
    return found[0] as RecordedSpan
  }
  const children = (parent: RecordedSpan) => recorded.spans.filter((span) => span.parentId === parent.spanId).map((span) => span.name)

  it('changes nothing the app or its clients see', async () => {
    expect([recorded.status, recorded.signal, recorded.stderr]).toEqual([0, null, ''])
    expect(result(recorded)).toEqual(result(bare))
    const faulty = await run('import', { PERF_TEST_FAULT: 'http2-server' })
    expect(result(faulty)).toEqual(result(bare))
    expect(faulty.spans.filter((span) => span.integration === 'http2-server')).toEqual([])
    expect(faulty.counters['faults']).toBeGreaterThan(0)
  })

  it('names and describes a stream without its values', () => {
    const span = only('/plain')
    expect(span).toMatchObject({ name: 'GET', kind: 'server', layer: 'http', status: 'unset', open: false, parentId: undefined })
    const { 'server.port': port, ...rest } = span.attributes
    expect(port).toBeGreaterThan(0)
    expect(rest).toEqual({
      'http.request.method': 'GET',
      'url.path': '/plain',
      'url.query': 'token=REDACTED&page=REDACTED&debug',
      'url.scheme': 'http',
      'server.address': '127.0.0.1',
      'client.address': '127.0.0.1',
      'network.protocol.version': '2',
      'http.response.status_code': 200,
    })
    expect(only('/unknown-method')).toMatchObject({ name: 'HTTP', attributes: { 'http.request.method_original': 'PROPFIND' } })
  })

  it('makes 5xx an error and 4xx not', () => {
    expect(only('/status/404')).toMatchObject({ status: 'unset', attributes: { 'http.response.status_code': 404 } })
    expect(only('/status/503')).toMatchObject({ status: 'error', attributes: { 'http.response.status_code': 503, 'error.type': '503' } })
    expect(only('/compatible-fails')).toMatchObject({ status: 'error', attributes: { 'error.type': '503' } })
  })

  it('runs the listener inside the span, of streams and of the compatible API', () => {
    expect(children(only('/context'))).toEqual(['on data', 'after body', 'after timer'])
    expect(children(only('/compatible'))).toEqual(['in handler'])
    expect(only('/compatible').attributes).toMatchObject({ 'http.request.method': 'PUT', 'server.address': 'localhost' })
  })

  it('keeps each of 100 concurrent streams of one session apart, and makes the calls of a Promise.all siblings', () => {
    for (let i = 0; i < 100; i++) expect(children(only(`/c/${i}`))).toEqual([`held /c/${i}`])
    expect(children(only('/siblings'))).toEqual(Array.from({ length: 20 }, (_, i) => `sibling ${i}`))
  })

  it('takes a valid traceparent and no other', () => {
    expect(only('/own')).toMatchObject({ traceId: '11111111111111111111111111111111', parentId: '2222222222222222' })
    expect(only('/bad-remote').parentId).toBeUndefined()
  })

  it('ends each stream once: without a body, from a file, with a push, reset, refused, cut off, never answered', () => {
    expect(only('/head').attributes).toMatchObject({ 'http.request.method': 'HEAD', 'http.response.status_code': 204 })
    for (const path of ['/head', '/file', '/pushed', '/slow', '/early'])
      expect(only(path).attributes).not.toHaveProperty(['perf.http.aborted'])
    expect(only('/slow').durationMs).toBeGreaterThan(8)
    for (const path of ['/reset', '/refused', '/half', '/lost'])
      expect(only(path)).toMatchObject({ status: 'unset', attributes: { 'perf.http.aborted': true } })
    expect(spans('/never').map((span) => span.attributes['perf.http.aborted'])).toEqual([true, true])
    expect(only('/reset').attributes).not.toHaveProperty(['http.response.status_code'])
    expect(recorded.spans.filter((span) => span.open)).toEqual([])
  })

  it('records streams over TLS, and HTTP/1 of the same server', () => {
    expect(only('/secure')).toMatchObject({ integration: 'http2-server', attributes: { 'url.scheme': 'https' } })
    expect(children(only('/secure'))).toEqual(['in handler'])
    expect(only('/old-protocol')).toMatchObject({
      integration: 'http-server',
      attributes: { 'url.scheme': 'https', 'network.protocol.version': '1.1', 'http.response.status_code': 200 },
    })
    expect(children(only('/old-protocol'))).toEqual(['in handler'])
  })

  it('writes no secret, counts no fault and drops nothing', () => {
    expect(JSON.stringify([recorded.spans, recorded.events, recorded.packages, recorded.processes])).not.toContain(CANARY)
    const lost = Object.entries(recorded.counters).filter(([name, count]) => name !== 'spans_written' && count > 0)
    expect([lost, recorded.faults]).toEqual([[], []])
  })
})

function result(run: Recorded): unknown {
  const line = run.stdout.split('\n').find((text) => text.startsWith('RESULT '))
  if (line === undefined) throw new Error(run.stderr)
  return JSON.parse(line.slice(7))
}
