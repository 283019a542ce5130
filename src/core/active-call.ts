import { currentSpan, runWith } from './context.ts'
import { guard, noteFault } from './guard.ts'
import type { Attributes, Call, Outcome, SpanEnd, SpanStart, StreamReading, Target } from './integration.ts'
import { traceparentOf } from './recorder.ts'
import { setCarrier } from './request-route.ts'
import type { Runtime } from './runtime.ts'
import { compileOnce } from './see-thrown.ts'
import type { Ending } from './settle/ending.ts'
import { carried, endSpan, startSpan } from './span-life.ts'
import type { Span } from './span.ts'

/** A target of any shape. */
export type AnyTarget = Target<{ self: unknown; args: unknown[]; result: unknown }>

/** A target as its wrapper reads it: every plan has the same fields, so that reading them costs one look at its shape. */
export type Plan = ReturnType<typeof makePlan>

const plans = new WeakMap<AnyTarget, Plan>()

/** The plan of a target: always the same one. */
export function planOf(target: AnyTarget): Plan {
  let plan = plans.get(target)
  if (plan === undefined) plans.set(target, (plan = makePlan(target)))
  return plan
}

function makePlan(target: AnyTarget) {
  return {
    settles: target.settles,
    key: target.key,
    outermost: target.outermost === true,
    insideOnly: target.insideOnly === true,
    outsideAiCall: target.outsideAiCall === true,
    bindsCallback: target.bindsCallback === true,
    dispatched: target.dispatched === true,
    follows: target.follows === true,
    callersContext: target.callersContext ?? false,
    callback: target.callback,
    carrier: target.carrier,
    measures: target.measures,
    stream: target.stream as StreamReading<unknown> | undefined,
    events: target.events,
    start: target.start,
    end: target.end,
    inject: target.inject,
    destination: target.destination,
    observe: target.observe,
    returned: target.returned,
    settled: target.settled,
  }
}

/** Opens the span of one call, below the current one or as a root; undefined when it is to have none. */
export function beginCall(
  call: Call,
  target: Plan,
  layer: string,
  integration: string,
  runtime: Runtime,
  isRoot = false,
): ActiveCall | undefined {
  try {
    if (runtime.fault === integration) throw new Error('injected by PERF_TEST_FAULT')
    const started = target.start(call)
    if (started === undefined || !runtime.recording) return undefined
    compileOnce()
    const active = new ActiveCall(
      startSpan(started, layer, integration, isRoot ? undefined : currentSpan(), runtime),
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
function inject(target: Plan, call: Call, span: Span, integration: string, runtime: Runtime): void {
  try {
    if (mayInject(target, call, runtime)) target.inject?.(call, traceparentOf(span), span.trace.state)
  } catch (error) {
    noteFault(integration, error)
  }
}

function mayInject(target: Plan, call: Call, runtime: Runtime): boolean {
  if (target.carrier === 'process') return true
  return target.carrier === 'message' ? runtime.propagatesMessages : runtime.allowsPropagation(target.destination?.(call))
}

// What guards is written out: a closure for `guard` is one more object per call.
/** One recorded call from its start to its one end. It lets go of the app's objects when it ends. */
export class ActiveCall implements Ending {
  readonly span: Span
  readonly integration: string
  private readonly runtime: Runtime
  private target: Plan | undefined
  private call: Call | undefined
  readonly settles: SpanStart['settles']
  ended = false

  constructor(
    span: Span,
    integration: string,
    runtime: Runtime,
    target: Plan | undefined,
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

  /** For the `finally` that an error passes: ends with it, or without its details where it could not be seen. */
  endThrown(thrown: { error: unknown } | undefined): void {
    if (thrown === undefined) this.end({ ok: true, result: undefined }, { status: 'error', errorType: '_OTHER' })
    else this.end({ ok: false, error: thrown.error })
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
    try {
      if (target?.measures !== undefined) this.note({ [target.measures]: Math.round((this.nowMs() - this.startMs) * 1000) / 1000 })
      endSpan(this.runtime, this.span, outcome, given, more)
    } catch (error) {
      noteFault(this.integration, error)
    }
  }
}
