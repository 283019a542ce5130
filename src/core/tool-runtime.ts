// What the text inserted into a user's tool file (loaders/tool-transform.ts) calls inside the app.
import { noteFault } from './guard.ts'

/** How a function runs: decides what its end is. */
export type ToolKind = 'sync' | 'async' | 'generator' | 'async-generator'

/** One wrapped function of a tool file. */
export interface ToolMeta {
  /** `search`, `Class.method`, `object.key`, `default`. */
  readonly name: string
  /** Where it starts in the file the user wrote; both count from 1, as in a stack trace. */
  readonly line: number
  readonly column: number
  /** Offsets (UTF-16) into the source that was loaded. */
  readonly start: number
  readonly end: number
  /** SHA-256 of its tokens without comments and white space, 32 hex digits: the variant. */
  readonly hash: string
  readonly kind: ToolKind
}

/** The file a tool was loaded from. */
export interface ToolFileMeta {
  readonly file: string
  /** SHA-256 of the file's tokens, 32 hex digits. */
  readonly fileHash: string
  /** `compiled`: another loader had already turned it into JavaScript, so hashes depend on that compiler. */
  readonly language: 'javascript' | 'typescript' | 'compiled'
}

export type AnyFunction = (this: unknown, ...args: unknown[]) => unknown

/**
 * Returns a new function to call instead of `original`; it passes `this`, arguments, result and error through. `new`, `name`,
 * `length`, statics and `toString` are not its business. Returning `original` leaves the function alone.
 * Called once per function object, so once per instance for a function in a class field; `meta` is the same object every time.
 */
export type ToolWrap = (original: AnyFunction, meta: ToolFileMeta & ToolMeta) => AnyFunction

/** A row of the literal in the inserted code: name, line, column, start, end, hash, kind. */
export type ToolRow = readonly [string, number, number, number, number, string, ToolKind]

/** Where a function hangs below an object, and its number: `['execute', 0]`, `['news', 'read', 1]`. */
export type ToolEntry = readonly [...path: PropertyKey[], index: number]

/** What the inserted code of one file calls. */
export interface ToolFile {
  /** The wrapper of `fn`, the file's tool number `index`; `fn` itself when it is no function or cannot be wrapped. */
  wrap(index: number, fn: unknown): unknown
  /** Replaces methods of `target` (an object literal, a class, a prototype) by their wrappers in place. */
  own(entries: readonly ToolEntry[], target: object): void
}

/** `globalThis[Symbol.for('perf.agent.v1')].tools`. */
export interface ToolRuntime {
  file(meta: ToolFileMeta & { readonly tools: readonly ToolRow[] }): ToolFile
}

/** The runtime of the inserted code; nothing it does throws. */
export function createToolRuntime(wrap: ToolWrap): ToolRuntime {
  const wrappers = new WeakMap<AnyFunction, AnyFunction>()
  const wrapOnce = (original: AnyFunction, meta: ToolFileMeta & ToolMeta): AnyFunction => {
    const known = wrappers.get(original)
    if (known !== undefined) return known
    const traced = wrap(original, meta)
    const wrapper = traced === original ? original : dress(traced, original)
    wrappers.set(original, wrapper)
    wrappers.set(wrapper, wrapper)
    return wrapper
  }
  return {
    file({ file, fileHash, language, tools }) {
      const metas = tools.map((row) => toMeta({ file, fileHash, language }, row))
      const wrapAt = (index: number, fn: unknown): unknown => {
        const meta = metas[index]
        if (meta === undefined || !isFunction(fn)) return fn
        try {
          return wrapOnce(fn, meta)
        } catch (error) {
          noteFault('tools', error)
          return fn
        }
      }
      return {
        wrap: wrapAt,
        own(entries, target) {
          for (const entry of entries) replaceOwn(target, entry.slice(0, -1), (value) => wrapAt(entry.at(-1) as number, value))
        },
      }
    },
  }
}

const isFunction = (value: unknown): value is AnyFunction => typeof value === 'function'

const toMeta = (file: ToolFileMeta, row: ToolRow): ToolFileMeta & ToolMeta => {
  const [name, line, column, start, end, hash, kind] = row
  return { ...file, name, line, column, start, end, hash, kind }
}

// Accessors are left alone: reading one may have effects.
function replaceOwn(root: object, path: readonly PropertyKey[], replace: (value: unknown) => unknown): void {
  try {
    let target = root
    for (const key of path.slice(0, -1)) {
      const next: unknown = Object.getOwnPropertyDescriptor(target, key)?.value
      if (typeof next !== 'object' || next === null) return
      target = next
    }
    const key = path.at(-1) as PropertyKey
    const descriptor = Object.getOwnPropertyDescriptor(target, key)
    if (descriptor === undefined || !isFunction(descriptor.value)) return
    if (descriptor.writable !== true && descriptor.configurable !== true) return
    const value = replace(descriptor.value)
    if (value !== descriptor.value) Object.defineProperty(target, key, { value })
  } catch (error) {
    noteFault('tools', error)
  }
}

/** Makes `traced` look like `original`: `new`, prototype, `name`, `length`, statics, `toString`. */
function dress(traced: AnyFunction, original: AnyFunction): AnyFunction {
  const wrapper = isConstructor(original) ? constructible(traced, original) : traced
  const prototype: unknown = Object.getPrototypeOf(original)
  // `fn.constructor.name === 'AsyncFunction'` is how libraries ask.
  if (Object.getPrototypeOf(wrapper) !== prototype) Object.setPrototypeOf(wrapper, prototype as object)
  for (const key of Reflect.ownKeys(original)) {
    if (key === 'arguments' || key === 'caller') continue
    const descriptor = Object.getOwnPropertyDescriptor(original, key)
    if (descriptor === undefined) continue
    if (key === 'prototype') adoptPrototype(wrapper, descriptor)
    else Object.defineProperty(wrapper, key, descriptor)
  }
  if (!Object.hasOwn(original, 'toString')) {
    originals.set(wrapper, original)
    Object.defineProperty(wrapper, 'toString', { value: sourceOfOriginal, writable: true, configurable: true })
  }
  return wrapper
}

const originals = new WeakMap<AnyFunction, AnyFunction>()

const { toString: functionToString } = Function.prototype

function sourceOfOriginal(this: AnyFunction): string {
  // The name that tool-transform writes over `export default ` of an anonymous function is taken out again.
  return functionToString.call(originals.get(this) ?? this).replace(/^((?:async )?function ?\*?) __perf_d {6}/, '$1')
}

// Only a plain `function` has an own prototype whose constructor is itself; arrows, methods and generators have not.
function isConstructor(fn: AnyFunction): boolean {
  const prototype: unknown = Object.getOwnPropertyDescriptor(fn, 'prototype')?.value
  return typeof prototype === 'object' && prototype !== null && Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value === fn
}

function constructible(traced: AnyFunction, original: AnyFunction): AnyFunction {
  const wrapper = function (this: unknown, ...args: unknown[]): unknown {
    if (new.target === undefined) return Reflect.apply(traced, this, args)
    return Reflect.construct(original, args, new.target) as unknown
  }
  return wrapper
}

function adoptPrototype(wrapper: AnyFunction, descriptor: PropertyDescriptor): void {
  const own = Object.getOwnPropertyDescriptor(wrapper, 'prototype')
  if (own !== undefined && own.writable !== true) return
  Object.defineProperty(wrapper, 'prototype', own === undefined ? descriptor : { value: descriptor.value as unknown })
  const prototype: unknown = descriptor.value
  if (typeof prototype !== 'object' || prototype === null) return
  if (Object.getOwnPropertyDescriptor(prototype, 'constructor')?.writable !== true) return
  Object.defineProperty(prototype, 'constructor', { value: wrapper })
}
