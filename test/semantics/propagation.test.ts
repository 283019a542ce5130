import { describe, expect, it } from 'vitest'
import { allowsPropagation, formatTraceparent, forwardTracestate, parseTraceparent } from '../../src/semantics/propagation.ts'

const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
const span = '00f067aa0ba902b7'
const valid = `00-${trace}-${span}-01`

describe('traceparent', () => {
  it('gives ids as 32-bit words and writes them back', () => {
    const parent = parseTraceparent(valid)
    expect(parent).toEqual({
      trace: { a: 0x4bf92f35, b: 0x77b34da6, c: 0xa3ce929d | 0, d: 0x0e0e4736 },
      parentHigh: 0x00f067aa,
      parentLow: 0x0ba902b7,
      sampled: true,
      random: false,
    })
    if (parent !== undefined) expect(formatTraceparent(parent)).toBe(valid)
  })

  it.each([
    ['00', false, false],
    ['01', true, false],
    ['02', false, true],
    ['03', true, true],
    ['ff', true, true],
    ['f8', false, false],
  ])('flags %s', (flags, sampled, random) => {
    const parent = parseTraceparent(`00-${trace}-${span}-${flags}`)
    expect(parent).toMatchObject({ sampled, random })
    if (parent !== undefined) expect(formatTraceparent(parent)).toBe(`00-${trace}-${span}-0${(sampled ? 1 : 0) + (random ? 2 : 0)}`)
  })

  it('accepts white space around it and later versions with more fields', () => {
    expect(parseTraceparent(` \t${valid} `)).toBeDefined()
    expect(parseTraceparent(`01${valid.slice(2)}`)).toBeDefined()
    expect(parseTraceparent(`cc${valid.slice(2)}-what-the-future-brings`)).toBeDefined()
  })

  it.each([
    undefined,
    null,
    42,
    [valid],
    '',
    valid.slice(0, -1),
    `${valid}-`,
    `${valid}-00`,
    `${valid}0`,
    `cc${valid.slice(2)}.x`,
    `cc${valid.slice(2)}0`,
    `ff${valid.slice(2)}`,
    `0x${valid.slice(2)}`,
    valid.toUpperCase(),
    `00-${'0'.repeat(32)}-${span}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace.slice(1)}g-${span}-01`,
    `00-${trace}-${span.slice(1)}g-01`,
    `00-${trace}-${span}-0g`,
    `00_${trace}-${span}-01`,
    `00-${trace}_${span}-01`,
    `00-${trace}-${span}_01`,
    `${valid},${valid}`,
    valid.replaceAll('-', ' '),
  ])('refuses %j', (header) => expect(parseTraceparent(header)).toBeUndefined())
})

describe('tracestate', () => {
  it('is handed on as it is', () => {
    expect(forwardTracestate('rojo=00f067aa0ba902b7,congo=t61rcWkgMzE')).toBe('rojo=00f067aa0ba902b7,congo=t61rcWkgMzE')
    expect(forwardTracestate(' a=1 ,\tb@c=2,, ')).toBe('a=1,b@c=2')
    expect(forwardTracestate(['a=1', 'b=2'])).toBe('a=1,b=2')
  })

  it.each([
    undefined,
    '',
    'a',
    '=1',
    'A=1',
    'a=1,a=2',
    'a==',
    'a=b=c',
    'a=é',
    `${'k'.repeat(257)}=1`,
    `a=${'v'.repeat(257)}`,
    Array.from({ length: 33 }, (_, i) => `k${i}=1`).join(','),
  ])('refuses %j', (header) => expect(forwardTracestate(header)).toBeUndefined())

  it('drops long members first, then from the end', () => {
    const short = Array.from({ length: 30 }, (_, i) => `key${i}=${'v'.repeat(20)}`)
    const forwarded = forwardTracestate([...short.slice(0, 2), `long=${'v'.repeat(200)}`, ...short.slice(2)].join(',')) ?? ''
    expect(forwarded.length).toBeLessThanOrEqual(512)
    expect(forwarded).not.toContain('long=')
    expect(forwarded.startsWith(short.slice(0, 10).join(','))).toBe(true)
  })
})

describe('hosts that get a traceparent', () => {
  it.each([
    'localhost',
    'LOCALHOST:3000',
    '127.0.0.1',
    '127.8.9.1:80',
    '::1',
    '[::1]:443',
    'api.localhost',
    '0.0.0.0:80',
    '::ffff:127.0.0.1',
  ])('%s always', (host) => expect(allowsPropagation(host, {})).toBe(true))
  it.each(['', 'example.com', '127.evil.com', '127.0.0.1.evil.com', 'localhost.evil.com', 'notlocalhost', '10.0.0.1', '[2001:db8::1]:80'])(
    '%s not by itself',
    (host) => expect(allowsPropagation(host, { allow: ['api.internal', '*.shop.internal'] })).toBe(false),
  )
  it('those on the list, the own ones, or all', () => {
    const config = { allow: ['api.internal', '*.shop.internal', 'pay.internal:8443', 'https://auth.internal/'], own: ['box-7'] }
    expect(
      ['api.internal', 'API.internal:80', 'a.shop.internal', 'pay.internal:8443', 'auth.internal:443', 'box-7:80'].map((host) =>
        allowsPropagation(host, config),
      ),
    ).toEqual(Array(6).fill(true))
    expect(
      ['shop.internal', 'xapi.internal', 'pay.internal', 'pay.internal:1', 'box-8'].map((host) => allowsPropagation(host, config)),
    ).toEqual(Array(5).fill(false))
    expect(allowsPropagation('example.com', { allow: ['*'] })).toBe(true)
  })
})
