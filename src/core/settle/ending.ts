import type { Attributes, Outcome, SpanEnd, StreamReading } from '../integration.ts'

/** What a settling strategy may do with the span of the call it watches. It never holds the call's result. */
export interface Ending {
  /** Ends the span; every call after the first is ignored. */
  end(outcome: Outcome, more?: SpanEnd): void
  readonly ended: boolean
  /** Adds attributes before the end. */
  note(attributes: Attributes): void
  /** What the target keeps per stream, when it declared it. */
  readonly streamReading: StreamReading<unknown> | undefined
  /** The `AbortSignal` of the call, when its target knows it. */
  readonly streamSignal?: unknown
  /** Clock of `startMs`, in milliseconds. */
  nowMs(): number
  readonly startMs: number
  /** Runs `fn` with the span as the current one. */
  runInContext<T>(fn: () => T): T
  /** Runs the agent's own code; a throw is counted for the integration and gives `undefined`. */
  guard<T>(where: string, fn: () => T): T | undefined
}

/**
 * What a `StreamReading` may add to the contract: the name of an attribute that takes the seconds from the call to the
 * first chunk. Its `chunk` may return true for a chunk that carries content (an AI stream opens with chunks that do not).
 */
export interface StreamNaming {
  readonly firstChunkSeconds?: string
}
