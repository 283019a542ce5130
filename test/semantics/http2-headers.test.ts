import { expect, it } from 'vitest'
import { addHeader, headerOf } from '../../src/semantics/http2-headers.ts'

const secret = Symbol('sensitive headers')

it('reads objects, flat lists and nothing', () => {
  expect(headerOf({ ':path': '/x' }, ':path')).toBe('/x')
  expect(headerOf({ 'Content-Type': 'a' }, 'content-type')).toBe('a')
  expect(headerOf([':path', '/x', 'X-One', '1'], 'x-one')).toBe('1')
  expect(headerOf(['a', 'x-one', 'b', 'y'], 'x-one')).toBeUndefined()
  expect(headerOf(undefined, ':path')).toBeUndefined()
  expect(headerOf({ age: 3 }, 'age')).toBeUndefined()
})

it('adds a header to a copy, unless there is one', () => {
  const headers = Object.freeze({ ':path': '/', [secret]: ['cookie'] })
  expect(addHeader(headers, 'traceparent', 'x')).toEqual({ ':path': '/', traceparent: 'x', [secret]: ['cookie'] })
  expect(addHeader([':path', '/'], 'traceparent', 'x')).toEqual([':path', '/', 'traceparent', 'x'])
  expect(addHeader(undefined, 'traceparent', 'x')).toEqual({ traceparent: 'x' })
  expect(addHeader({ TraceParent: 'own' }, 'traceparent', 'x')).toBeUndefined()
  expect(addHeader(['traceparent', 'own'], 'traceparent', 'x')).toBeUndefined()
})
