// The CommonJS build of some packages (esbuild) exports through accessors that can neither be set nor configured.

/** A copy of a module's exports whose functions can be replaced. */
export interface Unsealed {
  readonly exports: object
  /** Makes its properties what those of the module's own exports are. */
  seal(): void
}

/** The copy to patch and to give to whoever requires the module; undefined when its own exports will do for `paths`. */
export function unseal(exports: unknown, paths: readonly string[]): Unsealed | undefined {
  if (typeof exports !== 'object' || exports === null) return undefined
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
