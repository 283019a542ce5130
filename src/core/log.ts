import diagnosticsChannel from 'node:diagnostics_channel'
import { currentSpan } from './context.ts'
import { isSwitchedOff, noteFault } from './guard.ts'
import { hex32 } from './ids.ts'
import type { Call, LoadedModule, Log, LogChannel, LogIds, LogLine } from './integration.ts'
import type { Span } from './span.ts'
import { disguise, wrapOnce } from './disguise.ts'
import type { Runtime } from './runtime.ts'

// Lines of logs: what a logger writes is stored with the span in which it was written. No logging call is made here, and what the
// logger writes is not touched, except for the ids where the user asked for them.

type AnyFunction = (...args: unknown[]) => unknown
type AnyLog = Log<{ self: unknown; args: unknown[]; result: unknown }>

const reflectApply = Reflect.apply

/** A logger is at work: what it passes on to another one (winston to the console) is the same line. */
let isWriting = false

/** The wrapper of `original` that records the lines it writes. */
export function wrapLog(
  original: AnyFunction,
  definition: Log<never>,
  integration: string,
  module: LoadedModule,
  runtime: Runtime,
): AnyFunction {
  const { line, stamp } = definition as unknown as AnyLog
  return wrapOnce(original, definition, (fn) =>
    disguise(fn, (self, args) => {
      if (!runtime.recording || isWriting || isSwitchedOff(integration)) return reflectApply(fn, self, args)
      const call: Call = { self, args, module }
      const span = currentSpan()
      if (stamp !== undefined && runtime.stampsLogs && span !== undefined) guarded(integration, runtime, () => stamp(call, idsOf(span)))
      if (line === undefined) return reflectApply(fn, self, args)
      let result: unknown
      isWriting = true
      try {
        result = reflectApply(fn, self, args)
      } finally {
        isWriting = false
      }
      guarded(integration, runtime, () => record(runtime, span, line(call, result)))
      return result
    }),
  )
}

/** Records the lines that a logger publishes itself. */
export function subscribeLog(definition: LogChannel<never>, integration: string, runtime: Runtime): void {
  const { name, line } = definition as unknown as LogChannel
  diagnosticsChannel.subscribe(name, (message) => {
    if (!runtime.recording || isWriting || isSwitchedOff(integration)) return
    guarded(integration, runtime, () => record(runtime, currentSpan(), line(message)))
  })
}

function record(runtime: Runtime, span: Span | undefined, line: LogLine | undefined): void {
  if (line !== undefined) runtime.recorder.log(span, line)
}

function guarded(integration: string, runtime: Runtime, fn: () => void): void {
  try {
    if (runtime.fault === integration) throw new Error('injected by PERF_TEST_FAULT')
    fn()
  } catch (error) {
    noteFault(integration, error)
  }
}

function idsOf({ trace: { a, b, c, d }, idHigh, idLow, weight }: Span): LogIds {
  return {
    trace_id: hex32(a) + hex32(b) + hex32(c) + hex32(d),
    span_id: hex32(idHigh) + hex32(idLow),
    trace_flags: weight > 0 ? '01' : '00',
  }
}
