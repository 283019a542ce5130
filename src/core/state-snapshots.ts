import { wallMs } from './clock.ts'
import { currentSpan } from './context.ts'
import type { StateHandle, StateOptions } from './hand-api.ts'
import { hex32 } from './ids.ts'
import { SpanFlag } from './layout.ts'
import { boundedText } from './payload.ts'
import type { Recorder } from './recorder.ts'
import type { Span } from './span.ts'

// Snapshots of the app's own state: the app gives a name and a function, the function is called when one is to be taken.

interface Source {
  readonly name: string
  readonly read: () => unknown
  readonly every: number
  readonly after: ReadonlySet<string> | undefined
  counted: number
}

/** Characters of one snapshot at most; less where the ring is small. */
const MAX_CHARS = 256 * 1024

/** The state snapshots of one thread. */
export class StateSnapshots {
  private readonly recorder: Recorder
  private readonly sources = new Map<string, Source>()
  private readonly maxChars: number
  private isReading = false

  constructor(recorder: Recorder) {
    this.recorder = recorder
    this.maxChars = Math.min(MAX_CHARS, recorder.ring.capacity >> 4)
  }

  /** Takes the first snapshot of `name` at once, and more as `options` say; another function of the same name replaces it. */
  add(name: string, read: () => unknown, options: StateOptions): StateHandle {
    const { every, after } = options
    const source: Source = {
      name: String(name),
      read,
      every: every !== undefined && every >= 1 ? Math.floor(every) : after === undefined ? Infinity : 1,
      after: after === undefined ? undefined : new Set(typeof after === 'string' ? [after] : after),
      counted: 0,
    }
    this.sources.set(source.name, source)
    this.updateHook()
    this.take(source, 'call')
    return {
      take: () => this.take(source, 'call'),
      stop: () => {
        if (this.sources.get(source.name) === source) this.sources.delete(source.name)
        this.updateHook()
      },
    }
  }

  /** Takes one of every state there is. */
  takeAll(reason: string): void {
    for (const source of this.sources.values()) this.take(source, reason)
  }

  /** Nothing on the way of a span while nobody wants to know. */
  private updateHook(): void {
    const isWanted = [...this.sources.values()].some((source) => source.every !== Infinity)
    this.recorder.onEnd = isWanted ? (span) => this.spanEnded(span) : undefined
  }

  private spanEnded(span: Span): void {
    for (const source of this.sources.values()) {
      const isCounted = source.after === undefined ? (span.flags & SpanFlag.root) !== 0 : source.after.has(span.name)
      if (isCounted && ++source.counted % source.every === 0)
        this.take(source, source.after === undefined ? `every ${source.every}` : span.name, span)
    }
  }

  private take(source: Source, reason: string, span: Span | undefined = currentSpan()): void {
    // The function's own spans take no snapshots.
    if (this.isReading) return
    this.isReading = true
    try {
      const value = source.read()
      if (value instanceof Promise)
        value.then((later: unknown) => this.keep(source, reason, span, later), (error: unknown) => this.fail(source, reason, span, error)) // prettier-ignore
      else this.keep(source, reason, span, value)
    } catch (error) {
      this.fail(source, reason, span, error)
    } finally {
      this.isReading = false
    }
  }

  private keep(source: Source, reason: string, span: Span | undefined, value: unknown): void {
    const { text, cut, json } = boundedText(value, this.maxChars)
    this.write(source, reason, span, cut, `,"value":${json ? text : JSON.stringify(text)}`)
  }

  private fail(source: Source, reason: string, span: Span | undefined, error: unknown): void {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    this.write(source, reason, span, false, `,"error":${JSON.stringify(message.slice(0, 500))}`)
  }

  private write(source: Source, reason: string, span: Span | undefined, cut: boolean, rest: string): void {
    const spanId = span === undefined || span.weight <= 0 ? undefined : hex32(span.idHigh) + hex32(span.idLow)
    const head = JSON.stringify({ name: source.name, at: wallMs(), reason, spanId, cut })
    this.recorder.factText('state', `${head.slice(0, -1)}${rest}}`)
  }
}
