import { describe, expect, it } from 'vitest'
import { createRedactor, isSecretKey, parseRedactRules, redactJson, redactText, redactUrl } from '../../src/semantics/redaction.ts'
import { CANARY, canaries } from './canaries.ts'

describe('secrets do not come out', () => {
  it('knows at least 120 kinds, each once', () => {
    expect(canaries.length).toBeGreaterThanOrEqual(120)
    expect(new Set(canaries.map(({ text }) => text)).size).toBe(canaries.length)
  })

  it.each(canaries)('$kind', ({ kind, text, secret = CANARY }) => {
    expect(redactText(text)).not.toContain(secret)
    if (/^(query|connection)/.test(kind)) expect(redactUrl(text)).not.toContain(secret)
    expect(redactJson(text)).not.toContain(secret)
    expect(redactJson(JSON.stringify({ messages: [{ role: 'user', content: text }] }))).not.toContain(secret)
    expect(redactText(redactText(text))).toBe(redactText(text))
  })

  it('leaves what stands around a secret', () => {
    expect(redactUrl(`https://shop.example/cb?page=2&token=${CANARY}&lang=en#top`)).toBe(
      'https://shop.example/cb?page=2&token=REDACTED&lang=en#top',
    )
    expect(redactText(`connect postgres://app:${CANARY}@db:5432/shop failed`)).toBe(
      'connect postgres://REDACTED:REDACTED@db:5432/shop failed',
    )
    expect(redactText(`{"user":"ada","password":"${CANARY}","n":1}`)).toBe('{"user":"ada","password":"REDACTED","n":1}')
    expect(redactText(`a\nCookie: x=${CANARY}; y=2\nAccept: */*`)).toBe('a\nCookie: REDACTED\nAccept: */*')
    expect(redactText(`Server=db;Password=${CANARY};Port=1`)).toBe('Server=db;Password=REDACTED;Port=1')
    expect(redactText(`--token ${CANARY} --port 3000`)).toBe('--token REDACTED --port 3000')
    expect(redactText(`sent Bearer ${CANARY} twice`)).toBe('sent Bearer REDACTED twice')
  })

  it('hides a secret in an attribute by the attribute name', () => {
    const { redactAttribute } = createRedactor()
    expect(redactAttribute('http.request.header.authorization', 'x')).toBe('REDACTED')
    expect(redactAttribute('http.request.header.x-api-key', 'x')).toBe('REDACTED')
    expect(redactAttribute('db.query.parameter.password', 'x')).toBe('REDACTED')
    expect(redactAttribute('userPassword', 'x')).toBe('REDACTED')
    expect(redactAttribute('http.request.header.accept', 'text/html')).toBe('text/html')
    expect(redactAttribute('gen_ai.token.type', 'input')).toBe('input')
    expect(redactAttribute('mcp.session.id', 's1')).toBe('s1')
  })
})

describe('clean text stays the same string', () => {
  const clean = [
    '/users/:id/orders', 'GET /users/:id', 'SELECT id, name FROM users WHERE id = $1 LIMIT 10', 'INSERT INTO author (name, keywords) VALUES ($1, $2)', 'localhost', '127.0.0.1',
    'application/json; charset=utf-8', 'https://api.example.com/v1/chat/completions', 'https://registry.example/@scope/pkg?v=1', 'HGETALL user:42:profile', 'gpt-4o-mini-2024-07-18',
    'chatcmpl-8fJk2lQmZ0aBcDeFgHiJkLmNoP', 'call_9ZkVbb1', '3f2504e0-4f89-11d3-9a0c-0305e82c3301', '4bf92f3577b34da6a3ce929d0e0e4736', 'mail to ada@example.com', 'Error: connect ECONNREFUSED 127.0.0.1:5432',
    '    at Object.<anonymous> (/app/src/auth/token.js:10:5)\n    at next (/app/node_modules/router/index.js:1:1)', 'The basic plan is cheap', 'total_tokens=12, max_tokens: 100', 'compass=north', 'a=1&b=2',
    'task-management-of-large-things', 'disk-usage-of-the-whole-machine', 'postgres://db:5432/shop', 'ratio 1:2, key points: three', 'author: Ada', '', '日本語のテキスト', '{"city":"Paris","days":3}', '[1,2,3]', 'relation "users" does not exist', 'invalid request: see the log', 'duplicate key value violates unique constraint "people_email"',
  ] // prettier-ignore

  it.each(clean)('%j', (text) => {
    expect(redactText(text)).toBe(text)
    expect(redactUrl(text)).toBe(text)
    if (text !== '') expect(redactJson(text)).toBe(text)
  })
})

describe('names', () => {
  it.each([
    'password',
    'DB_PASSWORD',
    'apiKey',
    'x-api-key',
    'accessToken',
    'refresh_token',
    'connect.sid',
    'dbPass',
    'client-secret',
    'Set-Cookie',
    'otp',
    'PIN',
    'csrfToken',
    'X-Auth',
    'sessionId',
  ])('%s is secret', (key) => expect(isSecretKey(key)).toBe(true))
  it.each([
    'user',
    'tokens',
    'total_tokens',
    'max_tokens',
    'key',
    'id',
    'author',
    'compass',
    'keyboard',
    'pinned',
    'authority',
    'path',
    'sidebar',
    'passenger',
    'count',
    'code',
    'design',
    'cardinality',
    '',
  ])('%s is not', (key) => expect(isSecretKey(key)).toBe(false))
})

describe('JSON', () => {
  it('stays the same string when nothing is secret, numbers included', () => {
    const text = '{ "id": 12345678901234567890, "a": [1.10, null, true], "note": "fine" }'
    expect(redactJson(text)).toBe(text)
  })

  it('hides whole values behind secret keys and keeps the description of a parameter', () => {
    expect(redactJson('{"auth":{"user":"a","x":[1]},"pin":1234,"cookie":null,"ok":true}')).toBe(
      '{"auth":"REDACTED","pin":"REDACTED","cookie":null,"ok":true}',
    )
    const schema = '{"properties":{"password":{"type":"string","description":"of the user"}}}'
    expect(redactJson(schema)).toBe(schema)
  })

  it('follows JSON inside strings', () => {
    const call = JSON.stringify({ arguments: JSON.stringify({ city: 'Paris', apiKey: CANARY }) })
    expect(redactJson(call)).toBe(JSON.stringify({ arguments: '{"city":"Paris","apiKey":"REDACTED"}' }))
  })

  it('is not fooled by escapes, a key __proto__ or depth', () => {
    expect(redactJson(`{"pass\\u0077ord":"${CANARY}"}`)).not.toContain(CANARY)
    expect(redactJson(`{"u":"https:\\/\\/a:${CANARY}@h\\/"}`)).not.toContain(CANARY)
    expect(redactJson(`{"__proto__":{"password":"${CANARY}"}}`)).toBe('{"__proto__":{"password":"REDACTED"}}')
    expect(redactJson(`${'['.repeat(100)}"${CANARY}"${']'.repeat(100)}`)).not.toContain(CANARY)
    expect(redactJson(`{"sk-${CANARY}":1}`)).not.toContain(CANARY)
  })

  it('makes valid JSON of JSON that was cut at any character', () => {
    const value = {
      role: 'user',
      text: 'a "quoted" \\ é \u{1F600} line\n',
      list: [1, 23.5, true, null, { deep: { x: 'y' } }],
      password: CANARY,
      empty: {},
      none: [],
    }
    for (const text of [JSON.stringify(value), JSON.stringify(value, null, 1), JSON.stringify([value, value]), '"a \\u00e9 string \\\\"']) {
      for (let length = 1; length <= text.length; length++) {
        const redacted = redactJson(text.slice(0, length))
        expect(() => JSON.parse(redacted) as unknown, text.slice(0, length)).not.toThrow()
        expect(redacted).not.toContain(CANARY.slice(0, 12))
      }
    }
  })

  it('treats what is no JSON as text', () => {
    expect(redactJson('plain words')).toBe('plain words')
    expect(redactJson(`x password=${CANARY}`)).toBe('x password=REDACTED')
    expect(redactJson(']]')).toBe(']]')
    expect(redactJson('')).toBe('')
  })
})

describe('PERF_REDACT', () => {
  it('reads names, patterns and a module, and says what it could not read', () => {
    const rules = parseRedactRules(['customerNumber', '/\\bIBAN[A-Z0-9]+/i', './redact.mjs', '/[/'])
    expect(rules).toEqual({
      names: ['customerNumber'],
      patterns: [/\bIBAN[A-Z0-9]+/i],
      module: './redact.mjs',
      problems: ['/[/ is not a regular expression'],
    })
  })

  it('adds names in every spelling, patterns and a function', () => {
    const redactor = createRedactor({
      names: ['customerNumber', 'id'],
      patterns: [/IBAN\w+/],
      redact: (text, key) => (key === 'note' ? text.replace('Ada', '***') : undefined),
    })
    expect(redactor.redactText('customer_number=4711 IBANX1 IBANX2')).toBe('customer_number=REDACTED REDACTED REDACTED')
    expect(redactor.redactJson('{"customer-number":"4711","id":7,"note":"Ada"}')).toBe(
      '{"customer-number":"REDACTED","id":"REDACTED","note":"***"}',
    )
    expect(redactor.redactAttribute('customer.number', 'x')).toBe('REDACTED')
    expect(redactor.redactAttribute('note', 'Ada')).toBe('***')
    expect(redactor.redactUrl('http://h/?customernumber=1&a=2')).toBe('http://h/?customernumber=REDACTED&a=2')
  })

  it('hides the text when the function throws', () => {
    const redactor = createRedactor({
      redact: () => {
        throw new Error('broken')
      },
    })
    expect(redactor.redactText('anything')).toBe('REDACTED')
  })
})

it('takes linear time on hostile text', () => {
  const slow: string[] = []
  for (const text of [
    'a='.repeat(50_000),
    'password'.repeat(12_000),
    '"\\'.repeat(50_000),
    'eyJ'.repeat(33_000),
    '://'.repeat(33_000),
    'a:b@'.repeat(25_000),
    '-----BEGIN PRIVATE KEY'.repeat(4000),
    'bearer '.repeat(14_000),
    'AUTH '.repeat(20_000),
    '-a '.repeat(33_000),
    'cookie: '.repeat(12_000),
    `password=${'\\'.repeat(50_000)}`,
    `password ${' '.repeat(50_000)}`,
    'x'.repeat(100_000) + '@',
    `https://${'a'.repeat(100_000)}`,
    '_'.repeat(100_000) + 'key',
  ]) {
    const started = performance.now()
    redactText(text)
    if (performance.now() - started > 300) slow.push(`${text.slice(0, 20)}… ${Math.round(performance.now() - started)} ms`)
  }
  expect(slow).toEqual([])
})
