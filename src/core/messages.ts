import diagnosticsChannel from 'node:diagnostics_channel'
import { currentSpan } from './context.ts'
import { isSwitchedOff, noteFault } from './guard.ts'
import type { Messages, SpanEnd } from './integration.ts'
import { traceparentOf } from './recorder.ts'
import type { Span } from './span.ts'
import type { Runtime } from './runtime.ts'
import { aiCallOf, endSpan, startSpan } from './span-life.ts'

// Libraries that tell about one operation on several plain channels (undici) instead of one TracingChannel.

interface Operation {
  readonly span: Span
  readonly aiCall: Span | undefined
  update: SpanEnd | undefined
}

/** Declares a subscription to plain channels; like `target` and `channel` it goes into an integration's `targets`. */
export function messages<Message>(definition: Omit<Messages<Message>, 'type'>): Messages<never> {
  return { type: 'messages', ...definition } as unknown as Messages<never>
}

/** Records the operations that `definition` describes; the result ends the subscription. */
export function subscribeMessages(definition: Messages<never>, layer: string, integration: string, runtime: Runtime): () => void {
  const { begin, subject, start, destination, inject, updates, ofAiCall, ends } = definition as unknown as Messages<object>
  const operations = new WeakMap<object, Operation>()
  const unsubscribers: (() => void)[] = []
  const on = (name: string, handler: (message: object) => void): void => {
    const subscriber = (message: unknown): void => {
      // What began while it was recorded is followed to its end.
      if ((name === begin && !runtime.recording) || isSwitchedOff(integration)) return
      try {
        handler(message as object)
      } catch (error) {
        noteFault(integration, error)
      }
    }
    diagnosticsChannel.subscribe(name, subscriber)
    unsubscribers.push(() => diagnosticsChannel.unsubscribe(name, subscriber))
  }

  on(begin, (message) => {
    if (runtime.fault === integration) throw new Error('injected by PERF_TEST_FAULT')
    const started = start(message)
    if (started === undefined) return
    const parent = currentSpan()
    const span = startSpan(started, layer, integration, parent, runtime)
    operations.set(subject(message), { span, aiCall: aiCallOf(span, parent), update: undefined })
    if (inject !== undefined && runtime.allowsPropagation(destination?.(message))) inject(message, traceparentOf(span), span.trace.state)
  })
  for (const [name, read] of Object.entries(updates)) {
    on(name, (message) => {
      const operation = operations.get(subject(message))
      if (operation === undefined) return
      operation.update = read(message)
      const said = operation.aiCall === undefined ? undefined : ofAiCall?.[name]?.(message)
      if (said !== undefined && operation.aiCall !== undefined) runtime.recorder.note(operation.aiCall, said)
    })
  }
  for (const [name, read] of Object.entries(ends)) {
    on(name, (message) => {
      const key = subject(message)
      const operation = operations.get(key)
      if (operation === undefined) return
      operations.delete(key)
      const { outcome, end } = read(message)
      endSpan(runtime, operation.span, outcome, operation.update, end)
    })
  }
  return () => {
    for (const unsubscribe of unsubscribers) unsubscribe()
  }
}
