import { expect, it } from 'vitest'
import { builtNextApp, nextAppBeside } from '../support/next-app.ts'
import { testFramework } from '../support/web-framework.ts'

const env = { NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' }
const prepare = (version: string, modules?: string) => ({
  NEXT_APP: modules === undefined ? builtNextApp(version) : nextAppBeside(modules, version),
})

testFramework({ library: 'next', integration: 'next', scenario: 'next', env, prepare }, ({ spanOf, childrenOf, recorded }) => {
  it.each([
    ['/', '/', []],
    ['/users/42', '/users/[id]', ['render']],
    ['/api/items/7', '/api/items/[id]', ['route handler']],
    ['/old/x', '/old/[slug]', ['getServerSideProps', 'render document']],
    ['/api/legacy', '/api/legacy', ['api handler']],
  ])('names %s by its template and records what is done for it', (path, template, work) => {
    expect(spanOf(path)).toMatchObject({ name: `GET ${template}`, status: 'unset', attributes: { 'http.route': template } })
    const own = childrenOf(spanOf(path)).filter((span) => span.integration === 'next')
    expect(own.map((span) => span.name.replace(` ${template}`, ''))).toEqual(work)
    for (const span of own) expect(span).toMatchObject({ kind: 'internal', layer: 'function', status: 'unset' })
  })

  it('marks a handler that throws, and its request', () => {
    expect(spanOf('/api/items/bad')).toMatchObject({ name: 'GET /api/items/[id]', status: 'error', attributes: { 'error.type': '500' } })
    expect(childrenOf(spanOf('/api/items/bad')).map((span) => [span.name, span.status])).toEqual([
      ['route handler /api/items/[id]', 'error'],
    ])
  })

  it('gives unknown paths no route, knows other methods, and keeps concurrent requests apart', () => {
    expect(spanOf('/nothing/here')).toMatchObject({ name: 'GET', attributes: { 'http.response.status_code': 404 } })
    expect(spanOf('/api/items/8', 'POST').name).toBe('POST /api/items/[id]')
    for (let i = 0; i < 20; i++)
      expect(childrenOf(spanOf(`/api/items/c${i}`)).map((span) => span.name)).toEqual(['route handler /api/items/[id]'])
    expect(recorded().faults).toEqual([])
  })
})
