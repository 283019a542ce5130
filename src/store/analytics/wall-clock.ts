import type { Anchor } from '../codec/block.ts'

/** Turns monotonic times of one process into wall time. */
export class WallClock {
  #offsetNs: bigint | undefined

  /** @param offsetNs what another clock had come to */
  constructor(offsetNs?: bigint) {
    this.#offsetNs = offsetNs
  }

  /** What is added to a monotonic time; `undefined` before the first anchor. */
  get offsetNs(): bigint | undefined {
    return this.#offsetNs
  }

  /**
   * Takes the anchor of the next block. A new offset is only adopted when the clocks went apart (suspend, a clock set by hand):
   * otherwise spans of different blocks would shift against each other by what the two clock reads differ.
   */
  anchor(anchor: Anchor): void {
    const offset = BigInt(Math.round(anchor.wallMs * 1000)) * 1000n - BigInt(Math.round(anchor.monoNs))
    const apart = this.#offsetNs === undefined ? undefined : offset - this.#offsetNs
    if (apart === undefined || apart > MAX_DRIFT_NS || apart < -MAX_DRIFT_NS) this.#offsetNs = offset
  }

  /** Nanoseconds since the epoch. */
  wallNs(monoNs: number): bigint {
    return (this.#offsetNs ?? 0n) + BigInt(Number.isFinite(monoNs) ? Math.round(monoNs) : 0)
  }
}

const MAX_DRIFT_NS = 100_000_000n
