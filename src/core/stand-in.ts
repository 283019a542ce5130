// Stands for an object of the app's that must not be changed, with some of its properties replaced.

type AnyFunction = (...args: unknown[]) => unknown

const originals = new WeakMap<object, object>()

/** What a stand-in stands for; any other value is itself. */
export function originalOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? (originals.get(value) ?? value) : value
}

/** An object like `root` whose properties of these names are others. Plain objects are copied, instances of classes seen through a proxy. */
export function standInFor(root: object, replaced: ReadonlyMap<string, unknown>): object {
  const standIn = Array.isArray(root) || isPlain(root) ? copyOf(root, replaced) : proxyOf(root, replaced)
  originals.set(standIn, originals.get(root) ?? root)
  return standIn
}

/**
 * As `standInFor`, for an object of the library: it inherits everything, and its methods run on it, so that they, too, find what was
 * replaced. Private fields would not be found.
 */
export function derivedFrom(root: object, replaced: ReadonlyMap<string, unknown>): object {
  const derived = Object.create(root) as object
  for (const [key, value] of replaced) Object.defineProperty(derived, key, { value, writable: true, enumerable: true, configurable: true })
  originals.set(derived, originals.get(root) ?? root)
  return derived
}

function isPlain(root: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(root)
  return prototype === Object.prototype || prototype === null
}

function copyOf(root: object, replaced: ReadonlyMap<string, unknown>): object {
  if (Array.isArray(root)) {
    const copy: unknown[] = [...(root as unknown[])]
    for (const [key, value] of replaced) copy[Number(key)] = value
    return copy
  }
  const descriptors = Object.getOwnPropertyDescriptors(root) as Record<string, PropertyDescriptor>
  for (const [key, value] of replaced)
    descriptors[key] = { value, writable: true, enumerable: descriptors[key]?.enumerable ?? true, configurable: true }
  return Object.create(Object.getPrototypeOf(root) as object | null, descriptors) as object
}

/** Its methods and accessors run on the instance itself: private fields (`#x`) are on no other object. */
function proxyOf(root: object, replaced: ReadonlyMap<string, unknown>): object {
  const methods = new Map<PropertyKey, { method: AnyFunction; bound: AnyFunction }>()
  const proxy: object = new Proxy(root, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target)
      const own = Object.getOwnPropertyDescriptor(target, key)
      if (own?.configurable === false && own.writable === false) return value
      if (typeof key === 'string' && replaced.has(key)) return replaced.get(key)
      if (typeof value !== 'function' || key === 'constructor') return value
      const known = methods.get(key)
      if (known?.method === value) return known.bound
      const bound = new Proxy(value as AnyFunction, {
        apply: (method, self, args: unknown[]) => Reflect.apply(method, self === proxy ? target : self, args),
      })
      methods.set(key, { method: value as AnyFunction, bound })
      return bound
    },
  })
  return proxy
}
