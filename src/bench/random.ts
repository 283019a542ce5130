/** Repeatable random numbers: equal seeds give equal sequences on every machine and version of Node. */
export interface Random {
  /** 0 ≤ number < 1. */
  next(): number
  /** Whole number, both ends included. */
  integer(min: number, max: number): number
  /** One of the values; throws a RangeError when there is none. */
  pick<T>(values: readonly T[]): T
  /** The values in another order; the given array stays as it is. */
  shuffle<T>(values: readonly T[]): T[]
}

/** A generator for `seed`, any text: mulberry32 (Tommy Ettinger), seeded by the text's FNV-1a hash. */
export function randomFrom(seed: string): Random {
  let state = fnv1a(seed)
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const integer = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1))
  return {
    next,
    integer,
    pick(values) {
      if (values.length === 0) throw new RangeError('There is nothing to pick from.')
      return values[integer(0, values.length - 1)] as (typeof values)[number]
    },
    shuffle(values) {
      const result = [...values]
      for (let i = result.length - 1; i > 0; i--) {
        const j = integer(0, i)
        ;[result[i], result[j]] = [result[j] as (typeof values)[number], result[i] as (typeof values)[number]]
      }
      return result
    },
  }
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash | 0
}
