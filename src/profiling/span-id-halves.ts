/** Steps over more low halves than these are those of another thread. */
const MAX_STEP = 1 << 16
/** With a high half for every 67 ms: 18 hours of work. */
const MAX_RUNS = 1_000_000

/**
 * The high halves of span ids by their low ones, without an entry per span: low halves count up, and the high one, a coarse clock, is the same for
 * a run of them. A native sampler can then be given the low half, a small integer, where an object would be kept alive beyond each collection.
 */
export class SpanIdHalves {
  private first: number | undefined
  /** Where each run begins, counted from the first id, and its high half. */
  private readonly starts: number[] = []
  private readonly highs: number[] = []
  private latest = 0

  /** Whether `highOf(idLow)` is `idHigh`, now and later. */
  holds(idHigh: number, idLow: number): boolean {
    this.first ??= idLow
    const at = (idLow - this.first) >>> 0
    const last = this.starts.length - 1
    if (at >= this.latest && at - this.latest < MAX_STEP && last < MAX_RUNS) {
      if (last < 0 || (this.highs[last] !== idHigh && at > this.latest)) {
        this.starts.push(at)
        this.highs.push(idHigh)
      }
      this.latest = at
    }
    return at <= this.latest && this.highOf(idLow) === idHigh
  }

  /** The high half that belongs to a low one for which `holds` was true. */
  highOf(idLow: number): number | undefined {
    const at = (idLow - (this.first ?? 0)) >>> 0
    let low = this.starts.length - 1
    // Nearly always the last run.
    if (at >= (this.starts[low] ?? 0)) return this.highs[low]
    low = 0
    let high = this.starts.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.starts[middle] ?? Infinity) <= at) low = middle + 1
      else high = middle
    }
    return this.highs[low - 1]
  }
}
