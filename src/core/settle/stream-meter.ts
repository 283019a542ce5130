import type { Attributes, SpanEnd, StreamEnd } from '../integration.ts'
import type { Ending, StreamNaming } from './ending.ts'

/** What the meter needs of an AbortSignal. */
interface Signal {
  readonly aborted: boolean
  readonly reason?: unknown
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}

const unfinished = new Set<StreamMeter>()

/** Ends the spans of all streams that nobody has read to an end: the process ends. */
export function abandonStreams(): void {
  for (const meter of unfinished) meter.finish('abandoned')
}

/** Ends the spans of streams and iterators that were garbage collected before their end. */
const abandoned = new FinalizationRegistry<StreamMeter>((meter) => meter.finish('abandoned'))

/**
 * Counts and times one stream and ends its span once, however it ends. It holds neither the stream nor a chunk, so that
 * a stream nobody reads can be collected.
 */
export class StreamMeter {
  chunks = 0
  /** Readers that can still go on; a `tee()` makes it two. */
  branches = 1
  private readonly ending: Ending
  private readonly signal: Signal | undefined
  /** Nobody but the caller aborts it; an SDK's own controller is aborted by the SDK when a stream fails. */
  private readonly isCallers: boolean
  private readonly state: unknown
  private readonly onAbort = (): void => this.aborted()
  private finished = false
  private reading = 0
  private askedMs: number
  private lastMs = 0
  private firstMs = 0
  private contentMs = 0
  private maxGapMs = 0
  private gapsMs = 0

  constructor(ending: Ending, signal?: unknown) {
    this.ending = ending
    this.askedMs = ending.startMs
    this.state = ending.guard('stream.state', () => ending.streamReading?.state())
    this.signal = isSignal(signal) ? signal : undefined
    this.isCallers = this.signal !== undefined && signal === ending.streamSignal
    this.signal?.addEventListener('abort', this.onAbort)
    unfinished.add(this)
  }

  /** Ends the span as abandoned when `object` is collected; replaces the object watched before. */
  watchCollection(object: object): void {
    abandoned.unregister(this)
    if (!this.finished) abandoned.register(object, this, this)
  }

  runInContext<T>(fn: () => T): T {
    return this.ending.runInContext(fn)
  }

  /** A reader waits for the next chunk. */
  asked(): void {
    if (this.reading++ === 0) this.askedMs = this.ending.nowMs()
  }

  /** A reader waits no longer; what it got is told next. */
  answered(): void {
    this.reading--
  }

  /** A chunk arrived; called before the app gets it. */
  got(chunk: unknown): void {
    if (this.finished) return
    const now = this.ending.nowMs()
    if (this.chunks++ === 0) this.firstMs = now
    else this.noteGap(now - Math.max(this.lastMs, this.askedMs))
    this.lastMs = now
    const reading = this.ending.streamReading
    if (reading !== undefined) {
      const content: unknown = this.ending.guard('stream.chunk', () => reading.chunk(this.state as never, chunk))
      if (content === true && this.contentMs === 0) this.contentMs = now
    }
    if (this.signal?.aborted === true) this.aborted()
  }

  /** The source says it is over. SDK streams end silently after an abort, so the signal is asked. */
  exhausted(): void {
    this.finish(this.signal?.aborted === true ? 'abort' : 'complete')
  }

  failed(error: unknown): void {
    const isAbort = isAbortError(error) || (this.signal?.aborted === true && (this.isCallers || error === this.signal.reason))
    this.finish(isAbort ? 'abort' : 'error', error)
  }

  /** One reader stops before the end. */
  stopped(): void {
    if (--this.branches <= 0) this.finish(this.signal?.aborted === true ? 'abort' : 'early')
  }

  finish(end: StreamEnd, error?: unknown): void {
    if (this.finished) return
    this.finished = true
    unfinished.delete(this)
    this.signal?.removeEventListener('abort', this.onAbort)
    abandoned.unregister(this)
    const { ending } = this
    const given = ending.guard('stream.finish', () => ending.streamReading?.finish(this.state as never, end))
    const more: SpanEnd = { ...given, attributes: { ...this.attributes(end), ...given?.attributes } }
    if (end === 'abort') more.status = 'unset'
    ending.end(end === 'error' ? { ok: false, error } : { ok: true, result: undefined }, more)
  }

  // An SDK aborts its own controller when a stream fails or is left: while a read is pending, the read tells which it was.
  private aborted(): void {
    if (this.reading === 0) this.finish('abort')
  }

  private noteGap(gapMs: number): void {
    this.gapsMs += gapMs
    if (gapMs > this.maxGapMs) this.maxGapMs = gapMs
  }

  private attributes(end: StreamEnd): Attributes {
    const attributes: Attributes = { 'perf.stream.end': end, 'perf.stream.chunks': this.chunks }
    if (this.chunks === 0) return attributes
    const { startMs, streamReading } = this.ending
    const seconds = (streamReading as StreamNaming | undefined)?.firstChunkSeconds
    if (seconds === undefined) attributes['perf.stream.time_to_first_chunk_ms'] = round(this.firstMs - startMs)
    else attributes[seconds] = round((this.firstMs - startMs) / 1000, 1e6)
    if (this.contentMs > 0) attributes['perf.stream.time_to_first_content_ms'] = round(this.contentMs - startMs)
    if (this.chunks > 1) {
      attributes['perf.stream.max_gap_ms'] = round(this.maxGapMs)
      attributes['perf.stream.mean_gap_ms'] = round(this.gapsMs / (this.chunks - 1))
    }
    return attributes
  }
}

/** True for the errors by which fetch, Node and the AI SDKs say that the caller cancelled. */
export function isAbortError(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  const { name, constructor } = error as { name?: unknown; constructor?: { name?: unknown } }
  return name === 'AbortError' || constructor?.name === 'APIUserAbortError'
}

function isSignal(value: unknown): value is Signal {
  return typeof value === 'object' && value !== null && 'aborted' in value && typeof (value as Signal).addEventListener === 'function'
}

const round = (value: number, precision = 1000): number => Math.round(value * precision) / precision
