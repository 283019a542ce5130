// The one table of what Node can do, by version (measured; see docs/decisions/module-hooks.md).

export type EsmHooks = 'sync' | 'async' | 'none'

/**
 * How ES modules can be hooked. `sync` needs `module.registerHooks` with nodejs/node#59929: 22.22.3+, 24.11.1+, 25.1+, 26+.
 * Elsewhere `module.register` runs the hooks in a thread of its own; it is never called on 26 (it prints DEP0205).
 */
export function esmHooks(version: string): EsmHooks {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  if (major >= 26) return 'sync'
  if (major === 25) return minor >= 1 ? 'sync' : 'async'
  if (major === 24) return minor > 11 || (minor === 11 && patch >= 1) ? 'sync' : 'async'
  if (major === 22) return minor > 22 || (minor === 22 && patch >= 3) ? 'sync' : 'async'
  return major >= 20 ? 'async' : 'none'
}

/** Oldest Node the agent runs on; elsewhere the app runs as if it were absent. */
export function isSupportedNode(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > 20 || (major === 20 && minor >= 19)
}
