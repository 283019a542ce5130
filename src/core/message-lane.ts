import type { RemoteContext } from './recorder.ts'
import type { Span } from './span.ts'

// Messages that go one way between two threads: in which span the n-th of them was posted.
//
// one entry per message, by its number modulo ENTRIES:  number · lane, and 1 when it is sampled · trace a b c d · span high, low
//
// The number is written last and looked at twice, so an entry is whole or not there. A message that waits while ENTRIES others are posted
// behind it loses its entry, and so may one of two lanes that share a place: it is then without a span, never in a wrong one.

const LANES = 128
const ENTRIES = 256
const WORDS = 8

/** Size of the table of all lanes: touched where messages are posted, and not before. */
export const MESSAGE_TABLE_BYTES = LANES * ENTRIES * WORDS * 4

export class MessageLane {
  private readonly words: Int32Array
  private readonly base: number
  private readonly tag: number
  private count = 0

  /** `id` names the lane within the process; both ends give the same. */
  constructor(table: SharedArrayBuffer, id: number) {
    this.words = new Int32Array(table)
    this.base = (id % LANES) * ENTRIES * WORDS
    this.tag = id << 1
  }

  /** Notes the span of the message that is about to be posted. */
  sending(span: Span | undefined): void {
    const number = (this.count + 1) | 0
    const at = this.place(number)
    const { words } = this
    Atomics.store(words, at, 0)
    if (span === undefined) return
    const { a, b, c, d } = span.trace
    words[at + 1] = this.tag | (span.weight > 0 ? 1 : 0)
    words[at + 2] = a
    words[at + 3] = b
    words[at + 4] = c
    words[at + 5] = d
    words[at + 6] = span.idHigh
    words[at + 7] = span.idLow
    Atomics.store(words, at, number)
  }

  /** The message was posted: the next one has the next number. */
  sent(): void {
    this.count = (this.count + 1) | 0
  }

  /** Counts a message that has arrived; the span it was posted in, where that is known. */
  received(): RemoteContext | undefined {
    const number = (this.count = (this.count + 1) | 0)
    const at = this.place(number)
    const { words } = this
    if (Atomics.load(words, at) !== number) return undefined
    const [tag = 0, a = 0, b = 0, c = 0, d = 0, parentHigh = 0, parentLow = 0] = words.subarray(at + 1, at + WORDS)
    const sampled = (tag & 1) === 1
    if (Atomics.load(words, at) !== number || (tag & ~1) !== this.tag || number === 0) return undefined
    return { trace: { a, b, c, d }, parentHigh, parentLow, sampled }
  }

  private place(number: number): number {
    return this.base + (number & (ENTRIES - 1)) * WORDS
  }
}
