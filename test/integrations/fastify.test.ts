import { expect, it } from 'vitest'
import { testFramework } from '../support/web-framework.ts'

testFramework({ library: 'fastify', integration: 'fastify', scenario: 'fastify' }, ({ spanOf, childrenOf, exceptionsOf, recorded }) => {
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
    const posted = recorded().spans.filter((span) => span.attributes['http.request.method'] === 'POST')
    expect(posted.map((span) => [span.name, span.attributes['http.response.status_code']])).toEqual([
      ['POST /users', 200],
      ['POST /users', 400],
    ])
    expect(spanOf('/nothing/here')).toMatchObject({ name: 'GET', attributes: { 'http.response.status_code': 404 } })
    expect(spanOf('/nothing/here').attributes).not.toHaveProperty(['http.route'])
  })

  it('describes the error behind a 500, and none behind a handled one', () => {
    expect(spanOf('/throws')).toMatchObject({ status: 'error', attributes: { 'http.response.status_code': 500, 'error.type': '500' } })
    expect(['/throws', '/sync-throws', '/hook-fails', '/known'].map(exceptionsOf)).toEqual([['thrown'], ['thrown at once'], ['hook'], []])
    expect(spanOf('/known')).toMatchObject({ status: 'unset', attributes: { 'http.response.status_code': 409 } })
  })

  it('runs handlers in the context of their request, and makes no span of its own', () => {
    for (const path of ['/users/42', '/callback']) expect(childrenOf(spanOf(path)).map((span) => span.name)).toEqual(['handler'])
    expect(recorded().spans.filter((span) => span.integration === 'fastify')).toEqual([])
    expect(recorded().spans.filter((span) => span.name === 'GET /teams/:team/members/:member')).toHaveLength(51)
  })
})
