import { currentSpan, enterScope, runWith } from './context.ts'
import { guard, noteFault } from './guard.ts'
import { recordReward } from './hand-reward.ts'
import type { CodeVariant, HandApi, SpanHandle, StateHandle } from './hand-api.ts'
import { hex32 } from './ids.ts'
import type { Attributes, Layer, SpanStart, Target } from './integration.ts'
import { compileOnce, seeingCalls, takeThrown } from './see-thrown.ts'
import { settlePromise } from './settle/promise.ts'
import { settleStream } from './settle/stream.ts'
import type { Span } from './span.ts'
import type { StateSnapshots } from './state-snapshots.ts'
import { recordCacheOperation } from './wrap-cache.ts'
import { ActiveCall, planOf } from './active-call.ts'
import { disguise } from './disguise.ts'
import type { Runtime } from './runtime.ts'
import { endSpan, startSpan } from './span-life.ts'

type Callable = (...args: unknown[]) => unknown

const INTEGRATION = 'api'

/** The API of a running agent. */
export function createHandApi(runtime: Runtime, states: StateSnapshots): HandApi {
  const begin: Begin = (started, layer, target) =>
    runtime.recording
      ? guard(INTEGRATION, () => {
          compileOnce()
          const span = startSpan(started, layer, INTEGRATION, currentSpan(), runtime)
          return new ActiveCall(span, INTEGRATION, runtime, target && planOf(target), target && NO_CALL, undefined)
        })
      : undefined
  return {
    span(name, layer, fn, attributes) {
      const active = begin({ name, attributes }, layer)
      if (active === undefined) return fn(absentHandle)
      return runActive(active, fn as Callable, undefined, [new LiveHandle(active.span, runtime)]) as ReturnType<typeof fn>
    },
    wrap(name, layer, fn, attributes) {
      return wrapCallable(name, layer, fn as unknown as Callable, attributes, begin) as unknown as typeof fn
    },
    start(name, layer, attributes) {
      const active = begin({ name, attributes }, layer)
      return active === undefined ? absentHandle : scopeOf(active.span, runtime)
    },
    open(name, layer, attributes, variant) {
      const active = begin({ name, attributes }, layer)
      if (active === undefined) return absentHandle
      if (variant !== undefined) guard(INTEGRATION, () => noteVariant(active.span, variant, layer, runtime))
      return new LiveHandle(active.span, runtime)
    },
    current() {
      const span = currentSpan()
      return span === undefined ? undefined : new LiveHandle(span, runtime)
    },
    event(name, attributes) {
      const span = currentSpan()
      if (span !== undefined) guard(INTEGRATION, () => runtime.recorder.event(span, name, attributes))
    },
    cache(record) {
      if (runtime.recording) guard(INTEGRATION, () => recordCacheOperation(record, INTEGRATION, runtime))
    },
    reward(record) {
      if (runtime.recording) guard(INTEGRATION, () => recordReward(record, runtime))
    },
    snapshot(name, read, options) {
      return guard('snapshot', () => states.add(name, read, options)) ?? absentState
    },
  }
}

const notedVariants = new WeakSet<CodeVariant>()

function noteVariant(span: Span, variant: CodeVariant, layer: Layer, runtime: Runtime): void {
  span.variant = variant.hash
  if (notedVariants.has(variant)) return
  notedVariants.add(variant)
  runtime.recorder.fact('variant', { ...variant, layer })
}

type Begin = (started: SpanStart, layer: Layer, target?: ResultTarget) => ActiveCall | undefined
type ResultTarget = Target<{ self: unknown; args: unknown[]; result: unknown }>
const NO_CALL = { self: undefined, args: [], module: { name: 'api', version: '0.0.0' } }

/** Describes only the end of a call: size and hash of what it gave, under `<layer>.result`. */
export function resultTarget(layer: Layer): ResultTarget {
  const role = `${layer}.result`
  return {
    type: 'target',
    path: '',
    versions: '*',
    settles: 'promise',
    start: () => undefined,
    end: (_call, outcome) => (outcome.ok && outcome.result !== undefined ? { payloads: [{ role, value: outcome.result }] } : undefined),
  }
}

function wrapCallable(name: string, layer: Layer, fn: Callable, attributes: Attributes | undefined, begin: Begin): Callable {
  if (typeof fn !== 'function') return fn
  const target = resultTarget(layer)
  return disguise(fn, (self, args) => {
    const started: SpanStart = {
      name,
      attributes,
      payloads: args.length === 0 ? undefined : [{ role: `${layer}.arguments`, value: args.length === 1 ? args[0] : args }],
    }
    const active = begin(started, layer, target)
    return active === undefined ? Reflect.apply(fn, self, args) : runActive(active, fn, self, args)
  })
}

/** Runs `fn` in the span and ends it by what came back: value, promise, or (async) iterator. */
export function runActive(active: ActiveCall, fn: Callable, self: unknown, args: unknown[]): unknown {
  const calls = seeingCalls()
  let result: unknown
  let threw = true
  try {
    result = calls.run(active.span, Reflect.apply, fn, self, args)
    threw = false
  } finally {
    if (threw) active.endThrown(takeThrown())
  }
  if (typeof result !== 'object' || result === null) {
    active.end({ ok: true, result })
    return result
  }
  try {
    return isIterator(result) ? settleStream(active, result) : settlePromise(active, result)
  } catch (error) {
    noteFault(INTEGRATION, error)
    return result
  }
}

/** Generators and async generators: objects that are their own iterator. */
function isIterator(value: object): boolean {
  const tag = Object.prototype.toString.call(value)
  return tag === '[object Generator]' || tag === '[object AsyncGenerator]'
}

class LiveHandle implements SpanHandle {
  private readonly span: Span
  private readonly runtime: Runtime

  constructor(span: Span, runtime: Runtime) {
    this.span = span
    this.runtime = runtime
  }

  get traceId(): string {
    const { a, b, c, d } = this.span.trace
    return hex32(a) + hex32(b) + hex32(c) + hex32(d)
  }

  get spanId(): string {
    return hex32(this.span.idHigh) + hex32(this.span.idLow)
  }

  annotate(attributes: Attributes): void {
    guard(INTEGRATION, () => this.runtime.recorder.note(this.span, attributes))
  }

  run<T>(fn: () => T): T {
    return runWith(this.span, fn as (...args: never[]) => T, undefined, [])
  }

  end(error?: unknown): void {
    guard(INTEGRATION, () => endSpan(this.runtime, this.span, error === undefined ? { ok: true, result: undefined } : { ok: false, error }))
  }
}

/**
 * A span for `using`. Where Node has `AsyncLocalStorage.prototype.withScope` (24, 26) it is the current span until the block
 * ends; elsewhere it is recorded without being current (`enterWith` would leak out of awaits) and `run` makes it so.
 */
function scopeOf(span: Span, runtime: Runtime): SpanHandle & Disposable {
  const handle = new LiveHandle(span, runtime)
  const scope = enterScope(span)
  const end = (error?: unknown): void => {
    handle.end(error)
    // Elsewhere (a callback that was made before) there is nothing to leave.
    if (currentSpan() === span) scope?.[Symbol.dispose]()
  }
  return {
    get traceId() {
      return handle.traceId
    },
    get spanId() {
      return handle.spanId
    },
    annotate: (attributes) => handle.annotate(attributes),
    run: (fn) => handle.run(fn),
    end,
    [Symbol.dispose]: () => end(),
  }
}

const nothing = (): void => {}
const absentState: StateHandle = { take: nothing, stop: nothing }
const absentHandle: SpanHandle & Disposable = {
  traceId: '',
  spanId: '',
  annotate: nothing,
  run: (fn) => fn(),
  end: nothing,
  [Symbol.dispose]: nothing,
}
