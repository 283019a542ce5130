/** Repeatable numbers, 0 ≤ x < 1 (sfc32, Chris Doty-Humphrey, PractRand): equal seeds give equal results. */
export function seededRandom(seed: number): () => number {
  let a = 0x9e3779b9
  let b = 0x243f6a88
  let c = seed | 0
  let counter = 1
  const next = (): number => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    return (sum >>> 0) / 4_294_967_296
  }
  // The first numbers of neighbouring seeds are alike.
  for (let i = 0; i < 15; i++) next()
  return next
}
