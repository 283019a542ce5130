import { FactKind } from '../core/layout.ts'
import type { Block } from '../store/codec/block.ts'
import { wallAnchor } from './anchor.ts'
import { factRecord } from './facts.ts'

const MAX_WAIT_MS = 1900

/** Facts the writer thread finds out itself (metrics, collections, stalls), as blocks of its own thread. */
export class OwnFacts {
  private readonly thread: number
  private records: Buffer[] = []
  /** When the oldest of them must be stored, in ms of `performance.now`. */
  private dueMs = Infinity
  private sequence = 0

  constructor(thread: number) {
    this.thread = thread
  }

  /**
   * Adds a fact; its text must hold nothing that needs redaction. It is stored with the next records of the app, or by itself within
   * two seconds: a commit costs more than the fact.
   */
  add(kind: keyof typeof FactKind, fact: object, isUrgent = false): void {
    this.dueMs = Math.min(this.dueMs, isUrgent ? 0 : performance.now() + MAX_WAIT_MS)
    this.records.push(factRecord(FactKind[kind], JSON.stringify(fact)))
  }

  /** The next block, or undefined when there is nothing new. `isAlone`: it would be stored by itself, and waits until that is due. */
  take(isAlone: boolean): Block | undefined {
    if (this.records.length === 0 || (isAlone && performance.now() < this.dueMs)) return undefined
    this.dueMs = Infinity
    const data = Buffer.concat(this.records)
    const n = this.records.length
    this.records = []
    return { v: 1, thread: this.thread, seq: this.sequence++, n, spans: 0, anchor: wallAnchor(), strings: {}, counters: {}, data }
  }
}
