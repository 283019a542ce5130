import Module from 'node:module'
import { pathToFileURL } from 'node:url'
import vm from 'node:vm'
import { Hook as RequireHook } from 'require-in-the-middle'
import type { Engine, RegistryEntry } from '../src/core/engine.ts'
import { guard, noteFault } from '../src/core/guard.ts'
import { watchCommonJsImports } from './commonjs-imports.ts'
import { reportLoadedBefore } from './loaded-before.ts'
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
  /** Modules of Node itself that only `builtinLoaded` is told of. */
  alsoBuiltins: readonly string[]
  /** Called with a module of Node itself before the engine wraps anything in it. */
  builtinLoaded?(name: string, exports: unknown): void
  /** Says a line on stderr, once in the life of the process. */
  say(text: string): void
}

/** Installs both hooks. */
export function installModuleHooks(options: HookOptions): void {
  const names = options.registry.flatMap((entry) => entry.modules.filter((name) => !name.startsWith('node:')))
  const builtins = options.registry.flatMap((entry) =>
    entry.modules.filter((name) => name.startsWith('node:') && Module.isBuiltin(name)).map(builtinId),
  )
  builtins.push(...options.alsoBuiltins)
  const packages = [...new Set(names)]
  guard('require-hook', () => reportLoadedBefore(options.engine, new Set(packages)))
  guard('require-hook', () => hookRequire(options, packages, [...new Set(builtins)]))
  try {
    hookImport(options, packages, [...new Set(builtins)])
  } catch (error) {
    noteFault('import-hook', error)
    options.say(`ES modules cannot be hooked: ${error instanceof Error ? error.message : String(error)}. The app is not affected.`)
  }
}

function hookRequire({ engine, registry, builtinLoaded }: HookOptions, packages: string[], builtins: string[]): void {
  const original: unknown = Module.prototype.require
  const files = registry.flatMap((entry) => entry.cjsFiles ?? []).map((file) => file.replace(/\.[cm]?js$/, ''))
  new RequireHook(
    [...packages, ...files, ...builtins],
    { internals: true },
    <T>(exports: T, name: string, baseDir: string | undefined): T => {
      const given = guard('require-hook', () => {
        if (baseDir === undefined) {
          builtinLoaded?.(name, exports)
          engine.moduleLoaded(exports, { name, version: process.versions.node, file: undefined, format: 'cjs' })
          // `https` and `http2` are built on classes of `http`, which Node loads without a `require` that could be seen.
          if ((name === 'https' || name === 'http2') && builtins.includes('http')) Module.prototype.require.call(module, 'http')
          Module.syncBuiltinESMExports()
          return exports
        }
        return seen(engine, exports, name, baseDir, 'cjs', true) as T
      })
      return given ?? exports
    },
  )
  passOthers(original, builtins)
}

/** Node's own modules that are not watched go straight to Node. */
function passOthers(original: unknown, watched: string[]): void {
  const hooked: unknown = Module.prototype.require
  const passed = new Set(Module.builtinModules.filter((name) => !watched.includes(name)).flatMap((name) => [name, `node:${name}`]))
  const front = {
    require(this: { filename?: unknown }, ...args: unknown[]): unknown {
      const id = args[0] as string
      const next = (passed.has(id) ? original : hooked) as (id: string) => unknown
      return id === 'punycode' || id === 'node:punycode' ? callFrom(this.filename, next, this, args) : Reflect.apply(next, this, args)
    },
  }
  Module.prototype.require = front.require as unknown as NodeJS.Require
}

/**
 * Calls `fn` from a frame of the file that asks. Node 22 and later warn of `punycode` only when it is asked for outside node_modules, and
 * look ten frames back for that; without the agent the asking file is the tenth.
 */
function callFrom(filename: unknown, fn: unknown, self: unknown, args: unknown[]): unknown {
  const options = typeof filename === 'string' ? { filename } : {}
  return vm.compileFunction('return apply(fn, self, args)', ['apply', 'fn', 'self', 'args'], options)(Reflect.apply, fn, self, args)
}

/** `http` for `node:http`; modules that came late have no name without the prefix (`node:sqlite`: `sqlite` is a package). */
function builtinId(name: string): string {
  return Module.isBuiltin(name.slice(5)) ? name.slice(5) : name
}

/** Matches the URL of a file of a package, wherever that is installed. */
function urlOfFile(file: string): RegExp {
  return new RegExp(`/node_modules/${file.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`)
}

/** What takes so long to load (8 ms) that programs which never import it must not pay for it. */
const LOADED_LATE = new Set(['http2'])

function hookImport(options: HookOptions, packages: string[], builtins: string[]): void {
  const { engine, registry, ownRequire, bootFile } = options
  const files = registry.flatMap((entry) => entry.esmFiles ?? []).map(urlOfFile)
  const kind = esmHooks(process.versions.node)
  if (kind === 'none') return
  const { Hook } = ownRequire('import-in-the-middle') as typeof import('import-in-the-middle')
  const late = kind === 'sync' ? [] : builtins.filter((name) => LOADED_LATE.has(name))
  new Hook([...packages, ...late], { internals: true }, (exports: unknown, name: string, baseDir: string | void) => {
    if (late.includes(name)) guard('import-hook', () => lateBuiltin(engine, exports, name))
    else guard('import-hook', () => seen(engine, exports, name, baseDir ?? undefined, 'esm'))
  })
  if (kind === 'sync') {
    const listed = new Set(packages)
    const isCommonJs = watchCommonJsImports(listed, (exports, name, baseDir) => seen(engine, exports, name, baseDir, 'cjs'))
    const hooks = ownRequire('import-in-the-middle/register-hooks.mjs') as {
      register(options: { shouldInclude(url: string, specifier: string): boolean }): void
    }
    hooks.register({
      shouldInclude: (url, specifier) => (listed.has(specifier) ? !isCommonJs(url) : files.some((file) => file.test(url))),
    })
    watchBuiltins(builtins)
  } else {
    // The hooks run in another thread there; a builtin cannot be caught at its first import, so it is patched now.
    Module.register('import-in-the-middle/hook.mjs', pathToFileURL(bootFile), { data: { include: [...packages, ...late, ...files] } })
    // Not one that warns of being experimental when it is loaded.
    for (const name of builtins) if (!name.startsWith('node:') && !late.includes(name)) Module.prototype.require.call(module, name)
  }
}

/** What is imported of a builtin are copies of its functions; what they share (prototypes) is patched with the builtin itself. */
function lateBuiltin(engine: Engine, copies: unknown, name: string): void {
  Module.prototype.require.call(module, name)
  engine.moduleLoaded(copies, { name, version: process.versions.node, file: undefined, format: 'esm' })
}

/** Patches a builtin right before its first import (importing it does not go through `require`). */
function watchBuiltins(builtins: string[]): void {
  const pending = new Set(builtins)
  const registerHooks = (Module as unknown as { registerHooks(hooks: object): void }).registerHooks
  registerHooks({
    resolve(specifier: string, context: unknown, next: (specifier: string, context: unknown) => Resolved): Resolved {
      if (pending.size > 0) {
        const name = pending.has(specifier) || !specifier.startsWith('node:') ? specifier : specifier.slice(5)
        // The hooked `require`: it hands the module to the engine before the import sees it.
        if (pending.delete(name)) guard('import-hook', () => Module.prototype.require.call(module, name) as unknown)
      }
      const resolved = next(specifier, context)
      // import-in-the-middle 3.6.0 takes a builtin without a parent (`node -e`) for an entry file without extension: `commonjs`.
      return resolved.url.startsWith('node:') && resolved.format === 'commonjs' ? { ...resolved, format: 'builtin' } : resolved
    },
  })
}

type Resolved = { url: string; format?: string | null }

function seen(
  engine: Engine,
  exports: unknown,
  name: string,
  baseDir: string | undefined,
  format: 'cjs' | 'esm',
  replaceable = false,
): unknown {
  if (baseDir === undefined) return undefined
  const normal = name.replaceAll('\\', '/')
  const parts = normal.split('/')
  const packageName = normal.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? normal)
  const inner = normal.slice(packageName.length + 1)
  const file = inner === '' ? undefined : inner.replace(/\.[cm]?js$/, '')
  return engine.moduleLoaded(exports, { name: packageName, version: packageVersion(baseDir), file, format, replaceable })
}
