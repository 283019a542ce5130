import type { Attributes, Layer } from './integration.ts'

// Apart from `hand.ts`, so that the declarations of `@perf/agent/api` reach nothing else of the agent.

type AnyFunction = (...args: never[]) => unknown

/** Instrumentation by hand: what `@perf/agent/api` calls when the agent is loaded. */
export interface HandApi {
  span<T>(name: string, layer: Layer, fn: (span: SpanHandle) => T, attributes?: Attributes): T
  wrap<F extends AnyFunction>(name: string, layer: Layer, fn: F, attributes?: Attributes): F
  start(name: string, layer: Layer, attributes?: Attributes): SpanHandle & Disposable
  /** As `start`, without making it the current span; `variant` is the version of the code that it measures. */
  open(name: string, layer: Layer, attributes: Attributes, variant: CodeVariant | undefined): SpanHandle
  current(): SpanHandle | undefined
  event(name: string, attributes: Attributes): void
  snapshot(name: string, read: () => unknown, options: StateOptions): StateHandle
  cache(record: CacheRecord): void
  reward(record: RewardRecord): void
}

/** What an answer or a choice turned out to be worth. */
export interface RewardRecord {
  /** What was taken: a model, a prompt, a route. A name with few values. */
  option: string
  /** How good it was; larger is better, `true` is 1. */
  value: number | boolean
  /** What was decided, where an app has more than one choice to learn; default `reward`. */
  choice?: string
  /** What the best option would have been worth here, where that is known: regret is counted against it. */
  best?: number
  /** The span it is about, or its ids kept until the reward is known; default: the current one. */
  span?: { readonly traceId: string; readonly spanId: string }
  /** Id of the model's answer (`completion.id`), by which its call is found. */
  responseId?: string
  explanation?: string
}

/** A version of a function's source; the same object for every span of it. */
export interface CodeVariant {
  /** SHA-256 of its tokens, 32 hex digits. */
  readonly hash: string
  readonly name: string
  readonly source: string
}

/** One operation of a cache of the app's own. */
export interface CacheRecord {
  /** Name of the cache, with few values. */
  cache: string
  operation: 'get' | 'set' | 'delete' | 'evict'
  /** Only its keyed hash is kept: by it, a miss finds the `set` that followed. */
  key?: string | number
  /** Of a `get`. */
  hit?: boolean
  /** Size of the value. */
  bytes?: number
  /** Of a `set`: milliseconds the entry lives. */
  ttlMs?: number
}

/** When snapshots of a state are taken, besides at once and on demand. */
export interface StateOptions {
  /** After every so many operations: spans named in `after`, else spans without a parent. */
  every?: number
  /** After each span of this name, or these names. */
  after?: string | readonly string[]
}

/** A state that the agent may take snapshots of. */
export interface StateHandle {
  /** Takes one now. */
  take(): void
  /** Takes no more, also not on demand. */
  stop(): void
}

/** What the app may do with a span. */
export interface SpanHandle {
  readonly traceId: string
  readonly spanId: string
  /** Adds attributes to the span. */
  annotate(attributes: Attributes): void
  /** Runs `fn` with this span as the current one. */
  run<T>(fn: () => T): T
  /** Ends the span, with an error if one is given; later calls are ignored. */
  end(error?: unknown): void
}
