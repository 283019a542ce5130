import { hiddenState } from './hidden-state.ts'
import type { Outcome, Payload, RemoteParent, SpanEnd, SpanStart } from './integration.ts'
import { errorType } from './error-facts.ts'
import { isAiCall } from './recorder.ts'
import type { Recorder, RemoteContext } from './recorder.ts'
import type { Runtime } from './runtime.ts'
import type { Span } from './span.ts'

const recordedErrors = new WeakSet<object>()

/** The span an object of the app was given to carry. */
export const carried = hiddenState<{ span: Span | undefined }>('carried')

/** Opens a span from what a `start` gave. */
export function startSpan(started: SpanStart, layer: string, integration: string, parent: Span | undefined, runtime: Runtime): Span {
  const remote = started.parent === undefined ? undefined : remoteContext(started.parent, runtime)
  const { recorder } = runtime
  // Whoever calls from another process without saying who it is begins a trace, wherever its connection was accepted.
  const local = started.parent === undefined ? parent : undefined
  const ai = started.aiCall === undefined || (local !== undefined && isAiCall(local)) ? undefined : started.aiCall
  const span =
    ai === undefined
      ? recorder.start(started.name, started.layer ?? layer, integration, started.kind, started.attributes, local, remote)
      : recorder.start(ai.name, 'ai', integration, started.kind, { ...started.attributes, ...ai.attributes }, local, remote)
  if (started.payloads !== undefined) recordPayloads(recorder, span, started.payloads)
  if (started.links !== undefined) recordLinks(runtime, span, started.links)
  const other = started.linkedTo === undefined ? undefined : carried.get(started.linkedTo)?.span
  if (other !== undefined) recorder.link(span, other.trace, other.idHigh, other.idLow)
  return span
}

/** The AI call that a request is, or is made for by an SDK: its own span, or the one right above it. */
export function aiCallOf(span: Span, parent: Span | undefined): Span | undefined {
  if (span.layer === 'ai') return span
  return parent !== undefined && parent.layer === 'ai' && !parent.ended ? parent : undefined
}

function recordLinks(runtime: Runtime, span: Span, links: readonly RemoteParent[]): void {
  for (const link of links) {
    const linked = remoteContext(link, runtime)
    if (linked !== undefined) runtime.recorder.link(span, linked.trace, linked.parentHigh, linked.parentLow)
  }
}

function remoteContext(parent: RemoteParent, runtime: Runtime): RemoteContext | undefined {
  return parent.traceparent === undefined ? undefined : runtime.parseTraceparent(parent.traceparent, parent.tracestate)
}

function recordPayloads(recorder: Recorder, span: Span, payloads: readonly Payload[]): void {
  for (const payload of payloads) recorder.payload(span, payload)
}

/** Ends a span by its outcome, with what the definition and the settling strategy add. What cannot be read of it does not cost the span. */
export function endSpan(runtime: Runtime, span: Span, outcome: Outcome, given?: SpanEnd, more?: SpanEnd): void {
  const { recorder } = runtime
  if (given?.error !== undefined) outcome = { ok: false, error: given.error }
  const name = more?.name ?? given?.name
  if (name !== undefined) recorder.rename(span, name)
  const status = more?.status ?? given?.status
  const isError = status === 'error' || (status === undefined && !outcome.ok)
  let attributes = given?.attributes
  try {
    if (more?.attributes !== undefined) recorder.note(span, more.attributes)
    if (isError) {
      const type = more?.errorType ?? given?.errorType ?? (outcome.ok ? undefined : errorType(outcome.error))
      if (type !== undefined) attributes = { ...attributes, 'error.type': type }
      if (!outcome.ok) recordException(recorder, span, outcome.error, more?.exceptionMessage ?? given?.exceptionMessage)
    }
    if (given?.payloads !== undefined) recordPayloads(recorder, span, given.payloads)
    if (more?.payloads !== undefined) recordPayloads(recorder, span, more.payloads)
    if (given?.links !== undefined) recordLinks(runtime, span, given.links)
    if (more?.links !== undefined) recordLinks(runtime, span, more.links)
  } finally {
    recorder.end(span, isError, attributes)
  }
}

/** An error that passes through several spans is described once, at the innermost. */
function recordException(recorder: Recorder, span: Span, error: unknown, message: string | undefined): void {
  if (typeof error === 'object' && error !== null) {
    if (recordedErrors.has(error)) return
    recordedErrors.add(error)
  }
  recorder.exception(span, error, message)
}
