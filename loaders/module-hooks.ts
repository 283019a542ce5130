import Module from 'node:module'
import { pathToFileURL } from 'node:url'
import { Hook as RequireHook } from 'require-in-the-middle'
import type { Engine, RegistryEntry } from '../src/core/engine.ts'
import { guard } from '../src/core/guard.ts'
import { esmHooks } from './node-versions.ts'
import { packageVersion } from './package-version.ts'

// Brings every listed module to the engine: `require` through require-in-the-middle, `import` through
// import-in-the-middle with an include list (wrapping everything breaks live bindings and cycles).

export interface HookOptions {
  engine: Engine
  registry: readonly RegistryEntry[]
  /** `require` that is not hooked, for the agent's own files. */
  ownRequire: NodeJS.Require
  /** This file's bundle, from which `import-in-the-middle` is resolved. */
  bootFile: string
  /** Told when the app first loads one of Node's own modules that are watched. */
  onBuiltin(name: string): void
}

/** Installs both hooks. */
export function installModuleHooks(options: HookOptions): void {
  const names = options.registry.flatMap((entry) => entry.modules.filter((name) => !name.startsWith('node:')))
  const builtins = options.registry.flatMap((entry) =>
    entry.modules.filter((name) => name.startsWith('node:')).map((name) => name.slice(5)),
  )
  const packages = [...new Set(names)]
  guard('require-hook', () => hookRequire(options, packages, [...new Set(builtins)]))
  guard('import-hook', () => hookImport(options, packages, [...new Set(builtins)]))
}

function hookRequire({ engine, onBuiltin }: HookOptions, packages: string[], builtins: string[]): void {
  new RequireHook([...packages, ...builtins], { internals: true }, (exports, name, baseDir) => {
    guard('require-hook', () => {
      if (baseDir === undefined) {
        onBuiltin(name)
        engine.moduleLoaded(exports, { name, version: process.versions.node, file: undefined, format: 'cjs' })
        // `https` is built on classes of `http`, which Node loads without a `require` that could be seen.
        if (name === 'https' && builtins.includes('http')) Module.prototype.require.call(module, 'http')
        Module.syncBuiltinESMExports()
      } else {
        seen(engine, exports, name, baseDir, 'cjs')
      }
    })
    return exports
  })
}

function hookImport(options: HookOptions, packages: string[], builtins: string[]): void {
  const { engine, ownRequire, bootFile } = options
  const kind = esmHooks(process.versions.node)
  if (kind === 'none') return
  const { Hook } = ownRequire('import-in-the-middle') as typeof import('import-in-the-middle')
  new Hook(packages, { internals: true }, (exports: unknown, name: string, baseDir: string | void) => {
    guard('import-hook', () => seen(engine, exports, name, baseDir ?? undefined, 'esm'))
  })
  if (kind === 'sync') {
    const hooks = ownRequire('import-in-the-middle/register-hooks.mjs') as { register(options: { include: string[] }): void }
    hooks.register({ include: [...packages] })
    watchBuiltins(builtins)
  } else {
    // The hooks run in another thread there; a builtin cannot be caught at its first import, so it is patched now.
    Module.register('import-in-the-middle/hook.mjs', pathToFileURL(bootFile), { data: { include: [...packages] } })
    for (const name of builtins) Module.prototype.require.call(module, name)
  }
}

/** Patches a builtin right before its first import (importing it does not go through `require`). */
function watchBuiltins(builtins: string[]): void {
  const pending = new Set(builtins)
  const registerHooks = (Module as unknown as { registerHooks(hooks: object): void }).registerHooks
  registerHooks({
    resolve(specifier: string, context: unknown, next: (specifier: string, context: unknown) => unknown): unknown {
      if (pending.size > 0) {
        const name = specifier.startsWith('node:') ? specifier.slice(5) : specifier
        // The hooked `require`: it hands the module to the engine before the import sees it.
        if (pending.delete(name)) guard('import-hook', () => Module.prototype.require.call(module, name) as unknown)
      }
      return next(specifier, context)
    },
  })
}

function seen(engine: Engine, exports: unknown, name: string, baseDir: string | undefined, format: 'cjs' | 'esm'): void {
  if (baseDir === undefined) return
  const normal = name.replaceAll('\\', '/')
  const parts = normal.split('/')
  const packageName = normal.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? normal)
  const inner = normal.slice(packageName.length + 1)
  const file = inner === '' ? undefined : inner.replace(/\.[cm]?js$/, '')
  engine.moduleLoaded(exports, { name: packageName, version: packageVersion(baseDir), file, format })
}
