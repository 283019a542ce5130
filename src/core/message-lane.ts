import type { RemoteContext } from './recorder.ts'
import type { Span } from './span.ts'

// Messages that go one way between two threads: in which span the n-th of them was posted. All threads of a process share the table.
//
//   lanes  LANES × ENTRIES × 8 words   number · lane, and 1 when it is sampled · trace a b c d · span high, low
//   ports  PORTS × 8 words             number · lane · index · lanes out, in of the port · messages out, in so far
//   head   2 words                     next lane · next port
//
// The number is written last and looked at twice, so an entry is whole or not there. A message that waits while ENTRIES others are posted
// behind it loses its entry, and so may one of two lanes that share a place: it is then without a span, never in a wrong one.

const LANES = 128
const ENTRIES = 256
const WORDS = 8
const PORTS = 64
const PORTS_AT = LANES * ENTRIES * WORDS
const HEAD_AT = PORTS_AT + PORTS * WORDS

/** Lanes below this are those of worker threads, by their thread. */
const FIRST_CHANNEL = 1 << 20

/** Size of the table: touched where messages are posted, and not before. */
export const MESSAGE_TABLE_BYTES = (HEAD_AT + 2) * 4

export class MessageLane {
  readonly id: number
  count: number
  private readonly words: Int32Array

  /** `id` names the lane within the process; both ends give the same, and how many messages went before. */
  constructor(words: Int32Array, id: number, count = 0) {
    this.words = words
    this.id = id
    this.count = count
  }

  /** The other end of a lane in the same thread: it counts by itself. */
  otherEnd(): MessageLane {
    return new MessageLane(this.words, this.id, this.count)
  }

  /** The number of the message that comes next. */
  get next(): number {
    return (this.count + 1) | 0
  }

  /** Notes the span of the message that is about to be posted. */
  sending(span: Span | undefined): void {
    this.write(span?.trace, span?.idHigh ?? 0, span?.idLow ?? 0, span !== undefined && span.weight > 0)
  }

  /** As `sending`, for a span of another thread. */
  sendingFrom({ trace, parentHigh, parentLow, sampled }: RemoteContext): void {
    this.write(trace, parentHigh, parentLow, sampled)
  }

  private write(trace: RemoteContext['trace'] | undefined, high: number, low: number, sampled: boolean): void {
    const { words, next } = this
    const at = this.place(next)
    Atomics.store(words, at, 0)
    if (trace === undefined) return
    words[at + 1] = (this.id << 1) | (sampled ? 1 : 0)
    words[at + 2] = trace.a
    words[at + 3] = trace.b
    words[at + 4] = trace.c
    words[at + 5] = trace.d
    words[at + 6] = high
    words[at + 7] = low
    Atomics.store(words, at, next)
  }

  /** The message was posted: the next one has the next number. */
  sent(): void {
    this.count = this.next
  }

  /** Counts a message that has arrived; the span it was posted in, where that is known. */
  received(): RemoteContext | undefined {
    const number = (this.count = this.next)
    const at = this.place(number)
    const { words } = this
    if (number === 0 || Atomics.load(words, at) !== number) return undefined
    const [tag = 0, a = 0, b = 0, c = 0, d = 0, parentHigh = 0, parentLow = 0] = words.subarray(at + 1, at + WORDS)
    if (Atomics.load(words, at) !== number || tag >> 1 !== this.id) return undefined
    return { trace: { a, b, c, d }, parentHigh, parentLow, sampled: (tag & 1) === 1 }
  }

  private place(number: number): number {
    return ((this.id % LANES) * ENTRIES + (number & (ENTRIES - 1))) * WORDS
  }
}

/** Both lanes of a port, as its end sees them. */
export interface PortLanes {
  outgoing: MessageLane
  incoming: MessageLane
}

/** Which ports travel with which messages between threads. */
export class PortRegister {
  private readonly words: Int32Array

  constructor(table: SharedArrayBuffer) {
    this.words = new Int32Array(table)
  }

  /** The lanes between a worker thread and its parent, as the parent sees them. */
  ofThread(threadId: number): PortLanes {
    return { outgoing: new MessageLane(this.words, threadId * 2), incoming: new MessageLane(this.words, threadId * 2 + 1) }
  }

  /** The lanes of a new channel, as its first port sees them. */
  ofChannel(): PortLanes {
    const id = FIRST_CHANNEL + (Atomics.add(this.words, HEAD_AT, 2) & 0xfffffff)
    return { outgoing: new MessageLane(this.words, id), incoming: new MessageLane(this.words, id + 1) }
  }

  /** A port travels with the next message of `carrier`, the `index`-th of its ports. */
  put(carrier: MessageLane, index: number, { outgoing, incoming }: PortLanes): void {
    const { words } = this
    const at = PORTS_AT + (Atomics.add(words, HEAD_AT + 1, 1) & (PORTS - 1)) * WORDS
    Atomics.store(words, at, 0)
    words.set([carrier.id, index, outgoing.id, incoming.id, outgoing.count, incoming.count], at + 1)
    Atomics.store(words, at, carrier.next)
  }

  /** The message that was to be posted next was not. */
  forget(carrier: MessageLane): void {
    for (let at = PORTS_AT; at < HEAD_AT; at += WORDS)
      if (this.words[at] === carrier.next && this.words[at + 1] === carrier.id) Atomics.store(this.words, at, 0)
  }

  /** The lanes of the `index`-th port that came with the last message of `carrier`. */
  take(carrier: MessageLane, index: number): PortLanes | undefined {
    const { words } = this
    for (let at = PORTS_AT; at < HEAD_AT; at += WORDS) {
      if (Atomics.load(words, at) !== carrier.count || words[at + 1] !== carrier.id || words[at + 2] !== index) continue
      const [outgoing = 0, incoming = 0, out = 0, into = 0] = words.subarray(at + 3, at + 7)
      if (Atomics.compareExchange(words, at, carrier.count, 0) !== carrier.count) continue
      return { outgoing: new MessageLane(words, outgoing, out), incoming: new MessageLane(words, incoming, into) }
    }
    return undefined
  }
}
