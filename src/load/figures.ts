import histograms from 'hdr-histogram-js/dist/Int32Histogram.js'
import type { Outcome } from './load-client.ts'

/** How a load run went, so far or as a whole; times in milliseconds. */
export interface LoadFigures {
  duration_ms: number
  requests: number
  requests_per_second: number
  /** Without an answer, or with a status of 400 or more. */
  failed: number
  /** 0 to 1. */
  failed_share: number
  /** Due and never sent: every connection was busy. */
  unsent: number
  timeouts: number
  bytes: number
  latency_ms: Record<'mean' | 'p50' | 'p75' | 'p90' | 'p95' | 'p99' | 'p99_9' | 'max', number>
  /** Answers by status. */
  statuses: Record<string, number>
  /** Requests without an answer by reason. */
  errors: Record<string, number>
  /** Requests by latency: below `to_ms` and at or above the `to_ms` before it. */
  histogram: { to_ms: number; requests: number }[]
  /** The slowest, slowest first, one trace each. */
  slowest: SlowRequest[]
}

/** A request among the slowest. */
export interface SlowRequest {
  trace_id: string
  /** From sending to the answer: what the server can know of. */
  service_ms: number
  status: number | null
  error: string | null
}

const SLOWEST = 5
const BOUNDS_MS = [1, 2, 5].flatMap((digit) => [0.1, 1, 10, 100, 1000, 10_000, 100_000].map((power) => digit * power)).sort((a, b) => a - b)

/** Counts outcomes; percentiles to three digits (HDR histogram, in microseconds). */
export class FigureCounter {
  unsent = 0
  readonly #latencies = new histograms.default(1, 600_000_000, 3)
  readonly #buckets = Array.from({ length: BOUNDS_MS.length + 1 }, () => 0)
  readonly #statuses = new Map<string, number>()
  readonly #errors = new Map<string, number>()
  #requests = 0
  #failed = 0
  #bytes = 0
  #slowest: SlowRequest[] = []

  add({ status, error, latencyMs, serviceMs, bytes, traceId }: Outcome): void {
    this.#requests++
    this.#bytes += bytes
    if (status === null || status >= 400) this.#failed++
    if (status !== null) this.#statuses.set(String(status), (this.#statuses.get(String(status)) ?? 0) + 1)
    if (error !== null) this.#errors.set(error, (this.#errors.get(error) ?? 0) + 1)
    this.#latencies.recordValue(Math.min(600_000_000, Math.max(1, Math.round(latencyMs * 1000))))
    const bucket = BOUNDS_MS.findIndex((bound) => latencyMs < bound)
    const at = bucket === -1 ? BOUNDS_MS.length : bucket
    this.#buckets[at] = (this.#buckets[at] ?? 0) + 1
    if (this.#slowest.length === SLOWEST && serviceMs <= (this.#slowest.at(-1)?.service_ms ?? 0)) return
    this.#slowest.push({ trace_id: traceId, service_ms: serviceMs, status, error })
    this.#slowest = this.#slowest.toSorted((a, b) => b.service_ms - a.service_ms).slice(0, SLOWEST)
  }

  figures(durationMs: number): LoadFigures {
    const at = (percentile: number): number => (this.#requests === 0 ? 0 : this.#latencies.getValueAtPercentile(percentile) / 1000)
    const filled = this.#buckets.map((requests, i) => ({ to_ms: BOUNDS_MS[i] ?? Infinity, requests }))
    const first = filled.findIndex(({ requests }) => requests > 0)
    const last = filled.findLastIndex(({ requests }) => requests > 0)
    return {
      duration_ms: durationMs,
      requests: this.#requests,
      requests_per_second: durationMs > 0 ? (this.#requests / durationMs) * 1000 : 0,
      failed: this.#failed,
      failed_share: this.#requests === 0 ? 0 : this.#failed / this.#requests,
      unsent: this.unsent,
      timeouts: this.#errors.get('timeout') ?? 0,
      bytes: this.#bytes,
      latency_ms: {
        mean: this.#requests === 0 ? 0 : this.#latencies.mean / 1000,
        p50: at(50), p75: at(75), p90: at(90), p95: at(95), p99: at(99), p99_9: at(99.9), max: at(100),
      },
      statuses: Object.fromEntries([...this.#statuses].toSorted(([a], [b]) => a.localeCompare(b))),
      errors: Object.fromEntries([...this.#errors].toSorted(([, a], [, b]) => b - a)),
      histogram: first === -1 ? [] : filled.slice(first, last + 1),
      slowest: this.#slowest,
    } // prettier-ignore
  }
}
