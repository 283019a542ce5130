// How values of the app become text: without running its code.
import { describe, expect, it } from 'vitest'
import { boundedText } from '../../src/core/payload.ts'

const jsonOf = (value: unknown): unknown => JSON.parse(boundedText(value, 10_000).text)

describe('the text of a value', () => {
  it('is its JSON, whatever its texts hold', () => {
    const texts = [
      '',
      'plain',
      'a "quoted" \\ one',
      'line\nbreak \u0000 \u007f',
      'Übergrößenträger €',
      '\ud83d\ude00',
      'x'.repeat(49),
      'x'.repeat(48),
    ]
    const value = { texts, 'key "with" quotes': 1, nested: [[1.5, true, null], { a: 'ü' }] }
    expect(boundedText(value, 10_000).text).toBe(JSON.stringify(value))
  })

  it('runs no getter, neither of an element, nor of a key, nor of what stands behind a hole', () => {
    let asked = 0
    const ask = () => ++asked
    const list: unknown[] = [1, 2, 3, , 5] // eslint-disable-line no-sparse-arrays
    Object.defineProperty(list, 1, { get: ask, enumerable: true })
    Object.defineProperty(list, 2, { set: ask, enumerable: true })
    const watched = new Proxy(Array.prototype, {
      get: ask,
      has: ask as never,
      getOwnPropertyDescriptor: ask as never,
      getPrototypeOf: ask as never,
    })
    Object.setPrototypeOf(list, watched)
    expect(jsonOf(list)).toEqual([1, '[Getter]', null, null, 5])
    const object = Object.defineProperties({ a: 1 }, { b: { get: ask, enumerable: true }, c: { set: ask, enumerable: true } })
    expect(jsonOf(object)).toEqual({ a: 1 })
    expect(asked).toBe(0)
  })

  it('takes objects without a prototype', () => {
    expect(jsonOf(Object.assign(Object.create(null) as object, { a: [Object.create(null)] }))).toEqual({ a: [{}] })
  })
})
