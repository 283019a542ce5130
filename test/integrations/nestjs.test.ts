import { expect, it } from 'vitest'
import { nodeMajor } from '../support/node-under-test.ts'
import { testFramework } from '../support/web-framework.ts'

// Node 20 has no hooks for the files of an ES module that is required, which Nest 12 is.
const isHooked = (version: string, format: string) => nodeMajor() > 20 || format === 'esm' || !version.startsWith('12.')

testFramework(
  {
    library: '@nestjs/core',
    integration: 'nestjs',
    below: 'express',
    scenario: 'nestjs',
    isHooked,
    unsupported: ['common', 'core', 'platform-express'].map((name) => `@nestjs/${name}`),
  },
  ({ spanOf, childrenOf, exceptionsOf, recorded }) => {
    it.each([
      ['/api/users/by-id/42', '/api/users/by-id/:id', 'findOne', 'unset', 200],
      ['/api/users/number/7', '/api/users/number/:value', 'number', 'unset', 200],
      ['/api/users/number/seven', '/api/users/number/:value', 'number', 'unset', 400],
      ['/api/users/known', '/api/users/known', 'known', 'unset', 409],
      ['/api/users/throws', '/api/users/throws', 'throws', 'error', 500],
      ['/api/users/intercepted', '/api/users/intercepted', 'intercepted', 'unset', 200],
    ])('records controller and handler of %s below its template', (path, template, handler, status, code) => {
      expect(spanOf(path)).toMatchObject({ name: `GET ${template}`, status, attributes: { 'http.response.status_code': code } })
      const [own, ...others] = childrenOf(spanOf(path))
      expect(others).toEqual([])
      expect(own).toMatchObject({ name: `UsersController.${handler}`, kind: 'internal', layer: 'function', status, integration: 'nestjs' })
      expect(own?.attributes).toMatchObject({ 'code.function.name': `UsersController.${handler}` })
    })

    it('covers guards that refuse, and knows other methods and unknown paths', () => {
      const guarded = recorded().spans.filter((span) => span.name === 'UsersController.guarded')
      expect(guarded.map((span) => span.status)).toEqual(['unset', 'unset'])
      expect(childrenOf(spanOf('/api/users', 'POST')).map((span) => span.name)).toEqual(['UsersController.create'])
      expect(childrenOf(spanOf('/api/users/nothing'))).toEqual([])
    })

    it('describes the error behind a 500', () => {
      const failed = recorded().spans.filter((span) => span.name === 'UsersController.throws')
      const messages = recorded().events.filter((event) => event.spanId === failed[0]?.spanId)
      expect([...exceptionsOf('/api/users/throws'), ...messages.map((event) => event.attributes['exception.message'])]).toEqual(['thrown'])
      expect(failed[0]?.attributes['error.type']).toBe('Error')
    })

    it('runs each of 50 concurrent handlers below its own request', () => {
      const found = recorded().spans.filter((span) => span.name === 'GET /api/users/by-id/:id')
      expect(found).toHaveLength(51)
      for (const request of found) {
        const [own] = childrenOf(request)
        expect(own?.name).toBe('UsersController.findOne')
        expect(own === undefined ? [] : childrenOf(own).map((span) => span.name)).toEqual(['handler'])
      }
    })
  },
)
