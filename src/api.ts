import type { CacheRecord, HandApi, RewardRecord, SpanHandle, StateHandle, StateOptions } from './core/hand-api.ts'
import type { Attributes, Layer } from './core/integration.ts'

export type { CacheRecord, RewardRecord, SpanHandle, StateHandle, StateOptions } from './core/hand-api.ts'
export type { Attributes, AttributeValue, Layer } from './core/integration.ts'

// The agent is loaded before the app or not at all, so it is looked up once. Without it every function here is a no-op
// that calls through.
const agent = (globalThis as { [key: symbol]: { api?: HandApi } | undefined })[Symbol.for('perf.agent.v1')]?.api

type AnyFunction = (...args: never[]) => unknown

/** Options of `track`. */
export interface TrackOptions {
  layer?: Layer
  name?: string
  attributes?: Attributes
}

/** Runs `fn` in a span and returns what it returns, promise or not. Errors pass through. */
export function span<T>(name: string, fn: (span: SpanHandle) => T, attributes?: Attributes): T {
  return agent === undefined ? fn(absent) : agent.span(name, 'function', fn, attributes)
}

/** As `span`, for a whole piece of work. */
export function workflow<T>(name: string, fn: (span: SpanHandle) => T, attributes?: Attributes): T {
  return agent === undefined ? fn(absent) : agent.span(name, 'workflow', fn, attributes)
}

/** As `span`, for a step of a workflow. */
export function step<T>(name: string, fn: (span: SpanHandle) => T, attributes?: Attributes): T {
  return agent === undefined ? fn(absent) : agent.span(name, 'step', fn, attributes)
}

/** As `span`, for a node of a graph. */
export function node<T>(name: string, fn: (span: SpanHandle) => T, attributes?: Attributes): T {
  return agent === undefined ? fn(absent) : agent.span(name, 'node', fn, attributes)
}

/** Returns `fn` recorded as a tool: every call is a span with sizes and hashes of arguments and result. */
export function tool<F extends AnyFunction>(name: string, fn: F, attributes?: Attributes): F {
  return agent === undefined ? fn : agent.wrap(name, 'tool', fn, attributes)
}

/** Returns `fn` recorded under a layer and name of your choice; the default name is the function's. */
export function track<F extends AnyFunction>(options: TrackOptions, fn: F): F {
  return agent === undefined
    ? fn
    : agent.wrap(options.name ?? (fn.name || 'anonymous'), options.layer ?? 'function', fn, options.attributes)
}

/** Method decorator (standard decorators): `@traced()` or `@traced({ layer: 'step', name: 'plan' })`. */
export function traced(options: TrackOptions = {}) {
  return function decorate<F extends AnyFunction>(method: F, context: ClassMethodDecoratorContext): F {
    return track({ ...options, name: options.name ?? String(context.name) }, method)
  }
}

/**
 * Opens a span that ends with the block: `using s = startSpan('load')`, or with `s.end()`.
 * On Node 24 and 26 spans started inside the block are its children; on 20 and 22 use `s.run(fn)` for that.
 */
export function startSpan(name: string, options: { layer?: Layer; attributes?: Attributes } = {}): SpanHandle & Disposable {
  return agent === undefined ? absent : agent.start(name, options.layer ?? 'function', options.attributes)
}

/** Adds attributes to the current span. */
export function annotate(attributes: Attributes): void {
  agent?.current()?.annotate(attributes)
}

/** The span that the running code belongs to, or undefined. */
export function currentSpan(): SpanHandle | undefined {
  return agent?.current()
}

/**
 * Keeps a snapshot of your own state, what `fn` returns (or resolves to), with the session: now, on demand (`perf-agent snapshot`), and as
 * `options` say. Redacted and limited to 256 KB; getters and proxies are not run. `perf-agent snapshot diff` compares two.
 */
export function snapshot(name: string, fn: () => unknown, options: StateOptions = {}): StateHandle {
  return agent === undefined ? absentState : agent.snapshot(name, fn, options)
}

/**
 * Records an operation of a cache of your own: counted always, and within a recorded span a span of its own, up to a limit per second.
 * `recordCache({ cache: 'prices', operation: 'get', key: id, hit: price !== undefined })`
 */
export function recordCache(record: CacheRecord): void {
  agent?.cache(record)
}

/**
 * Says what an answer or a choice turned out to be worth: `reward({ choice: 'router', option: 'gpt-4o-mini', value: 0.8 })`. It belongs to the
 * current span; later, give `span` (a handle, or its two ids) or `responseId`. `perf-agent report --ai` shows reward, regret and convergence.
 */
export function reward(record: RewardRecord): void {
  agent?.reward(record)
}

/** Says to which conversation the current span, and the AI and tool calls below it, belong. */
export function conversation(id: string): void
/** Runs `fn` in a span whose AI and tool calls belong to the conversation, and returns what it returns. */
export function conversation<T>(id: string, fn: (span: SpanHandle) => T): T
export function conversation<T>(id: string, fn?: (span: SpanHandle) => T): T | void {
  const attributes = { 'gen_ai.conversation.id': id }
  if (fn !== undefined) return workflow('conversation', fn, attributes)
  annotate(attributes)
}

const nothing = (): void => {}
const absentState: StateHandle = { take: nothing, stop: nothing }
const absent: SpanHandle & Disposable = {
  traceId: '',
  spanId: '',
  annotate: nothing,
  run: (fn) => fn(),
  end: nothing,
  [Symbol.dispose ?? Symbol.for('Symbol.dispose')]: nothing,
} as SpanHandle & Disposable
