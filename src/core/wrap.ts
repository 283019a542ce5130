import { AsyncResource } from 'node:async_hooks'
import { types } from 'node:util'
import { currentSpan, runWith } from './context.ts'
import { guard, isSwitchedOff, noteFault } from './guard.ts'
import { hiddenState } from './hidden-state.ts'
import { setCarrier } from './request-route.ts'
import type {
  Attributes,
  Binding,
  Call,
  LoadedModule,
  Outcome,
  Payload,
  RemoteParent,
  SpanEnd,
  SpanStart,
  StreamReading,
  Target,
} from './integration.ts'
import { errorType, isAiCall, traceparentOf } from './recorder.ts'
import type { Recorder, RemoteContext } from './recorder.ts'
import type { Ending } from './settle/ending.ts'
import { settleLazy } from './settle/lazy.ts'
import { settleBeside, settlePromise } from './settle/promise.ts'
import { settleStream } from './settle/stream.ts'
import type { Span } from './span.ts'
import { passOn } from './uncaught.ts'

type AnyFunction = (...args: unknown[]) => unknown
type AnyTarget = Target<{ self: unknown; args: unknown[]; result: unknown }>

/** What a wrapper needs of the running agent. */
export interface Runtime {
  readonly recorder: Recorder
  /** False while recording is switched off. */
  recording: boolean
  parseTraceparent(header: string, tracestate: string | undefined): RemoteContext | undefined
  allowsPropagation(host: string | undefined): boolean
  /** Whether messages carry `traceparent`. */
  readonly propagatesMessages: boolean
  /** The ids of its span are put into every line of a log (`PERF_LOG_TRACE_IDS`). */
  stampsLogs: boolean
  /** Name of the integration whose `start` must fail, for the conformance suite (`PERF_TEST_FAULT`). */
  readonly fault: string
}

const reflectApply = Reflect.apply
const wrappers = new WeakMap<AnyFunction, Map<object, AnyFunction>>()
const wrapped = new WeakMap<AnyFunction, Set<object>>()
const recordedErrors = new WeakSet<object>()

/** The wrapper of `original` for `target`: the same one however often and through whichever hook it is asked for. */
export function wrapTarget(
  original: AnyFunction,
  target: AnyTarget,
  layer: string,
  integration: string,
  module: LoadedModule,
  runtime: Runtime,
): AnyFunction {
  return wrapOnce(original, target, (fn) => disguise(fn, targetInvoke(fn, target, layer, integration, module, runtime)))
}

/** The wrapper of `original` whose callback runs in the caller's context. */
export function wrapBinding(original: AnyFunction, definition: Binding, runtime: Runtime): AnyFunction {
  const { carries, renews, resource } = definition
  if (resource !== undefined) return wrapOnce(original, definition, (fn) => disguise(fn, resourceWrapper(fn, resource, runtime)))
  if (carries !== undefined)
    return wrapOnce(original, definition, (fn) => disguise(fn, carrierWrapper(fn, carries, renews === true, runtime)))
  return wrapOnce(original, definition, (fn) =>
    disguise(fn, (self, args) => {
      if (runtime.recording) bindCallback(args, definition.callback, currentSpan())
      return reflectApply(fn, self, args)
    }),
  )
}

// A callback is called, not looked at: a plain closure costs 0.03–0.12 µs, a disguised one 1.5–2.4 µs (Node 20 and 24).
function bindCallback(args: unknown[], fixed: number | undefined, span: Span | undefined): void {
  const at = callbackIndex(args, fixed)
  if (at < 0) return
  const callback = args[at] as AnyFunction
  args[at] = function (this: unknown, ...given: unknown[]): unknown {
    return runWith(span, callback, this, given)
  }
}

const carried = hiddenState<{ span: Span | undefined }>('carried')

const { runInAsyncScope } = AsyncResource.prototype

function resourceWrapper(original: AnyFunction, at: number, runtime: Runtime): Invoke {
  return (self, args) => {
    const made = args[at]
    if (!runtime.recording || !(made instanceof AsyncResource)) return reflectApply(original, self, args)
    return runWith(reflectApply(runInAsyncScope, made, [currentSpan]) as Span | undefined, original, self, args)
  }
}

function carrierWrapper(original: AnyFunction, carries: number | 'result' | 'self', renews: boolean, runtime: Runtime): Invoke {
  if (carries === 'self') {
    return (self, args) => {
      const known = typeof self === 'object' && self !== null ? carried.get(self)?.span : undefined
      // What is emitted on the way through the same trace stays where it is.
      return known === undefined || currentSpan()?.trace === known.trace
        ? reflectApply(original, self, args)
        : runWith(known, original, self, args)
    }
  }
  return (self, args) => {
    if (!runtime.recording) return reflectApply(original, self, args)
    if (carries === 'result') {
      const result = reflectApply(original, self, args)
      if (typeof result === 'object' && result !== null && carried.get(result) === undefined) carried.set(result, { span: currentSpan() })
      return result
    }
    const carrier = args[carries]
    if (typeof carrier !== 'object' || carrier === null) return reflectApply(original, self, args)
    const span = currentSpan()
    const known = renews ? undefined : carried.get(carrier)
    if (known === undefined) carried.set(carrier, { span })
    return known === undefined || known.span === span ? reflectApply(original, self, args) : runWith(known.span, original, self, args)
  }
}

/** One wrapper per function and definition: an inherited function (`emit`) has several, one for each class that is patched. */
export function wrapOnce(original: AnyFunction, definition: object, make: (original: AnyFunction) => AnyFunction): AnyFunction {
  if (wrapped.get(original)?.has(definition) === true) return original
  let known = wrappers.get(original)
  if (known === undefined) wrappers.set(original, (known = new Map()))
  const existing = known.get(definition)
  if (existing !== undefined) return existing
  const wrapper = make(original)
  known.set(definition, wrapper)
  wrapped.set(wrapper, new Set([...(wrapped.get(original) ?? []), definition]))
  return wrapper
}

/** What runs in place of `original`: one call of `target`. */
export function targetInvoke(
  original: AnyFunction,
  target: AnyTarget,
  layer: string,
  integration: string,
  module: LoadedModule,
  runtime: Runtime,
): Invoke {
  const { settles, callersContext = false } = target
  return (self, args) => {
    if (!runtime.recording || isSwitchedOff(integration)) return reflectApply(original, self, args)
    const { key, madeOf } = target
    const call: Call = key === undefined && madeOf === undefined ? { self, args, module } : { self, args, module, key: key ?? '', madeOf }
    const parent = currentSpan()
    const active =
      (target.outermost === true && parent?.integration === integration && !parent.ended) ||
      (target.insideOnly === true && !isGoingOn(parent))
        ? undefined
        : beginCall(call, target, layer, integration, parent, runtime)
    if (active === undefined) {
      if (target.bindsCallback === true) bindCallback(args, target.callback, parent)
      const { returned } = target
      if (returned === undefined) return reflectApply(original, self, args)
      const given: unknown = reflectApply(original, self, args)
      guard(integration, () => {
        if (runtime.fault === integration) throw new Error('injected by PERF_TEST_FAULT')
        returned(call, given)
      })
      return given
    }
    const how = active.settles ?? settles
    let callbackAt = -1
    if (how === 'callback') {
      callbackAt = callbackIndex(args, target.callback)
      if (callbackAt >= 0) args[callbackAt] = endingCallback(args[callbackAt] as AnyFunction, active, parent)
    }
    let result: unknown
    if (target.dispatched === true) {
      result = runDispatched(active, original, self, args)
    } else {
      try {
        result = callersContext ? reflectApply(original, self, args) : runWith(active.span, original, self, args)
      } catch (error) {
        active.end({ ok: false, error })
        throw error
      }
    }
    switch (how) {
      case 'return':
        active.end({ ok: true, result })
        return result
      case 'promise':
        if (target.observe !== undefined && !isThenable(result)) return observe(active, target, call, result)
        return settlePromise(active, result)
      case 'beside':
        return guardedSettle(settleBeside, active, result)
      case 'callback':
        return callbackAt >= 0 ? result : settlePromise(active, result)
      case 'stream':
        return guardedSettle(settleStream, active, result)
      case 'lazy':
        return guardedSettle(settleLazy, active, result)
      case 'observed':
        return observe(active, target, call, result)
    }
  }
}

/** What a client does by itself in the context it was made in (a connection made anew) belongs to no span that is over. */
function isGoingOn(span: Span | undefined): boolean {
  return span !== undefined && (!span.ended || span.isElsewhere)
}

function runDispatched(active: ActiveCall, original: AnyFunction, self: unknown, args: unknown[]): unknown {
  let threw = true
  try {
    const result: unknown = runWith(active.span, original, self, args)
    threw = false
    return result
  } finally {
    if (threw) {
      passOn({
        uncaught: (error) => active.end({ ok: false, error }),
        caught: () => active.end({ ok: true, result: undefined }, { status: 'error', errorType: '_OTHER' }),
      })
    }
  }
}

function observe(active: ActiveCall, target: AnyTarget, call: Call, result: unknown): unknown {
  guard(active.integration, () => target.observe?.(call, result, (outcome, more) => active.end(outcome, more)))
  return result
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, 'then') === 'function'
}

function guardedSettle(settle: (ending: Ending, result: unknown) => unknown, active: ActiveCall, result: unknown): unknown {
  try {
    return settle(active, result)
  } catch (error) {
    noteFault(active.integration, error)
    active.end({ ok: true, result })
    return result
  }
}

/** Opens the span of one call; undefined when it is to have none. */
export function beginCall(
  call: Call,
  target: AnyTarget,
  layer: string,
  integration: string,
  parent: Span | undefined,
  runtime: Runtime,
): ActiveCall | undefined {
  try {
    if (runtime.fault === integration) throw new Error('injected by PERF_TEST_FAULT')
    const started = target.start(call)
    if (started === undefined) return undefined
    const active = new ActiveCall(
      startSpan(started, layer, integration, parent, runtime),
      integration,
      runtime,
      target,
      call,
      started.settles,
    )
    if (started.carriedBy !== undefined) {
      carried.set(started.carriedBy, { span: active.span })
      setCarrier(active.span.trace, started.carriedBy)
    }
    if (target.inject !== undefined) inject(target, call, active.span, integration, runtime)
    return active
  } catch (error) {
    noteFault(integration, error)
    return undefined
  }
}

/** What fails here does not cost the span. */
function inject(target: AnyTarget, call: Call, span: Span, integration: string, runtime: Runtime): void {
  try {
    if (mayInject(target, call, runtime)) target.inject?.(call, traceparentOf(span), span.trace.state)
  } catch (error) {
    noteFault(integration, error)
  }
}

function mayInject(target: AnyTarget, call: Call, runtime: Runtime): boolean {
  if (target.carrier === 'process') return true
  return target.carrier === 'message' ? runtime.propagatesMessages : runtime.allowsPropagation(target.destination?.(call))
}

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

/** One recorded call from its start to its one end. It lets go of the app's objects when it ends. */
export class ActiveCall implements Ending {
  readonly span: Span
  readonly integration: string
  private readonly runtime: Runtime
  private target: AnyTarget | undefined
  private call: Call | undefined
  readonly settles: SpanStart['settles']
  ended = false

  constructor(
    span: Span,
    integration: string,
    runtime: Runtime,
    target: AnyTarget | undefined,
    call: Call | undefined,
    settles: SpanStart['settles'],
  ) {
    this.span = span
    this.integration = integration
    this.runtime = runtime
    this.target = target
    this.call = call
    this.settles = settles
  }

  get streamReading(): StreamReading<unknown> | undefined {
    return this.target?.stream
  }

  get streamSignal(): unknown {
    const { call, target } = this
    return call === undefined || target?.stream?.signal === undefined ? undefined : target.stream.signal(call)
  }

  get startMs(): number {
    return this.span.startNs / 1e6
  }

  nowMs(): number {
    return Number(process.hrtime.bigint()) / 1e6
  }

  note(attributes: Attributes): void {
    this.runtime.recorder.note(this.span, attributes)
  }

  runInContext<T>(fn: () => T): T {
    return runWith(this.span, fn as (...args: never[]) => T, undefined, [])
  }

  guard<T>(_where: string, fn: () => T): T | undefined {
    return guard(this.integration, fn)
  }

  end(outcome: Outcome, more?: SpanEnd): void {
    if (this.ended) return
    this.ended = true
    const { target, call } = this
    this.target = undefined
    this.call = undefined
    let given: SpanEnd | undefined
    if (target?.end !== undefined && call !== undefined) {
      try {
        given = target.end(call, outcome)
      } catch (error) {
        noteFault(this.integration, error)
      }
    }
    guard(this.integration, () => {
      if (target?.measures !== undefined) this.note({ [target.measures]: Math.round((this.nowMs() - this.startMs) * 1000) / 1000 })
      endSpan(this.runtime, this.span, outcome, given, more)
    })
  }
}

/** Ends a span by its outcome, with what the definition and the settling strategy add. */
export function endSpan(runtime: Runtime, span: Span, outcome: Outcome, given?: SpanEnd, more?: SpanEnd): void {
  const { recorder } = runtime
  if (given?.error !== undefined) outcome = { ok: false, error: given.error }
  const name = more?.name ?? given?.name
  if (name !== undefined) recorder.rename(span, name)
  const status = more?.status ?? given?.status
  const isError = status === 'error' || (status === undefined && !outcome.ok)
  if (more?.attributes !== undefined) recorder.note(span, more.attributes)
  let attributes = given?.attributes
  if (isError) {
    const type = more?.errorType ?? given?.errorType ?? (outcome.ok ? undefined : errorType(outcome.error))
    if (type !== undefined) attributes = { ...attributes, 'error.type': type }
    if (!outcome.ok) recordException(recorder, span, outcome.error, more?.exceptionMessage ?? given?.exceptionMessage)
  }
  if (given?.payloads !== undefined) recordPayloads(recorder, span, given.payloads)
  if (more?.payloads !== undefined) recordPayloads(recorder, span, more.payloads)
  if (given?.links !== undefined) recordLinks(runtime, span, given.links)
  if (more?.links !== undefined) recordLinks(runtime, span, more.links)
  recorder.end(span, isError, attributes)
}

/** An error that passes through several spans is described once, at the innermost. */
function recordException(recorder: Recorder, span: Span, error: unknown, message: string | undefined): void {
  if (typeof error === 'object' && error !== null) {
    if (recordedErrors.has(error)) return
    recordedErrors.add(error)
  }
  recorder.exception(span, error, message)
}

function endingCallback(callback: AnyFunction, active: ActiveCall, parent: Span | undefined): AnyFunction {
  return function (this: unknown, ...args: unknown[]): unknown {
    const error = args[0]
    active.end(error === null || error === undefined ? { ok: true, result: args[1] } : { ok: false, error })
    return runWith(parent, callback, this, args)
  }
}

function callbackIndex(args: readonly unknown[], fixed: number | undefined): number {
  if (fixed !== undefined) return typeof args[fixed] === 'function' ? fixed : -1
  const last = args.length - 1
  return last >= 0 && typeof args[last] === 'function' ? last : -1
}

/** What runs in place of a wrapped function. */
export type Invoke = (self: unknown, args: unknown[]) => unknown

/** A function that calls `invoke` and looks like `original`: name, length, prototype, own properties, constructibility. */
export function disguise(original: AnyFunction, invoke: Invoke): AnyFunction {
  let result: AnyFunction
  if (isConstructible(original)) {
    const construct = function (this: unknown, ...args: unknown[]): unknown {
      if (new.target === undefined) return invoke(this, args)
      return Reflect.construct(original, args, new.target === (construct as unknown) ? original : new.target)
    }
    result = construct
  } else {
    result = {
      method(this: unknown, ...args: unknown[]): unknown {
        return invoke(this, args)
      },
    }.method
  }
  return dress(result, original)
}

/** Makes `result` look like `original`: name, length, prototype, own properties. */
export function dress(result: AnyFunction, original: AnyFunction): AnyFunction {
  for (const key of Reflect.ownKeys(original)) {
    const descriptor = Object.getOwnPropertyDescriptor(original, key)
    if (descriptor === undefined) continue
    const own = Object.getOwnPropertyDescriptor(result, key)
    if (own !== undefined && !own.configurable) {
      if (own.writable && 'value' in descriptor) Reflect.set(result, key, descriptor.value)
      continue
    }
    Reflect.defineProperty(result, key, descriptor)
  }
  const prototype: unknown = Object.getPrototypeOf(original)
  if (Object.getPrototypeOf(result) !== prototype) Object.setPrototypeOf(result, prototype as object | null)
  return result
}

function isConstructible(fn: AnyFunction): boolean {
  return Object.hasOwn(fn, 'prototype') && !types.isGeneratorFunction(fn) && !types.isAsyncFunction(fn)
}
