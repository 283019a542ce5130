// Exports that do not let their functions be replaced.
import { describe, expect, it } from 'vitest'
import { patchPath } from '../../src/core/patch.ts'
import { unseal } from '../../src/core/sealed.ts'

const wrapper = () => 'wrapped'
const original = () => 'original'

describe('unseal', () => {
  it('gives a copy of accessors that cannot be configured, and seals it again', () => {
    const exports = Object.defineProperties({}, { run: { get: () => original, enumerable: true }, other: { value: 1 } }) as {
      run(): string
    }
    const unsealed = unseal(exports, ['run', 'Class.prototype.run'])
    expect(patchPath(unsealed?.exports, 'run', () => wrapper)).toBe(1)
    unsealed?.seal()
    const copy = unsealed?.exports as typeof exports
    expect([copy.run(), exports.run(), Reflect.ownKeys(copy)]).toEqual(['wrapped', 'original', ['run', 'other']])
    expect(Object.getOwnPropertyDescriptor(copy, 'run')).toMatchObject({ configurable: false, enumerable: true, set: undefined })
  })
  it('gives what sees through a namespace', async () => {
    const source = 'export let count = 0; export const run = () => "original"; export const grow = () => ++count'
    const namespace = (await import(`data:text/javascript,${encodeURIComponent(source)}`)) as { count: number; run(): string; grow(): void }
    const unsealed = unseal(namespace, ['run'])
    expect(patchPath(unsealed?.exports, 'run', () => wrapper)).toBe(1)
    unsealed?.seal()
    const seen = unsealed?.exports as typeof namespace
    seen.grow()
    expect([seen.run(), namespace.run(), seen.count, Reflect.set(seen, 'run', original), Object.keys(seen)]).toEqual([
      'wrapped',
      'original',
      1,
      false,
      Object.keys(namespace),
    ])
    expect(Object.getOwnPropertyDescriptor(seen, 'run')).toEqual({ value: wrapper, writable: true, enumerable: true, configurable: false })
  })
  it('leaves others alone', () => {
    expect(unseal({ run: original }, ['run'])).toBeUndefined()
    expect(unseal(Object.defineProperty({}, 'other', { get: () => 1 }), ['run'])).toBeUndefined()
    expect(unseal(original, ['run'])).toBeUndefined()
  })
})
