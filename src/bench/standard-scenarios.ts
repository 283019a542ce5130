import { mkdtempSync, rmSync, writeFileSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promptOf, recordOf, wordsOf, type BenchRecord } from './generate-data.ts'
import type { Scenario } from './scenario.ts'

/** What each standard scenario gives an implementation. */
export interface StandardInputs {
  /** Whole and broken, negative and repeated ones. */
  numbers: number[]
  /** Empty ones, words, sentences, umlauts, Chinese, emoji. */
  strings: string[]
  /** Of different lengths, some empty. */
  arrays: number[][]
  /** Nested, with optional fields. */
  objects: BenchRecord[]
  /** The text of such objects. */
  json: string
  /** A prompt as assistants get it: instructions, documents, code, a table, a question. */
  text: string
  /** Paths of files of 1 to 64 KB, to be read asynchronously. */
  io: string[]
}

/** Name of a standard scenario. */
export type StandardScenario = keyof StandardInputs

/** How much a standard scenario makes by default: numbers, strings, arrays, objects, objects of the JSON, characters, files. */
const SIZES: Record<StandardScenario, number> = { numbers: 1000, strings: 1000, arrays: 100, objects: 200, json: 200, text: 16_000, io: 16 }

/** Names of all standard scenarios. */
export const standardScenarios = Object.keys(SIZES) as StandardScenario[]

/** A standard scenario; `size` is how many numbers, strings, arrays, objects, characters (of `text`) or files it makes. */
export function scenario<N extends StandardScenario>(name: N, { size = SIZES[name] }: { size?: number } = {}): Scenario<StandardInputs[N]> {
  return MAKERS[name](size)
}

const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))

const MAKERS: { [N in StandardScenario]: (size: number) => Scenario<StandardInputs[N]> } = {
  numbers: (size) => ({
    create: (random) =>
      times(size, () => {
        const kind = random.next()
        if (kind < 0.4) return random.integer(-1000, 1000)
        return kind < 0.6 ? random.integer(-1e9, 1e9) : (random.next() - 0.5) * 10 ** random.integer(-3, 9)
      }),
  }),
  strings: (size) => ({
    create: (random) => times(size, () => (random.next() < 0.02 ? '' : wordsOf(random, random.next() < 0.7 ? 1 : random.integer(2, 20)))),
  }),
  arrays: (size) => ({ create: (random) => times(size, () => times(random.integer(0, 40), () => random.integer(0, 1000))) }),
  objects: (size) => ({ create: (random) => times(size, (i) => recordOf(random, i)) }),
  json: (size) => ({ create: (random) => JSON.stringify(times(size, (i) => recordOf(random, i))) }),
  text: (size) => ({ create: (random) => promptOf(random, size) }),
  io: (size) => ({
    create(random) {
      const folder = mkdtempSync(path.join(os.tmpdir(), 'perf-bench-'))
      return times(size, (i) => {
        const file = path.join(folder, `${String(i).padStart(3, '0')}.txt`)
        const lines = wordsOf(random, 200)
        writeFileSync(file, lines.repeat(Math.ceil((random.integer(1, 64) * 1024) / lines.length)))
        return file
      })
    },
    dispose: ([first]) => (first === undefined ? undefined : rmSync(path.dirname(first), { recursive: true, force: true })),
    identity: (files) => files.map((file) => readFileSync(file, 'utf8')),
  }),
}
