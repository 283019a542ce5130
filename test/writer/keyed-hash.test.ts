import { createHmac, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { KeyedHash } from '../../src/writer/keyed-hash.ts'

describe('KeyedHash', () => {
  it('gives the HMAC-SHA-256 of contents of every length around the ends of a block, and of long ones', () => {
    const key = randomBytes(32)
    const hash = new KeyedHash(key)
    for (let length = 0; length <= 1100; length++) {
      const content = randomBytes(length)
      expect(hash.digest(content).toString('hex'), `${length} bytes`).toBe(createHmac('sha256', key).update(content).digest('hex'))
    }
  })

  it('hashes a part of a buffer, long or short', () => {
    const key = randomBytes(32)
    const content = randomBytes(3000)
    for (const [from, to] of [
      [7, 7],
      [5, 90],
      [1, 2990],
    ] as const) {
      const expected = createHmac('sha256', key).update(content.subarray(from, to)).digest('hex')
      expect(new KeyedHash(key).digest(content, from, to).toString('hex')).toBe(expected)
    }
  })

  it('knows the test vector of RFC 4231 with a key of 20 bytes', () => {
    const hash = new KeyedHash(Buffer.alloc(20, 0x0b)).digest(Buffer.from('Hi There'))
    expect(hash.toString('hex')).toBe('b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7')
  })
})
