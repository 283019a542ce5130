import { expect, it } from 'vitest'
import { SpanIdHalves } from '../../src/profiling/span-id-halves.ts'

it('finds the high half of every span id it said it holds, and holds all that count up', () => {
  const halves = new SpanIdHalves()
  const held: [number, number][] = []
  let refused = 0
  // Across the wrap from positive to negative; some come late, some from elsewhere, some with a start in the past.
  let low = 0x7fff_ff00 | 0
  for (let i = 0; i < 20_000; i++) {
    low = (low + 1) | 0
    const high = 5 + Math.floor(i / 700)
    if (i % 11 === 3) continue
    const late = (low - 4) | 0
    const ids: [number, number][] = [[high, low]]
    if (i % 11 === 7) ids.push([5 + Math.floor((i - 4) / 700), late])
    if (i % 97 === 0) ids.push([high, (low * 48271) ^ 0x2bad_cafe])
    if (i % 89 === 0) ids.push([high - 3, (low - 1) | 0])
    for (const [high32, low32] of ids) {
      if (halves.holds(high32, low32)) held.push([high32, low32])
      else refused++
    }
  }
  for (const [high, low32] of held) expect(halves.highOf(low32)).toBe(high)
  expect(refused).toBeGreaterThan(300)
  expect(held.length).toBeGreaterThan(19_000)
})
