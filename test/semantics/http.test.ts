import { describe, expect, it } from 'vitest'
import {
  clientAttributes,
  clientEnd,
  fullUrl,
  httpSpanName,
  isCancel,
  maskQuery,
  serverAttributes,
  serverEnd,
  splitHost,
} from '../../src/semantics/http.ts'
import { readOptions, withHeader } from '../../src/semantics/http-options.ts'

const incoming = {
  method: 'GET',
  target: '/a',
  scheme: 'http' as const,
  host: 'shop.example:8080',
  clientAddress: '10.0.0.1',
  protocolVersion: '1.1',
}

describe('names', () => {
  it('are the method and the template, never the path', () => {
    expect(httpSpanName('GET')).toBe('GET')
    expect(httpSpanName('GET', '/users/:id')).toBe('GET /users/:id')
    expect(httpSpanName('QUERY')).toBe('QUERY')
    expect(httpSpanName('PROPFIND', '/x')).toBe('HTTP /x')
    expect(httpSpanName('get')).toBe('HTTP')
  })
})

describe('server', () => {
  it('describes a request', () => {
    expect(serverAttributes(incoming)).toEqual({
      'http.request.method': 'GET',
      'http.request.method_original': undefined,
      'url.path': '/a',
      'url.scheme': 'http',
      'url.query': undefined,
      'server.address': 'shop.example',
      'server.port': 8080,
      'client.address': '10.0.0.1',
      'network.protocol.version': '1.1',
    })
  })

  it.each([
    ['/a?b=1', '/a', 'b=REDACTED'],
    ['/?', '/', ''],
    ['*', '*', undefined],
    ['http://shop.example/a/b?c', '/a/b', 'c'],
    ['http://shop.example', '/', undefined],
    ['shop.example:443', 'shop.example:443', undefined],
    ['/a?redirect=http://x/y?z=1', '/a', 'redirect=REDACTED'],
  ])('reads the target %s', (target, path, query) => {
    const attributes = serverAttributes({ ...incoming, target })
    expect(attributes['url.path']).toBe(path)
    expect(attributes['url.query']).toBe(query)
  })

  it('keeps an unknown method beside `_OTHER`', () => {
    expect(serverAttributes({ ...incoming, method: 'BREW' })).toMatchObject({
      'http.request.method': '_OTHER',
      'http.request.method_original': 'BREW',
    })
  })

  it.each([
    [101, 'unset', undefined],
    [200, 'unset', undefined],
    [302, 'unset', undefined],
    [404, 'unset', undefined],
    [499, 'unset', undefined],
    [500, 'error', '500'],
    [599, 'error', '599'],
    [undefined, 'unset', undefined],
  ])('status %s is %s', (status, expected, errorType) => {
    const end = serverEnd({ status, route: '/r/:id', aborted: false }, 'GET')
    expect([end.status, end.errorType, end.name]).toEqual([expected, errorType, 'GET /r/:id'])
  })
})

describe('client', () => {
  it.each([
    [200, undefined],
    [304, undefined],
    [400, '400'],
    [404, '404'],
    [503, '503'],
  ])('status %s gives error type %s', (status, errorType) => {
    const end = clientEnd(status)
    expect([end.status, end.errorType]).toEqual(errorType === undefined ? [undefined, undefined] : ['error', errorType])
  })

  it('gives the port of the scheme when none is named', () => {
    const request = { method: 'POST', scheme: 'https', host: 'api.example', port: undefined, path: '/v1?key=1#x' }
    expect(clientAttributes(request)).toMatchObject({
      'server.address': 'api.example',
      'server.port': 443,
      'url.full': 'https://api.example/v1?key=REDACTED',
    })
    expect(fullUrl('http', '::1', 3000, '/')).toBe('http://[::1]:3000/')
    expect(fullUrl('http', 'h', 80, '/')).toBe('http://h/')
  })

  it('knows a cancel from a failure', () => {
    expect([new DOMException('', 'AbortError'), { code: 'ABORT_ERR' }, { code: 'UND_ERR_ABORTED' }].map(isCancel)).toEqual([
      true,
      true,
      true,
    ])
    expect([new DOMException('', 'TimeoutError'), new Error('x'), { code: 'ECONNRESET' }, null, 'AbortError'].map(isCancel)).toEqual(
      Array(5).fill(false),
    )
  })
})

describe('queries', () => {
  it.each([
    ['', ''],
    ['a=1', 'a=REDACTED'],
    ['a=1&b=2&&c=', 'a=REDACTED&b=REDACTED&c=REDACTED'],
    ['pretty&v', 'pretty&v'],
    ['4111111111111111', 'REDACTED'],
    ['sk0123456789', 'REDACTED'],
    ['a=b=c&d=e?f=g', 'a=REDACTED&d=REDACTED'],
    ['a=1#frag=2', 'a=REDACTED'],
  ])('%s → %s', (query, masked) => expect(maskQuery(query)).toBe(masked))
})

describe('hosts', () => {
  it.each([
    ['a.example', 'a.example', undefined],
    ['a.example:80', 'a.example', 80],
    ['[::1]:8080', '::1', 8080],
    ['[::1]', '::1', undefined],
    ['::1', '::1', undefined],
    ['a:b', 'a', undefined],
    ['', undefined, undefined],
    [undefined, undefined, undefined],
  ])('%s', (host, address, port) => expect(splitHost(host)).toEqual({ address, port }))
})

describe('arguments of http.request', () => {
  const listen = () => {}
  it.each<[unknown[], string, object | undefined]>([
    [['http://a.example:81/p?q=1'], 'http', { method: 'GET', scheme: 'http', host: 'a.example', port: 81, path: '/p?q=1' }],
    [['https://a.example/'], 'https', { scheme: 'https', port: undefined, path: '/' }],
    [[new URL('http://[::1]:82/x'), listen], 'http', { host: '::1', port: 82, path: '/x' }],
    [
      ['http://a.example/p', { method: 'put', path: '/other', port: '83' }, listen],
      'http',
      { method: 'PUT', path: '/other', port: 83, host: 'a.example' },
    ],
    [[{ hostname: 'h', host: 'ignored:1', path: '/x' }], 'https', { host: 'h', scheme: 'https', path: '/x' }],
    [[{ host: 'h:84' }], 'http', { host: 'h', path: '/' }],
    [[{}, listen], 'http', { host: 'localhost', port: undefined, path: '/', method: 'GET' }],
    [[{ socketPath: '/run/docker.sock', host: 'far.example' }], 'http', { host: 'localhost' }],
    [[{ protocol: 'https:', host: 'h', agent: { protocol: 'http:' } }], 'http', { scheme: 'https' }],
    [[{ host: 'h', agent: { protocol: 'https:' } }], 'http', { scheme: 'https' }],
    [['nonsense'], 'http', undefined],
  ])('%j', (args, module, expected) => {
    const read = readOptions(args, module)
    if (expected === undefined) expect(read).toBeUndefined()
    else expect(read).toMatchObject(expected)
  })

  it('gets a header on copies, whatever form the headers have, and keeps one of the app', () => {
    const add = (...args: unknown[]): unknown[] => {
      withHeader(args, 'traceparent', 'tp')
      return args
    }
    expect(add('http://h/')).toEqual(['http://h/', { headers: { traceparent: 'tp' } }])
    expect(add('http://h/', listen)).toEqual(['http://h/', { headers: { traceparent: 'tp' } }, listen])
    const url = new URL('http://h/')
    expect(add(url, { method: 'PUT' }, listen)).toEqual([url, { method: 'PUT', headers: { traceparent: 'tp' } }, listen])
    const options = Object.freeze({ host: 'h', headers: Object.freeze({ a: '1' }) })
    expect(add(options, listen)).toEqual([{ host: 'h', headers: { a: '1', traceparent: 'tp' } }, listen])
    expect(options).toEqual({ host: 'h', headers: { a: '1' } })
    expect(add({ headers: ['a', '1'] })).toEqual([{ headers: ['a', '1', 'traceparent', 'tp'] }])
    expect(add({ headers: [['a', '1']] })).toEqual([
      {
        headers: [
          ['a', '1'],
          ['traceparent', 'tp'],
        ],
      },
    ])
    const own = { headers: { TraceParent: 'mine' } }
    expect(add(own)[0]).toBe(own)
    const list = { headers: ['Traceparent', 'mine'] }
    expect(add(list)[0]).toBe(list)
  })
})
