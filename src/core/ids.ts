import fs from 'node:fs'

// Ids as pairs of signed 32-bit integers: they stay small integers in V8 and never allocate.
// The generator is sfc32 (Chris Doty-Humphrey, PractRand), seeded from the operating system; it never touches Math.random,
// whose sequence belongs to the app.

let a = 0
let b = 0
let c = 0
let counter = 1

/** Seeds the generator; called once per thread at boot. */
export function seedIds(): void {
  const seed = randomSeed()
  a = seed[0] ?? 0
  b = seed[1] ?? 0
  c = seed[2] ?? 0
  counter = 1
  for (let i = 0; i < 12; i++) random32()
  spanLow = random32()
}

/** 32 random bits as a signed integer. */
export function random32(): number {
  const t = (((a + b) | 0) + counter) | 0
  counter = (counter + 1) | 0
  a = b ^ (b >>> 9)
  b = (c + (c << 3)) | 0
  c = (c << 21) | (c >>> 11)
  c = (c + t) | 0
  return t
}

let spanLow = 0

/** Low half of the next span id: a counter that starts at random, so that ids next to each other compress and index well. */
export function nextSpanLow(): number {
  spanLow = (spanLow + 1) | 0
  return spanLow
}

/** High half of a span id: a coarse clock (2^26 ns ≈ 67 ms), never 0. */
export function spanHigh(startNs: number): number {
  return Math.floor(startNs / 67_108_864) | 0 || 1
}

/** A 64-bit random id in hex, for a process instance. */
export function randomHex64(): string {
  return hex32(random32()) + hex32(random32())
}

/** 8 hex digits of a 32-bit integer. */
export function hex32(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0')
}

function randomSeed(): Int32Array {
  const seed = new Int32Array(4)
  try {
    const file = fs.openSync('/dev/urandom', 'r')
    fs.readSync(file, seed, 0, 16, null)
    fs.closeSync(file)
  } catch {
    crypto.getRandomValues(seed)
  }
  return seed
}
