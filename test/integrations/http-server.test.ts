import { beforeAll, describe, expect, it } from 'vitest'
import type { RecordedSpan } from '../support/read-session.ts'
import { record, type Recorded } from '../support/record.ts'
import { testLoad, webLoad } from '../support/web-load.ts'

const CANARY = 'Zq7cAnArY9xW4vB2nM8kL5'
const base = {
  'http.request.method': 'GET',
  'url.scheme': 'http',
  'server.address': 'shop.example',
  'server.port': 8080,
  'client.address': '127.0.0.1',
  'network.protocol.version': '1.1',
  'http.response.status_code': 200,
}

describe.each(['esm', 'cjs'] as const)('http server (%s)', (format) => {
  const run = (agent: 'import' | 'none', env: Record<string, string> = {}) =>
    record({
      app: 'test/scenarios/http-server.mjs',
      files: webLoad,
      format,
      agent,
      env: { CANARY, PERF_INTEGRATIONS: 'http-server', ...env },
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

  it('changes nothing the app or its clients see', () => {
    expect([recorded.status, recorded.signal, recorded.stderr]).toEqual([0, null, ''])
    expect(result(recorded)).toEqual(result(bare))
  })

  it('changes nothing when its own code throws', async () => {
    const faulty = await run('import', { PERF_TEST_FAULT: 'http-server' })
    expect(result(faulty)).toEqual(result(bare))
    expect(faulty.spans.filter((span) => span.integration === 'http-server')).toEqual([])
    expect(faulty.counters['faults']).toBeGreaterThan(0)
  })

  it('names and describes a request without its values', () => {
    const span = only('/plain')
    expect(span).toMatchObject({ name: 'GET', kind: 'server', layer: 'http', status: 'unset', open: false, parentId: undefined })
    expect(span.attributes).toEqual({ ...base, 'url.path': '/plain', 'url.query': 'token=REDACTED&page=REDACTED&debug' })
    expect(only('/absolute').attributes).toEqual({ ...base, 'url.path': '/absolute', 'url.query': 'x=REDACTED' })
    expect(only('/rewritten').attributes).toEqual({ ...base, 'url.path': '/rewritten' })
  })

  it('records an unknown method as such', () => {
    expect(only('/unknown-method').name).toBe('HTTP')
    expect(only('/unknown-method').attributes).toMatchObject({
      'http.request.method': '_OTHER',
      'http.request.method_original': 'PROPFIND',
    })
  })

  it('makes 5xx an error and 4xx not', () => {
    expect(only('/status/404')).toMatchObject({ status: 'unset', attributes: { 'http.response.status_code': 404 } })
    expect(only('/status/404').attributes).not.toHaveProperty(['error.type'])
    expect(only('/status/503')).toMatchObject({ status: 'error', attributes: { 'http.response.status_code': 503, 'error.type': '503' } })
  })

  it('runs the listener inside the span, through body, timers, ticks and emitters', () => {
    expect(children(only('/context'))).toEqual(['on data', 'after body', 'in nextTick', 'after timer', 'in emitter', 'on finish'])
  })

  it('runs the listeners of a body that comes in later packets inside the span', () => {
    expect(children(only('/late-body'))).toEqual(['on late data', 'on late data', 'on late end'])
  })

  testLoad(() => recorded, CANARY)

  it('lasts until the response is out', () => {
    expect(only('/stream').durationMs).toBeGreaterThan(8)
  })

  it('takes a valid traceparent and no other', () => {
    expect(only('/remote')).toMatchObject({ traceId: '0af7651916cd43dd8448eb211c80319c', parentId: 'b7ad6b7169203331' })
    expect(only('/bad-remote').parentId).toBeUndefined()
    expect(only('/two-remotes').parentId).toBeUndefined()
  })

  it('ends each request once: continued, upgraded, tunnelled, destroyed, cut off, never answered, pipelined', () => {
    expect(only('/continue').attributes).toMatchObject({ 'http.request.method': 'PUT', 'http.response.status_code': 200 })
    expect(only('/socket').attributes['perf.http.upgrade']).toBe('chat')
    expect(children(only('/socket'))).toEqual(['in upgrade'])
    expect(recorded.spans.filter((span) => span.name === 'CONNECT')).toHaveLength(1)
    for (const path of ['/destroyed', '/cut'])
      expect(only(path)).toMatchObject({ status: 'unset', attributes: { 'perf.http.aborted': true } })
    expect(spans('/never').map((span) => span.attributes['perf.http.aborted'])).toEqual([true, true])
    expect(only('/destroyed').attributes).not.toHaveProperty(['http.response.status_code'])
    expect(only('/cut').attributes['http.response.status_code']).toBe(200)
    expect(spans('/later')).toHaveLength(3)
    expect(spans('/queued')).toHaveLength(2)
    expect(spans('/kept')).toHaveLength(5)
    expect(recorded.spans.filter((span) => span.open)).toEqual([])
  })

  it('records https', () => {
    expect(only('/secure').attributes).toMatchObject({ 'url.scheme': 'https' })
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
