import { expect, it } from 'vitest'
import { testFramework, type FrameworkRun } from '../support/web-framework.ts'

// Koa with the routers of its time; then the other majors of the routers with one Koa.
for (const library of ['koa', '@koa/router', 'koa-router']) testFramework({ library, integration: 'koa', scenario: 'koa' }, behaves)

function behaves({ spanOf, childrenOf, exceptionsOf, recorded }: FrameworkRun): void {
  it.each([
    ['/', '/'],
    ['/users/42', '/users/:id'],
    ['/files/a.txt', '/^\\/files\\/(.*)\\.txt$/'],
    ['/caught', '/caught'],
    ['/throws', '/throws'],
    ['/known', '/known'],
    ['/teams/7', /^\/teams\/:team\/?$/],
    ['/teams/7/members/8', '/teams/:team/members/:member'],
    ['/teams/9/members/9', '/teams/:team/members/:member'],
    ['/mounted/reports/5', '/mounted/reports/:report'],
  ])('names %s by its template', (path, template) => {
    const route = String(spanOf(path).attributes['http.route'])
    expect(route).toMatch(template)
    expect(spanOf(path).name).toBe(`GET ${route}`)
  })

  it('names a path that two routes match by one of them, and gives unknown paths no route', () => {
    expect(spanOf('/specific/me').name).toMatch(/^GET \/specific\/(:id|me)$/)
    expect(spanOf('/nothing/here')).toMatchObject({ name: 'GET', status: 'unset', attributes: { 'http.response.status_code': 404 } })
    expect(spanOf('/users', 'DELETE').name).toBe('DELETE')
  })

  it('knows other methods', () => {
    expect(recorded().spans.map((span) => span.name)).toEqual(expect.arrayContaining(['POST /users', 'HEAD /users/:id']))
  })

  it('describes the error behind a 500, and none behind a handled one', () => {
    expect(spanOf('/throws')).toMatchObject({ status: 'error', attributes: { 'http.response.status_code': 500, 'error.type': '500' } })
    expect(['/throws', '/known', '/caught'].map(exceptionsOf)).toEqual([['thrown'], [], []])
    expect(spanOf('/known')).toMatchObject({ status: 'unset', attributes: { 'http.response.status_code': 409 } })
  })

  it('runs handlers in the context of their request, and makes no span of its own', () => {
    const users = recorded().spans.filter((span) => span.name === 'GET /users/:id')
    expect(users).toHaveLength(51)
    for (const user of users) expect(childrenOf(user).map((span) => span.name)).toEqual(['handler'])
    expect(recorded().spans.filter((span) => span.integration === 'koa')).toEqual([])
  })
}
