import { beginCall, planOf, type ActiveCall, type AnyTarget, type Plan } from './active-call.ts'
import { currentSpan, runWith, switchObserver } from './context.ts'
import { disguise, wrapOnce, type Invoke } from './disguise.ts'
import { guard, isSwitchedOff, noteFault } from './guard.ts'
import type { Call, LoadedModule, Outcome, TellsAiCall } from './integration.ts'
import { isAiCall } from './recorder.ts'
import type { Runtime } from './runtime.ts'
import { seeingCalls, takeThrown } from './see-thrown.ts'
import type { Ending } from './settle/ending.ts'
import { settleLazy } from './settle/lazy.ts'
import { settleBeside, settlePromise } from './settle/promise.ts'
import { settleStream } from './settle/stream.ts'
import { aiCallOf } from './span-life.ts'
import type { Span } from './span.ts'
import { passOn } from './uncaught.ts'
import { bindCallback, callbackIndex } from './wrap-binding.ts'

type AnyFunction = (...args: unknown[]) => unknown

const reflectApply = Reflect.apply

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

/** What runs in place of `original`: one call of `target`; `madeOf` is what the call that made `original` was given. */
export function targetInvoke(
  original: AnyFunction,
  target: AnyTarget,
  layer: string,
  integration: string,
  module: LoadedModule,
  runtime: Runtime,
  madeOf?: readonly unknown[],
): Invoke {
  const plan = planOf(target)
  const { settles, key, returned, settled, callersContext, dispatched, events, follows } = plan
  const depends = plan.outermost || plan.insideOnly || plan.outsideAiCall
  const isKeyed = key !== undefined || madeOf !== undefined
  return (self, args) => {
    if (events !== undefined && !isOneOf(events, args[0])) return reflectApply(original, self, args)
    if ((!runtime.recording && !follows) || isSwitchedOff(integration)) return reflectApply(original, self, args)
    const call: Call = isKeyed ? { self, args, module, key: key ?? '', madeOf } : { self, args, module }
    const active = depends && isLeftOut(plan, integration) ? undefined : beginCall(call, plan, layer, integration, runtime)
    if (active === undefined) {
      if (plan.bindsCallback) bindCallback(args, plan.callback, currentSpan())
      if (settled !== undefined) {
        return tellingHowItSettled((outcome) => guard(integration, () => settled(call, outcome)), original, self, args)
      }
      if (returned === undefined) return reflectApply(original, self, args)
      const given: unknown = reflectApply(original, self, args)
      guard(integration, () => {
        if (runtime.fault === integration) throw new Error('injected by PERF_TEST_FAULT')
        returned(call, given)
      })
      return given
    }
    const parent = currentSpan()
    const how = active.settles ?? settles
    let callbackAt = -1
    if (how === 'callback') {
      callbackAt = callbackIndex(args, plan.callback)
      if (callbackAt >= 0) args[callbackAt] = endingCallback(args[callbackAt] as AnyFunction, active, parent)
    }
    let result: unknown
    if (dispatched) {
      result = runDispatched(active, original, self, args)
    } else {
      const calls = seeingCalls()
      let threw = true
      try {
        result =
          callersContext === true || (callersContext !== false && staysOutside(callersContext, call, integration))
            ? calls.apply(original, self, args)
            : calls.run(active.span, reflectApply, original, self, args)
        threw = false
      } finally {
        if (threw) active.endThrown(takeThrown())
      }
    }
    switch (how) {
      case 'return':
        active.end({ ok: true, result })
        return result
      case 'promise':
        if (plan.observe !== undefined && !isThenable(result)) return observe(active, plan, call, result, parent, runtime)
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
        return observe(active, plan, call, result, parent, runtime)
    }
  }
}

function tellingHowItSettled(end: (outcome: Outcome) => void, original: AnyFunction, self: unknown, args: unknown[]): unknown {
  const calls = seeingCalls()
  let threw = true
  let result: unknown
  try {
    result = calls.apply(original, self, args)
    threw = false
  } finally {
    const thrown = threw ? takeThrown() : undefined
    if (thrown !== undefined) end({ ok: false, error: thrown.error })
  }
  return settlePromise({ end }, result)
}

/** As `includes`, which costs a call. */
function isOneOf(events: readonly string[], event: unknown): boolean {
  for (let i = 0; i < events.length; i++) if (events[i] === event) return true
  return false
}

/** Whether this one call runs in its caller's context. While the CPU is profiled none does: its time is the span's. */
function staysOutside(decide: (call: Call) => boolean, call: Call, integration: string): boolean {
  return switchObserver === undefined && guard(integration, () => decide(call)) === true
}

/** Whether a call has no span for what it is called in. */
function isLeftOut({ outermost, insideOnly, outsideAiCall }: Plan, integration: string): boolean {
  const parent = currentSpan()
  return (
    (outermost && parent?.integration === integration && !parent.ended) ||
    (insideOnly && !isGoingOn(parent)) ||
    (outsideAiCall && parent !== undefined && isAiCall(parent))
  )
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
        caught: () => active.endThrown(undefined),
      })
    }
  }
}

function observe(active: ActiveCall, { observe }: Plan, call: Call, result: unknown, parent: Span | undefined, runtime: Runtime): unknown {
  const aiCall = aiCallOf(active.span, parent)
  const ofAiCall: TellsAiCall =
    aiCall === undefined ? undefined : (attributes) => attributes !== undefined && runtime.recorder.note(aiCall, attributes)
  try {
    observe?.(call, result, (outcome, more) => active.end(outcome, more), ofAiCall)
  } catch (error) {
    noteFault(active.integration, error)
  }
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

function endingCallback(callback: AnyFunction, active: ActiveCall, parent: Span | undefined): AnyFunction {
  return function (this: unknown, ...args: unknown[]): unknown {
    const error = args[0]
    active.end(error === null || error === undefined ? { ok: true, result: args[1] } : { ok: false, error })
    return runWith(parent, callback, this, args)
  }
}
