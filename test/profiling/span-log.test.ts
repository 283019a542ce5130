import { describe, expect, it } from 'vitest'
import type { CpuProfile } from '../../src/core/profile-format.ts'
import type { Span } from '../../src/core/span.ts'
import { SpanLog } from '../../src/profiling/span-log.ts'

const CHUNK = 16_384
const spanOf = (idLow: number): Span => ({ idLow, idHigh: 7 }) as Span
/** A profile with samples at these microseconds. */
const profileOf = (...atUs: number[]): CpuProfile => ({
  nodes: [],
  startTime: 0,
  endTime: 0,
  samples: atUs.map(() => 1),
  timeDeltas: atUs.map((us, i) => us - (atUs[i - 1] ?? 0)),
})

/** `[microsecond, low id of the span]` of each entry. */
function entries(bytes: Uint8Array): [number, number][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: bytes.byteLength / 16 }, (_, i) => [view.getFloat64(i * 16, true) / 1000, view.getInt32(i * 16 + 8, true)])
}

describe('the log of span changes', () => {
  it('hands on the last change before each sample, and begins anew', () => {
    const log = new SpanLog(() => undefined)
    for (const us of [10, 20, 30, 40, 50]) log.append(us * 1000, spanOf(us))
    log.append(60_000, undefined)
    expect(entries(log.take(profileOf(5, 25, 26, 30, 49, 70)))).toEqual([
      [20, 20],
      [30, 30],
      [40, 40],
      [60, 0],
    ])
    log.append(80_000, spanOf(8))
    expect(entries(log.take(profileOf(75, 90)))).toEqual([[80, 8]])
    expect(entries(log.take(profileOf(100)))).toEqual([])
    expect(entries(log.take(undefined))).toEqual([])
  })

  it('finds them in many chunks, also where samples are out of order, and in memory that is used again', () => {
    const log = new SpanLog(() => undefined)
    for (const round of [0, 1]) {
      const from = round * 10 * CHUNK
      for (let i = 0; i < 5 * CHUNK; i++) log.append((from + i) * 1000, spanOf(i + 1))
      const at = [CHUNK - 1, CHUNK, CHUNK - 5, CHUNK + 1, 3 * CHUNK + 7, 5 * CHUNK - 1, 9 * CHUNK]
      const expected = [CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7, 5 * CHUNK - 1].map((i) => [from + i, i + 1])
      expect(entries(log.take(profileOf(...at.map((i) => from + i))))).toEqual(expected)
    }
  })

  it('says when half of its room is used, and counts what finds none', () => {
    let full = 0
    const log = new SpanLog(() => full++)
    for (let i = 0; i < 32 * CHUNK; i++) log.append(i, undefined)
    expect([full, log.lost]).toEqual([0, 0])
    log.append(32 * CHUNK, undefined)
    expect(full).toBe(1)
    for (let i = 32 * CHUNK + 1; i < 64 * CHUNK + 3; i++) log.append(i, undefined)
    expect([full, log.lost]).toEqual([1, 3])
    log.take(undefined)
    log.append(0, spanOf(1))
    expect([entries(log.take(profileOf(1))).length, log.lost]).toEqual([1, 0])
  })
})
