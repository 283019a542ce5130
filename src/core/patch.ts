// Replaces a function at a path inside a module's exports, keeping its property's descriptor.

type AnyFunction = (...args: unknown[]) => unknown
type Indexable = Record<string, unknown>

/**
 * Replaces the function at `path` (`Client.prototype.query`) in every place it is reachable from: the exports and their
 * `default`, which are separate slots when a CommonJS module is imported. Returns how many places hold the wrapper now.
 */
export function patchPath(exports: unknown, path: string, wrap: (original: AnyFunction) => AnyFunction): number {
  let patched = patchFrom(exports, path, wrap) ? 1 : 0
  if (isIndexable(exports) && !path.startsWith('default.') && path !== 'default') {
    const fallback = readDefault(exports)
    if (fallback !== exports && isIndexable(fallback) && patchFrom(fallback, path, wrap)) patched++
  }
  if (path.startsWith('default.') && patched === 0 && patchFrom(exports, path.slice(8), wrap)) patched++
  return patched
}

/** What is at `path` of the exports or of their `default`. */
export function readPath(exports: unknown, path: string): unknown {
  for (const root of [exports, isIndexable(exports) ? exports['default'] : undefined]) {
    let found: unknown = root
    for (const key of path.split('.')) found = isIndexable(found) ? found[key] : undefined
    if (found !== undefined) return found
  }
  return undefined
}

function patchFrom(root: unknown, path: string, wrap: (original: AnyFunction) => AnyFunction): boolean {
  const keys = path.split('.')
  const last = keys.pop()
  if (last === undefined) return false
  let owner: unknown = root
  for (const key of keys) {
    if (!isIndexable(owner)) return false
    owner = owner[key]
  }
  return isIndexable(owner) && patchProperty(owner, last, wrap)
}

function patchProperty(owner: Indexable, key: string, wrap: (original: AnyFunction) => AnyFunction): boolean {
  if (key.startsWith('get ')) return patchGetter(owner, key.slice(4), wrap)
  const descriptor = Object.getOwnPropertyDescriptor(owner, key)
  if (descriptor === undefined) return patchInherited(owner, key, wrap)
  if ('value' in descriptor) {
    const original: unknown = descriptor.value
    if (typeof original !== 'function') return false
    const wrapper = wrap(original as AnyFunction)
    if (wrapper === original) return true
    if (descriptor.writable) {
      // An import-in-the-middle namespace takes the value through its `set` trap; a plain object keeps its descriptor.
      if (Reflect.set(owner, key, wrapper)) return true
    }
    return descriptor.configurable === true && Reflect.defineProperty(owner, key, { ...descriptor, value: wrapper })
  }
  const { get } = descriptor
  if (get === undefined || !descriptor.configurable) return false
  const original: unknown = get.call(owner)
  if (typeof original !== 'function') return false
  const wrapper = wrap(original as AnyFunction)
  return Reflect.defineProperty(owner, key, { ...descriptor, get: () => wrapper })
}

/** `get chat`: the getter itself, where the property holds no function but what the getter makes. */
function patchGetter(owner: Indexable, key: string, wrap: (original: AnyFunction) => AnyFunction): boolean {
  const descriptor = Object.getOwnPropertyDescriptor(owner, key)
  if (descriptor?.get === undefined || !descriptor.configurable) return false
  const wrapper = wrap(descriptor.get)
  return wrapper === descriptor.get || Reflect.defineProperty(owner, key, { ...descriptor, get: wrapper as () => unknown })
}

/** A method of a superclass (`Server.prototype.emit`): the wrapper becomes an own property of this class. */
function patchInherited(owner: Indexable, key: string, wrap: (original: AnyFunction) => AnyFunction): boolean {
  if (!Object.hasOwn(owner, 'constructor')) return false
  const original = owner[key]
  if (typeof original !== 'function') return false
  return Reflect.defineProperty(owner, key, { value: wrap(original as AnyFunction), writable: true, configurable: true, enumerable: false })
}

/** The exports of esbuild are accessors. */
function readDefault(owner: Indexable): unknown {
  const descriptor = Object.getOwnPropertyDescriptor(owner, 'default')
  return descriptor?.get === undefined ? descriptor?.value : descriptor.get.call(owner)
}

function isIndexable(value: unknown): value is Indexable {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
