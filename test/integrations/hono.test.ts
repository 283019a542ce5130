import { expect, it } from 'vitest'
import { testFramework } from '../support/web-framework.ts'

testFramework({ library: 'hono', integration: 'hono', scenario: 'hono' }, ({ spanOf, childrenOf, exceptionsOf, recorded }) => {
  it.each([
    ['/', '/'],
    ['/users/42', '/users/:id'],
    ['/files/a/b.txt', '/files/:name{.+\\.txt}'],
    ['/specific/me', '/specific/me'],
    ['/throws', '/throws'],
    ['/failing/nested', '/failing/nested'],
    ['/chain', '/chain'],
    ['/any', '/any'],
    ['/admin/people', '/admin/:section'],
    ['/admin/secrets', '/admin/:section'],
    ['/teams/7', '/teams/:team'],
    ['/teams/7/members/8', '/teams/:team/members/:member'],
    ['/guarded/pot/5', '/guarded/pot/:size'],
    ['/guarded/broken', '/guarded/broken'],
    ['/tiny/3', '/tiny/:id'],
  ])('names %s by its template', (path, template) => {
    expect(spanOf(path)).toMatchObject({ name: `GET ${template}`, attributes: { 'http.route': template } })
  })

  it('gives unknown paths no route, and knows other methods', () => {
    expect(spanOf('/nothing/here')).toMatchObject({ name: 'GET', status: 'unset', attributes: { 'http.response.status_code': 404 } })
    expect(recorded().spans.map((span) => span.name)).toEqual(expect.arrayContaining(['POST /users', 'HEAD /users/:id']))
  })

  it('makes 5xx an error', () => {
    expect(spanOf('/throws')).toMatchObject({ status: 'error', attributes: { 'http.response.status_code': 500, 'error.type': '500' } })
    expect(spanOf('/failing/nested')).toMatchObject({
      status: 'error',
      attributes: { 'http.response.status_code': 503, 'error.type': '503' },
    })
    expect(spanOf('/guarded/broken')).toMatchObject({ status: 'unset', attributes: { 'http.response.status_code': 418 } })
  })

  it('tells what a handler threw where that made the response a failure', () => {
    const paths = ['/throws', '/rejects', '/failing/nested', '/guarded/broken', '/caught']
    expect(paths.map(exceptionsOf)).toEqual([['thrown'], ['rejected'], ['nested'], [], []])
  })

  it('runs handlers in the context of their request, and makes no span of its own', () => {
    const users = recorded().spans.filter((span) => span.name === 'GET /users/:id')
    expect(users).toHaveLength(51)
    for (const user of users) expect(childrenOf(user).map((span) => span.name)).toEqual(['handler'])
    expect(recorded().spans.filter((span) => span.integration === 'hono')).toEqual([])
  })
})
