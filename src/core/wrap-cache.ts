import { cacheMeters, type CacheMeter } from './cache-meter.ts'
import { placeOfUse } from './cache-place.ts'
import { currentSpan } from './context.ts'
import { isSwitchedOff, noteFault } from './guard.ts'
import { hiddenState } from './hidden-state.ts'
import type { Attributes, CacheTarget, Call, LoadedModule, Outcome, SpanEnd } from './integration.ts'
import type { CacheRecord } from './hand-api.ts'
import type { Recorder } from './recorder.ts'
import { seeingCalls, takeThrown } from './see-thrown.ts'
import type { Ending } from './settle/ending.ts'
import { settlePromise } from './settle/promise.ts'
import type { Span } from './span.ts'
import { disguise, dress, wrapOnce } from './disguise.ts'
import type { Runtime } from './runtime.ts'
import { endSpan } from './span-life.ts'

type AnyFunction = (...args: unknown[]) => unknown
type AnyCacheTarget = CacheTarget<{ self: unknown; args: unknown[]; result: unknown }>

/** What is kept per cache object: its meter, and whether one of its operations is running (it may call others of its own). */
interface Use {
  meter: CacheMeter
  busy: boolean
}

const uses = hiddenState<Use>('cache')
/** Whose span it is: what a cache does with itself is part of its operation, what it has others compute is not. */
const owners = new WeakMap<Span, Use>()
const { apply } = Reflect

/** The wrapper of `original` that counts every call and gives some of them a span. */
export function wrapCache(
  original: AnyFunction,
  definition: AnyCacheTarget,
  layer: string,
  integration: string,
  module: LoadedModule,
  runtime: Runtime,
): AnyFunction {
  return wrapOnce(original, definition, (fn) => {
    const recording = new CacheRecording(definition, layer, integration, module, runtime)
    if (definition.settles === 'promise') return disguise(fn, (self, args) => recording.runAsync(fn, self, args))
    if (definition.operation === 'get' && definition.hits === undefined) return dress(getBody(fn, recording), fn)
    return disguise(fn, (self, args) => recording.run(fn, self, args))
  })
}

/** A `get` that answers at once, spelled out: a rest parameter and an object per call cost as much as the `get` itself. */
function getBody(fn: AnyFunction, recording: CacheRecording): AnyFunction {
  return {
    method(this: unknown, key?: unknown): unknown {
      const result = arguments.length === 1 ? fn.call(this, key) : apply(fn, this, arguments)
      recording.got(this, key, result !== undefined)
      return result
    },
  }.method as AnyFunction
}

/** What one function of a cache library adds to the counts, and the spans of it. */
class CacheRecording {
  private off = false
  private readonly definition: AnyCacheTarget
  private readonly layer: string
  private readonly integration: string
  private readonly module: LoadedModule
  private readonly runtime: Runtime

  constructor(definition: AnyCacheTarget, layer: string, integration: string, module: LoadedModule, runtime: Runtime) {
    this.definition = definition
    this.layer = layer
    this.integration = integration
    this.module = module
    this.runtime = runtime
  }

  /** A `get` that has returned. */
  got(self: unknown, key: unknown, isHit: boolean): void {
    if (!this.runtime.recording || this.off) return
    try {
      const use = this.use(self)
      if (use === undefined || use.busy) return
      const { meter } = use
      if (isHit) meter.hits++
      else meter.misses++
      if (meter.hasSpan(isHit)) this.note(use, { 'perf.cache.hit': isHit }, key)
      meter.tick()
    } catch (error) {
      this.fail(error)
    }
  }

  /** Any other operation that is over when it returns. */
  run(fn: AnyFunction, self: unknown, args: unknown[]): unknown {
    const use = this.begin(self)
    if (use === undefined) return apply(fn, self, args)
    const { definition } = this
    const call: Call = { self, args, module: this.module }
    const before = definition.operation === 'set' ? guarded(this, () => this.roomBefore(self, args[0])) : 0
    let result: unknown
    use.busy = true
    try {
      result = apply(fn, self, args)
    } finally {
      use.busy = false
    }
    guarded(this, () => {
      const counted = this.count(use.meter, call, { ok: true, result }, before ?? 0)
      if (counted !== undefined && use.meter.hasSpan(counted['perf.cache.hit'] === true)) this.note(use, counted, call.args[0])
      use.meter.tick()
    })
    return result
  }

  /** An operation that gives a promise: what it does inside belongs to its span. */
  runAsync(fn: AnyFunction, self: unknown, args: unknown[]): unknown {
    const use = this.begin(self)
    const parent = use === undefined ? undefined : currentSpan()
    if (use === undefined || isWithin(use, parent)) return apply(fn, self, args)
    const { meter } = use
    const call: Call = { self, args, module: this.module }
    const span = guarded(this, () => {
      this.definition.prepare?.(call)
      if (parent === undefined || parent.weight <= 0 || !meter.hasSpan(true)) return undefined
      meter.takeSpan()
      const opened = this.open(meter, args[0], parent)
      owners.set(opened, use)
      return opened
    })
    const end = (outcome: Outcome): void => {
      guarded(this, () => {
        const attributes = this.count(meter, call, outcome, 0)
        meter.tick()
        const more: SpanEnd | undefined = attributes && { attributes }
        if (span !== undefined) endSpan(this.runtime, span, outcome, more)
      })
    }
    const calls = seeingCalls()
    let result: unknown
    let threw = true
    use.busy = true
    try {
      result = span === undefined ? calls.apply(fn, self, args) : calls.run(span, apply, fn, self, args)
      threw = false
    } finally {
      use.busy = false
      if (threw) end({ ok: false, error: takeThrown()?.error })
    }
    return settlePromise({ end } as Ending, result)
  }

  private begin(self: unknown): Use | undefined {
    if (!this.runtime.recording || this.off) return undefined
    const use = guarded(this, () => this.use(self))
    return use === undefined || use.busy ? undefined : use
  }

  private use(self: unknown): Use | undefined {
    if (typeof self !== 'object' || self === null) return undefined
    const known = uses.get(self)
    if (known !== undefined) return known
    const { runtime, integration, module, definition } = this
    if (runtime.fault === integration) throw new Error('injected by PERF_TEST_FAULT')
    const name = definition.named?.(self) ?? placeOfUse(module.name) ?? module.name
    const use = { meter: cacheMeters(runtime.recorder).meter(name, integration), busy: false }
    uses.set(self, use)
    return use
  }

  /** Entries before a `set`, one less when the key is there: more than that afterwards means that nothing had to go. */
  private roomBefore(self: unknown, key: unknown): number {
    const { entries, has } = this.definition
    return entries === undefined || has === undefined ? 0 : entries(self) + (has(self, key) ? 0 : 1)
  }

  /** Counts the operation; gives what its span says of it. */
  private count(meter: CacheMeter, call: Call, outcome: Outcome, expected: number): Attributes | undefined {
    if (!outcome.ok) return undefined
    const { definition } = this
    const { result } = outcome
    switch (definition.operation) {
      case 'load':
      case 'get': {
        const hits = definition.hits === undefined ? Number(result !== undefined && result !== null) : definition.hits(call, result)
        if (hits === undefined) return undefined
        const asked = definition.asked?.(call) ?? 1
        meter.hits += hits
        meter.misses += asked - hits
        const attributes: Attributes = { 'perf.cache.hit': hits === asked, 'perf.cache.bytes': hits > 0 ? sizeOf(result) : undefined }
        return asked === 1 ? attributes : { ...attributes, 'perf.cache.asked': asked, 'perf.cache.hits': hits }
      }
      case 'set':
        return this.countSet(meter, call, expected)
      case 'delete':
        meter.deletes++
        return {}
    }
  }

  private countSet(meter: CacheMeter, call: Call, expected: number): Attributes | undefined {
    const { counts, entries, maxEntries, ttlMs } = this.definition
    // Setting `undefined` is how some delete.
    if (call.args[1] === undefined) return undefined
    let evicted = 0
    if (entries !== undefined) {
      meter.entries = entries(call.self)
      meter.maxEntries = maxEntries?.(call.self) ?? -1
      evicted = Math.max(0, expected - meter.entries)
      meter.evictions += evicted
    }
    if (counts?.(call) === false) return undefined
    meter.sets++
    return {
      'perf.cache.ttl_ms': ttlMs?.(call) || undefined,
      'perf.cache.bytes': sizeOf(call.args[1]),
      'perf.cache.evicted': evicted || undefined,
    }
  }

  /** A span without duration for what has just happened, where the app is in a recorded one. */
  private note(use: Use, attributes: Attributes, key: unknown): void {
    const parent = currentSpan()
    if (parent === undefined || parent.weight <= 0 || isWithin(use, parent)) return
    use.meter.takeSpan()
    this.runtime.recorder.end(this.open(use.meter, key, parent), false, attributes)
  }

  private open(meter: CacheMeter, key: unknown, parent: Span): Span {
    return openSpan(meter, this.definition.operation, key, parent, this.layer, this.integration, this.runtime.recorder)
  }

  fail(error: unknown): void {
    noteFault(this.integration, error)
    this.off = isSwitchedOff(this.integration)
  }
}

function isWithin(use: Use, span: Span | undefined): boolean {
  return span !== undefined && !span.ended && owners.get(span) === use
}

function guarded<T>(recording: CacheRecording, fn: () => T): T | undefined {
  try {
    return fn()
  } catch (error) {
    recording.fail(error)
    return undefined
  }
}

/** Counts one operation that the app tells of, and gives it a span within the limit. */
export function recordCacheOperation(record: CacheRecord, integration: string, runtime: Runtime): void {
  const { cache, operation, key, hit, bytes, ttlMs } = record
  const meter = cacheMeters(runtime.recorder).meter(String(cache), integration)
  if (operation === 'set') meter.sets++
  else if (operation === 'delete') meter.deletes++
  else if (operation === 'evict') meter.evictions++
  else if (hit === true) meter.hits++
  else meter.misses++
  const parent = currentSpan()
  if (parent !== undefined && parent.weight > 0 && meter.hasSpan(hit === true)) {
    meter.takeSpan()
    const span = openSpan(meter, operation, key, parent, 'cache', integration, runtime.recorder)
    const isRead = operation === 'get'
    const attributes = { 'perf.cache.hit': isRead ? hit === true : undefined, 'perf.cache.bytes': bytes, 'perf.cache.ttl_ms': ttlMs }
    runtime.recorder.end(span, false, attributes)
  }
  meter.tick()
}

function openSpan(
  meter: CacheMeter,
  operation: string,
  key: unknown,
  parent: Span,
  layer: string,
  integration: string,
  recorder: Recorder,
): Span {
  const attributes = { 'perf.cache.name': meter.name, 'perf.cache.operation': operation }
  const span = recorder.start(
    `${operation} ${integration === 'api' ? meter.name : integration}`,
    layer,
    integration,
    undefined,
    attributes,
    parent,
  )
  const text = keyText(key)
  if (text !== undefined) recorder.payload(span, { role: 'cache.key', value: text })
  return span
}

/** Keys that are objects are told apart by identity, of which nothing can be kept. */
function keyText(key: unknown): string | undefined {
  if (typeof key === 'string') return key
  if (Array.isArray(key)) return key.every((part) => typeof part === 'string') ? key.join('\n') : undefined
  return typeof key === 'number' || typeof key === 'bigint' || typeof key === 'boolean' ? String(key) : undefined
}

/** Of what has a size without being serialised. */
function sizeOf(value: unknown): number | undefined {
  if (typeof value === 'string') return value.length
  return ArrayBuffer.isView(value) ? value.byteLength : undefined
}
