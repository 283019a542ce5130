// What the time of a span was: by pieces of time that are looked up, checked against every piece held against every other.
import { describe, expect, it } from 'vitest'
import { partsOf } from '../../src/analysis/time-parts.ts'
import { seeded } from '../support/generate-session.ts'

type SpanRow = Parameters<typeof partsOf>[0][number]
type Stall = NonNullable<Parameters<typeof partsOf>[1]['stalls']>[number]

function spanOf(id: string, parent: string | null, from: number, to: number, rest: Partial<SpanRow> = {}): SpanRow {
  return {
    span_id: id, parent_id: parent, name: id, layer: 'function', kind: 'internal', process: 1, thread: 0, from, to,
    duration_ms: to - from, self_ms: null, cpu_ms: null, pool_ms: null, ...rest,
  } // prettier-ignore
}

/** Stalls of a thread that do not overlap, some of a span. */
function stallsOf(spans: readonly SpanRow[], thread: number, count: number, random: () => number): Stall[] {
  let at = 0
  return Array.from({ length: count }, () => {
    const from = (at += random() * 10)
    at += random() * 5
    return {
      process: 1,
      thread,
      from,
      to: at,
      span_id: random() < 0.3 ? null : (spans[Math.floor(random() * spans.length)]?.span_id ?? null),
    }
  })
}

/** The self time of each span in which its thread was blocked by what is neither its own nor below it, millisecond by thousandth. */
function loopByHand(spans: readonly SpanRow[], stalls: readonly Stall[]): number[] {
  const parents = new Map(spans.map(({ span_id, parent_id }) => [span_id, parent_id]))
  const isBelow = (id: string | null, above: string): boolean => id !== null && (id === above || isBelow(parents.get(id) ?? null, above))
  return spans.map((span) => {
    const bounds = [...spans, ...stalls].flatMap(({ from, to }) => [from, to]).concat(span.from, span.to).filter((at) => at >= span.from && at <= span.to).sort((a, b) => a - b) // prettier-ignore
    let sum = 0
    for (let i = 1; i < bounds.length; i++) {
      const [from, to] = [bounds[i - 1] ?? 0, bounds[i] ?? 0]
      const covers = (piece: { from: number; to: number }): boolean => piece.from <= from && piece.to >= to && to > from
      if (spans.some((child) => child.parent_id === span.span_id && covers(child))) continue
      if (stalls.some((stall) => stall.thread === span.thread && covers(stall) && !isBelow(stall.span_id, span.span_id))) sum += to - from
    }
    return sum
  })
}

describe('the parts of a span', () => {
  it('fit what is found by holding everything against everything', () => {
    const random = seeded(11)
    for (let round = 0; round < 30; round++) {
      const spans: SpanRow[] = []
      for (let i = 0; i < 25; i++) {
        const parent = i === 0 || random() < 0.1 ? undefined : spans[Math.floor(random() * spans.length)]
        // Children may outlive their parent.
        const from = parent === undefined ? random() * 100 : parent.from + random() * (parent.to - parent.from)
        spans.push(spanOf(`s${i}`, parent?.span_id ?? null, from, from + random() * 60, { thread: random() < 0.8 ? 0 : 3 }))
      }
      const stalls = [...stallsOf(spans, 0, 12, random), ...stallsOf(spans, 3, 6, random)]
      const found = partsOf(spans, { gc: null, stalls, heap: [] })
      const byHand = loopByHand(spans, stalls)
      for (const [i, part] of found.entries()) expect(part.loop_ms).toBeCloseTo(byHand[i] ?? NaN, 6)
    }
  })

  it('are known of a call within a call 20,000 deep, and of 200,000 in one trace', () => {
    const deep = Array.from({ length: 20_000 }, (_, i) => spanOf(`s${i}`, i === 0 ? null : `s${i - 1}`, i, 100_000 - i))
    const stall = { process: 1, thread: 0, from: 50_000, to: 50_100, span_id: 's19999' }
    const parts = partsOf(deep, { gc: null, stalls: [stall, { ...stall, from: 0.25, to: 0.75, span_id: null }], heap: [] })
    expect([parts[0]?.loop_ms, parts[1]?.loop_ms, parts.at(-1)?.loop_ms, parts.at(-1)?.blocking_ms]).toEqual([0.5, 0, 0, 100])
    const wide = Array.from({ length: 200_000 }, (_, i) => spanOf(`s${i}`, i === 0 ? null : 's0', i, i + 1))
    const stalls = Array.from({ length: 1000 }, (_, i) => ({
      process: 1,
      thread: 0,
      from: 200 * i + 1.25,
      to: 200 * i + 1.5,
      span_id: null,
    }))
    const found = partsOf(wide, { gc: stalls, stalls, heap: [] })
    expect(found.filter(({ loop_ms }) => loop_ms === 0.25)).toHaveLength(1000)
    expect(found.reduce((sum, { gc_ms }) => sum + (gc_ms ?? 0), 0)).toBe(250)
  })

  it('of the heap are between the samples around it', () => {
    const heap = [0, 1, 2, 3, 4, 5, 6].map((second) => ({ process: 1, at: 1000 * second, value: 100 * second * second }))
    const change = (from: number, to: number): number | null | undefined =>
      partsOf([spanOf('a', null, from, to)], { gc: null, stalls: null, heap })[0]?.heap_bytes
    expect([change(1500, 5500), change(-1000, 4500), change(-2000, 4500), change(1500, 2500), change(6500, 9900)]).toEqual([
      2500 - 100, 1600, null, null, null,
    ]) // prettier-ignore
  })
})
