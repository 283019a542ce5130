import { beforeAll, describe, expect, it } from 'vitest'
import { versionsFor } from '../../scripts/install-versions.mjs'
import { childrenOf } from '../support/expect-spans.ts'
import { nodeMajor } from '../support/node-under-test.ts'
import { record, type Recorded } from '../support/record.ts'

const variants = versionsFor('fastify', nodeMajor()).flatMap((version) => (['esm', 'cjs'] as const).map((format) => ({ version, format })))

describe.each(variants)('fastify $version $format', ({ version, format }) => {
  const run = (agent: 'import' | 'none', env: Record<string, string> = {}) =>
    record({
      app: 'test/scenarios/fastify.mjs',
      format,
      agent,
      packages: [`fastify@${version}`],
      env: { PERF_INTEGRATIONS: 'http-server,fastify', ...env },
    })
  let bare: Recorded
  let recorded: Recorded
  beforeAll(async () => {
    bare = await run('none')
    recorded = await run('import')
  })
  const spansOf = (path: string, method = 'GET') =>
    recorded.spans.filter((span) => span.attributes['url.path'] === path && span.attributes['http.request.method'] === method)
  const spanOf = (path: string) => {
    expect(spansOf(path), path).toHaveLength(1)
    return spansOf(path)[0]
  }

  it('changes nothing the app or its clients see', async () => {
    expect([recorded.status, recorded.stderr]).toEqual([bare.status, bare.stderr])
    expect(result(recorded)).toEqual(result(bare))
    const faulty = await run('import', { PERF_TEST_FAULT: 'fastify' })
    expect(result(faulty)).toEqual(result(bare))
    expect(faulty.spans.filter((span) => span.attributes['http.route'] !== undefined)).toEqual([])
  })

  it.each([
    ['/', '/'],
    ['/users/42', '/users/:id'],
    ['/callback', '/callback'],
    ['/stream', '/stream'],
    ['/throws', '/throws'],
    ['/sync-throws', '/sync-throws'],
    ['/guarded', '/guarded'],
    ['/hook-fails', '/hook-fails'],
    ['/teams/7/members/8', '/teams/:team/members/:member'],
    ['/teams/7/files/a/b', '/teams/:team/files/*'],
  ])('names %s by its template', (path, template) => {
    expect(spanOf(path)).toMatchObject({ name: `GET ${template}`, attributes: { 'http.route': template } })
  })

  it('names requests that fail their validation, and gives unknown paths no route', () => {
    expect(spansOf('/users', 'POST').map((span) => [span.name, span.attributes['http.response.status_code']])).toEqual([
      ['POST /users', 200],
      ['POST /users', 400],
    ])
    expect(spanOf('/nothing/here')).toMatchObject({ name: 'GET', attributes: { 'http.response.status_code': 404 } })
    expect(spanOf('/nothing/here')?.attributes).not.toHaveProperty(['http.route'])
  })

  it('describes the error behind a 500, and none behind a handled one', () => {
    const exceptionOf = (path: string) =>
      recorded.events.filter((event) => event.spanId === spanOf(path)?.spanId).map((event) => event.attributes['exception.message'])
    expect(spanOf('/throws')).toMatchObject({ status: 'error', attributes: { 'http.response.status_code': 500, 'error.type': '500' } })
    expect(['/throws', '/sync-throws', '/hook-fails', '/known'].map(exceptionOf)).toEqual([['thrown'], ['thrown at once'], ['hook'], []])
    expect(spanOf('/known')).toMatchObject({ status: 'unset', attributes: { 'http.response.status_code': 409 } })
  })

  it('runs handlers in the context of their request, and makes no span of its own', () => {
    for (const path of ['/users/42', '/callback'])
      expect(childrenOf(recorded.spans, spanOf(path)).map((span) => span.name)).toEqual(['handler'])
    expect(recorded.spans.filter((span) => span.integration === 'fastify')).toEqual([])
    expect(recorded.spans.filter((span) => span.name === 'GET /teams/:team/members/:member')).toHaveLength(51)
  })

  it('counts no fault and finds all it wraps', () => {
    expect(recorded.faults).toEqual([])
    expect(recorded.packages.flatMap((entry) => (entry['integration'] === 'fastify' ? (entry['missing'] as string[]) : []))).toEqual([])
  })
})

function result(run: Recorded): unknown {
  const line = run.stdout.split('\n').find((text) => text.startsWith('RESULT '))
  if (line === undefined) throw new Error(run.stderr)
  return JSON.parse(line.slice(7))
}
