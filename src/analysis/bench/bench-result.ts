/** What `benchmark()` measured: what `--json` prints and what a benchmark's process hands to `perf-agent bench`. */
export interface BenchmarkResult {
  name: string
  /** Of the generated data: equal seeds give equal inputs. */
  seed: string
  node: string
  pid: number
  /** The implementation that the others are compared with. */
  baseline: string
  scenarios: ScenarioResult[]
}

/** One scenario with all implementations. */
export interface ScenarioResult {
  scenario: string
  /** SHA-256 of the input, 16 hex digits: runs with the same one had the same data. */
  fingerprint: string
  /** Calls per sample, the same for all implementations. */
  batch: number
  /** Every call got its own copy of the input, because an implementation changes it. */
  copiesInput: boolean
  implementations: ImplementationResult[]
}

/** One implementation in one scenario. Only what gave the right output is timed. */
export type ImplementationResult = TimedResult | WrongResult | FailedResult

/** An implementation that was measured. */
export interface TimedResult {
  name: string
  status: 'timed'
  isAsync: boolean
  rounds: RoundResult[]
}

/** An implementation whose output differs from the first one's. */
export interface WrongResult {
  name: string
  status: 'wrong'
  /** Where the output first differs, such as `[3].name`; empty: as a whole. */
  path: string
  expected: string
  actual: string
}

/** An implementation that threw. */
export interface FailedResult {
  name: string
  status: 'failed'
  error: string
}

/** One turn of an implementation. */
export interface RoundResult {
  /** Milliseconds per call, one value per sample of `batch` calls. */
  samples: number[]
  calls: number
  /** Milliseconds that these calls took. */
  measuredMs: number
  /** Bytes allocated per call, the median of the samples in which nothing was collected; null when there is none. */
  allocatedBytes: number | null
  /** Garbage collections in this turn and their milliseconds. */
  collections: number
  collectionMs: number
}
