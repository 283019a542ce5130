import type { Attributes, Layer } from './integration.ts'

// Apart from `hand.ts`, so that the declarations of `@perf/agent/api` reach nothing else of the agent.

type AnyFunction = (...args: never[]) => unknown

/** Instrumentation by hand: what `@perf/agent/api` calls when the agent is loaded. */
export interface HandApi {
  span<T>(name: string, layer: Layer, fn: (span: SpanHandle) => T, attributes?: Attributes): T
  wrap<F extends AnyFunction>(name: string, layer: Layer, fn: F, attributes?: Attributes): F
  start(name: string, layer: Layer, attributes?: Attributes): SpanHandle & Disposable
  current(): SpanHandle | undefined
  event(name: string, attributes: Attributes): void
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
