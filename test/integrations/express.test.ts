import { expect, it } from 'vitest'
import { testFramework } from '../support/web-framework.ts'

// The routes of 5 are those of its router.
const suite = { library: 'express', integration: 'express', scenario: 'express', unsupported: ['express', 'router'] }

testFramework(suite, ({ spanOf, childrenOf, exceptionsOf, recorded }) => {
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
    expect(spanOf(path).attributes['http.route']).toBe(template)
    expect(spanOf(path).name).toBe(`GET ${template}`)
  })

  it.each(['/nothing/here', '/static/logo.png'])('gives %s no route', (path) => {
    expect(spanOf(path)).toMatchObject({ name: 'GET', status: 'unset', attributes: { 'http.response.status_code': 404 } })
    expect(spanOf(path).attributes).not.toHaveProperty(['http.route'])
  })

  it('knows other methods', () => {
    expect(recorded().spans.map((span) => span.name)).toEqual(expect.arrayContaining(['POST /users', 'HEAD /users/:id']))
  })

  it('describes the error behind a 500, and none behind a handled one', () => {
    expect(spanOf('/throws')).toMatchObject({ status: 'error', attributes: { 'http.response.status_code': 500, 'error.type': '500' } })
    expect(['/throws', '/next', '/known'].map(exceptionsOf)).toEqual([['thrown'], ['passed on'], []])
    expect(spanOf('/known')).toMatchObject({ status: 'unset', attributes: { 'http.response.status_code': 409 } })
  })

  it('describes the error that Express itself answers', () => {
    expect(spanOf('/unhandled')).toMatchObject({
      status: 'error',
      attributes: { 'http.response.status_code': 500, 'http.route': '/unhandled' },
    })
    expect(exceptionsOf('/unhandled')).toEqual(['taken by nobody'])
  })

  it('runs handlers in the context of their request, and makes no span of its own', () => {
    for (const path of ['/users/42', '/async', '/teams/7/members/8/posts/9'])
      expect(childrenOf(spanOf(path)).map((span) => span.name)).toEqual(['handler'])
    expect(recorded().spans.filter((span) => span.integration === 'express')).toEqual([])
    expect(recorded().spans.filter((span) => span.name === 'GET /teams/:team/members/:member/posts/:post')).toHaveLength(51)
  })
})
