import { FactKind } from '../core/layout.ts'
import type { Block } from '../store/codec/block.ts'
import { wallAnchor } from './anchor.ts'
import { factRecord } from './facts.ts'

/** Facts the writer thread finds out itself (metrics, collections, stalls), as blocks of its own thread. */
export class OwnFacts {
  private readonly thread: number
  private records: Buffer[] = []
  private sequence = 0

  constructor(thread: number) {
    this.thread = thread
  }

  /** Adds a fact; its text must hold nothing that needs redaction. */
  add(kind: keyof typeof FactKind, fact: object): void {
    this.records.push(factRecord(FactKind[kind], JSON.stringify(fact)))
  }

  /** The next block, or undefined when there is nothing new. */
  take(): Block | undefined {
    if (this.records.length === 0) return undefined
    const data = Buffer.concat(this.records)
    const n = this.records.length
    this.records = []
    return { v: 1, thread: this.thread, seq: this.sequence++, n, spans: 0, anchor: wallAnchor(), strings: {}, counters: {}, data }
  }
}
