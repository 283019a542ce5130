import { beforeAll, describe, expect, it } from 'vitest'
import { versionsFor } from '../../scripts/install-versions.mjs'
import { childrenOf } from '../support/expect-spans.ts'
import { nodeMajor } from '../support/node-under-test.ts'
import { record, type Recorded } from '../support/record.ts'

const variants = versionsFor('express', nodeMajor()).flatMap((version) => (['esm', 'cjs'] as const).map((format) => ({ version, format })))

describe.each(variants)('express $version $format', ({ version, format }) => {
  const run = (agent: 'import' | 'none', env: Record<string, string> = {}) =>
    record({
      app: 'test/scenarios/express.mjs',
      format,
      agent,
      packages: [`express@${version}`],
      env: { PERF_INTEGRATIONS: 'http-server,express', NODE_ENV: 'test', ...env },
    })
  let bare: Recorded
  let recorded: Recorded
  beforeAll(async () => {
    bare = await run('none')
    recorded = await run('import')
  })
  const spanOf = (path: string) => {
    const found = recorded.spans.filter((span) => span.attributes['url.path'] === path && span.attributes['http.request.method'] === 'GET')
    expect(found, path).toHaveLength(1)
    return found[0]
  }

  it('changes nothing the app or its clients see', async () => {
    expect([recorded.status, recorded.stderr]).toEqual([bare.status, bare.stderr])
    expect(result(recorded)).toEqual(result(bare))
    const faulty = await run('import', { PERF_TEST_FAULT: 'express' })
    expect(result(faulty)).toEqual(result(bare))
    expect(faulty.spans.filter((span) => span.attributes['http.route'] !== undefined)).toEqual([])
  })

  it.each([
    ['/', '/'],
    ['/users/42', '/users/:id'],
    ['/USERS/42/', '/users/:id'],
    ['/files/a.txt', '/^\\/files\\/(.*)\\.txt$/'],
    ['/first/1', '(/first/:a|/second/:b)'],
    ['/second/2', '(/first/:a|/second/:b)'],
    ['/any', '/any'],
    ['/async', '/async'],
    ['/teams/7/members', '/teams/:team/members'],
    ['/teams/7/members/8/posts', '/teams/:team/members/:member/posts'],
    ['/teams/7/members/8/posts/9', '/teams/:team/members/:member/posts/:post'],
    ['/en/5', '(/en|/de)/:post'],
    ['/de', '(/en|/de)'],
    ['/deep/er/still/1', '/deep/er/still/:x'],
    ['/admin/acme/people', '/admin/:tenant/:section'],
    ['/lazy/3/4', '/lazy/:id/:post'],
    ['/acme/reports/5', '/:tenant/reports/:report'],
    ['/throws', '/throws'],
    ['/pass-through', '/pass-through'],
  ])('names %s by its template', (path, template) => {
    expect(spanOf(path)?.attributes['http.route']).toBe(template)
    expect(spanOf(path)?.name).toBe(`GET ${template}`)
  })

  it.each(['/nothing/here', '/static/logo.png'])('gives %s no route', (path) => {
    expect(spanOf(path)).toMatchObject({ name: 'GET', status: 'unset', attributes: { 'http.response.status_code': 404 } })
    expect(spanOf(path)?.attributes).not.toHaveProperty(['http.route'])
  })

  it('knows other methods', () => {
    expect(recorded.spans.map((span) => span.name)).toEqual(expect.arrayContaining(['POST /users', 'HEAD /users/:id']))
  })

  it('describes the error behind a 500, and none behind a handled one', () => {
    const exceptionOf = (path: string) =>
      recorded.events.filter((event) => event.spanId === spanOf(path)?.spanId).map((event) => event.attributes['exception.message'])
    expect(spanOf('/throws')).toMatchObject({ status: 'error', attributes: { 'http.response.status_code': 500, 'error.type': '500' } })
    expect([exceptionOf('/throws'), exceptionOf('/next'), exceptionOf('/known')]).toEqual([['thrown'], ['passed on'], []])
    expect(spanOf('/known')).toMatchObject({ status: 'unset', attributes: { 'http.response.status_code': 409 } })
  })

  it('runs handlers in the context of their request, and makes no span of its own', () => {
    for (const path of ['/users/42', '/async', '/teams/7/members/8/posts/9'])
      expect(childrenOf(recorded.spans, spanOf(path)).map((span) => span.name)).toEqual(['handler'])
    expect(recorded.spans.filter((span) => span.integration === 'express')).toEqual([])
    expect(recorded.spans.filter((span) => span.name === 'GET /teams/:team/members/:member/posts/:post')).toHaveLength(51)
  })

  it('counts no fault and finds all it wraps', () => {
    expect(recorded.faults).toEqual([])
    expect(recorded.packages.flatMap((entry) => (entry['integration'] === 'express' ? (entry['missing'] as string[]) : []))).toEqual([])
  })
})

function result(run: Recorded): unknown {
  const line = run.stdout.split('\n').find((text) => text.startsWith('RESULT '))
  if (line === undefined) throw new Error(run.stderr)
  return JSON.parse(line.slice(7))
}
