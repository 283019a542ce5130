import { types } from 'node:util'

// Exports whose functions cannot be replaced where they are: accessors that can neither be set nor configured, of CommonJS made by esbuild,
// and the namespace that a `require` of an ES module gives.

/** A copy of a module's exports whose functions can be replaced. */
export interface Unsealed {
  readonly exports: object
  /** Makes its properties what those of the module's own exports are. */
  seal(): void
}

/** The copy to patch and to give to whoever requires the module; undefined when its own exports will do for `paths`. */
export function unseal(exports: unknown, paths: readonly string[]): Unsealed | undefined {
  if (typeof exports !== 'object' || exports === null) return undefined
  if (types.isModuleNamespaceObject(exports)) return paths.some((path) => Object.hasOwn(exports, path)) ? overNamespace(exports) : undefined
  const keys = paths.filter((path) => !path.includes('.') && isSealed(exports, path))
  if (keys.length === 0) return undefined
  const descriptors = Object.getOwnPropertyDescriptors(exports) as Record<string, PropertyDescriptor>
  for (const key of keys) descriptors[key] = { ...descriptors[key], configurable: true }
  const copy = Object.create(Object.getPrototypeOf(exports) as object | null, descriptors) as object
  return {
    exports: copy,
    seal() {
      for (const key of keys) Object.defineProperty(copy, key, { configurable: false })
    },
  }
}

function isSealed(exports: object, key: string): boolean {
  const descriptor = Object.getOwnPropertyDescriptor(exports, key)
  return descriptor?.get !== undefined && !descriptor.configurable
}

/** Sees through to the namespace, whose bindings are live. */
function overNamespace(exports: object): Unsealed {
  const replaced = new Map<PropertyKey, unknown>()
  let isSealedNow = false
  const proxy = new Proxy(exports, {
    get: (target, key) => (replaced.has(key) ? replaced.get(key) : (Reflect.get(target, key) as unknown)),
    getOwnPropertyDescriptor(target, key) {
      const own = Reflect.getOwnPropertyDescriptor(target, key)
      return own !== undefined && replaced.has(key) ? { ...own, value: replaced.get(key) } : own
    },
    set(_target, key, value) {
      if (!isSealedNow) replaced.set(key, value)
      return !isSealedNow
    },
  })
  return {
    exports: proxy,
    seal() {
      isSealedNow = true
    },
  }
}
