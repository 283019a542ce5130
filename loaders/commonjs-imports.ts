import { existsSync } from 'node:fs'
import Module from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { guard } from '../src/core/guard.ts'

// CommonJS packages that are imported, on Node with synchronous hooks. Node makes their namespace itself, from the `module.exports` that
// `Module._load` gives: patched in between, names, order of evaluation and values are Node's own, and no facade is needed. (A facade's
// names come from a lexer of another version than Node's: `native` of pg 8.0.3 was missing.)

/** Told once a listed package that was imported has been evaluated, before the importing module sees it. */
export type ImportSeen = (exports: unknown, name: string, baseDir: string) => void

type Resolved = { url: string; format?: string | null }
type Context = { conditions?: readonly string[]; parentURL?: string }
type Load = (this: unknown, request: string, parent: unknown, isMain: boolean) => unknown

/** Watches imports of `packages`; the result tells whether the file of a URL is watched here. Must be registered before a facade's hooks. */
export function watchCommonJsImports(packages: ReadonlySet<string>, onImport: ImportSeen): (url: string) => boolean {
  const urls = new Set<string>()
  const pending = new Map<string, string>()
  const onLoad = (filename: string, exports: unknown): void => {
    const name = pending.get(filename)
    const baseDir = name === undefined ? undefined : packageFolder(filename, name)
    pending.delete(filename)
    if (name !== undefined && baseDir !== undefined) onImport(exports, name, baseDir)
  }
  const { registerHooks } = Module as unknown as { registerHooks(hooks: object): void }
  registerHooks({
    resolve(specifier: string, context: Context, next: (specifier: string, context: Context) => Resolved): Resolved {
      const resolved = resolveFor(specifier, context, next)
      if (packages.has(specifier) && context.conditions?.includes('require') !== true && isCommonJs(resolved))
        guard('import-hook', () => {
          urls.add(resolved.url)
          pending.set(fileURLToPath(resolved.url), specifier)
          patchLoad(pending, onLoad)
        })
      return resolved
    },
  })
  return (url) => urls.has(url)
}

/**
 * While an ES module of a package is required, Node 22 resolves as `require` does, from whoever required it; import-in-the-middle asks for
 * what the module exports from other ones, which is then not found.
 */
function resolveFor(specifier: string, context: Context, next: (specifier: string, context: Context) => Resolved): Resolved {
  try {
    return next(specifier, context)
  } catch (error) {
    const { parentURL } = context
    const isOfPackage = /^(?:file:\/\/|\.\.?\/)/.test(specifier) && parentURL?.includes('/node_modules/') === true
    if (!isOfPackage || (error as { code?: unknown }).code !== 'MODULE_NOT_FOUND') throw error
    const file = fileURLToPath(new URL(specifier, parentURL))
    if (!existsSync(file)) throw error
    return next(file, context)
  }
}

/** Without a format Node has found no `type` in package.json: `.js` below node_modules is CommonJS then. */
function isCommonJs({ url, format }: Resolved): boolean {
  if (!url.startsWith('file:')) return false
  return format === 'commonjs' || ((format === null || format === undefined) && /\.c?js$/.test(url))
}

/** Patched only while an import is on its way: a frame in every stack of a `require` is a change, too. */
function patchLoad(pending: ReadonlyMap<string, string>, onLoad: (filename: string, exports: unknown) => void): void {
  const owner = Module as unknown as { _load: Load & { [PATCHED]?: true } }
  const original = owner._load
  if (original[PATCHED] === true) return
  const load: Load & { [PATCHED]?: true } = function (this: unknown, ...args) {
    const exports = Reflect.apply(original, this, args)
    // An import has no parent module.
    if (args[1] === undefined && pending.has(args[0])) guard('import-hook', () => onLoad(args[0], exports))
    if (pending.size === 0 && owner._load === load) owner._load = original
    return exports
  }
  load[PATCHED] = true
  owner._load = load
}

const PATCHED = Symbol('perf.agent.load')

function packageFolder(filename: string, name: string): string | undefined {
  const inner = `${path.sep}${path.join('node_modules', ...name.split('/'))}${path.sep}`
  const at = filename.lastIndexOf(inner)
  return at < 0 ? undefined : filename.slice(0, at + inner.length - 1)
}
