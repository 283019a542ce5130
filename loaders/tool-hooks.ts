import Module from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { guard } from '../src/core/guard.ts'
import { esmHooks } from './node-versions.ts'
import { parseToolGlobs } from './tool-globs.ts'
import type { ToolGlobs } from './tool-globs.ts'
import type { ToolFormat } from './tool-transform.ts'

// Where the text of a tool file is changed: CommonJS in `Module.prototype._compile` (all versions), ES modules in
// `registerHooks` (22.15+) or in the hooks thread (20).

export interface ToolHookOptions {
  tools: string
  /** Where relative globs start. */
  folders: readonly string[]
  ownRequire: NodeJS.Require
  bootFile: string
  /** Whether a glob that cannot be read is said on stderr. */
  saysErrors: boolean
}

type Compile = (this: unknown, content: string, filename: string, format?: string) => unknown
type LoadResult = { format?: string | null; source?: unknown; shortCircuit?: boolean }
type Transform = typeof import('./tool-transform.ts').transformTools

/** Installs the hooks for files that `PERF_TOOLS` names. */
export function installToolHooks({ tools, folders, ownRequire, bootFile, saysErrors }: ToolHookOptions): void {
  const globs = parseToolGlobs(tools, folders)
  if (saysErrors) for (const error of globs.errors) process._rawDebug(`[perf-agent] ${error}`)
  if (globs.isEmpty) return
  let loaded: Transform | undefined
  const transform: Transform = (source, options) => {
    loaded ??= (ownRequire('./tool-transform.cjs') as { transformTools: Transform }).transformTools
    return loaded(source, options)
  }
  hookCompile(globs, transform)
  const kind = esmHooks(process.versions.node)
  const { registerHooks } = Module as unknown as { registerHooks?: (hooks: object) => void }
  if (kind === 'sync' && registerHooks !== undefined) hookLoad(registerHooks, globs, transform)
  else if (kind === 'async') {
    guard('tools', () => Module.register('./async-hooks.mjs', pathToFileURL(bootFile), { data: { tools, folders } }))
  }
}

function hookCompile(globs: ToolGlobs, transform: Transform): void {
  const prototype = Module.prototype as unknown as { _compile: Compile }
  const { _compile: compile } = prototype
  prototype._compile = function (content, filename, format): unknown {
    const matchesName = globs.match(filename)
    let code = content
    if (matchesName !== undefined && typeof content === 'string') {
      const source = content
      code = guard('tools', () => transform(source, { filename, format: compileFormat(format), matchesName })?.code) ?? content
    }
    return Reflect.apply(compile, this, format === undefined ? [code, filename] : [code, filename, format])
  }
}

function compileFormat(format: string | undefined): ToolFormat {
  return format === 'module' || format === 'module-typescript' || format === 'commonjs-typescript' ? format : 'commonjs'
}

function hookLoad(registerHooks: (hooks: object) => void, globs: ToolGlobs, transform: Transform): void {
  registerHooks({
    load(url: string, context: unknown, next: (url: string, context: unknown) => LoadResult): LoadResult {
      const result = next(url, context)
      return url.startsWith('file:') ? (guard('tools', () => transformLoaded(url, result, globs, transform)) ?? result) : result
    },
  })
}

/** The result of a `load` hook with the tool file's text changed; undefined when it is none. `commonjs-loaded`: CommonJS whose source counts. */
export function transformLoaded(url: string, result: LoadResult, globs: ToolGlobs, transform: Transform): LoadResult | undefined {
  const { source } = result
  const format = loadedFormat(result.format)
  if (format === undefined) return undefined
  if (source === null || source === undefined) return undefined
  const filename = fileURLToPath(url)
  const matchesName = globs.match(filename)
  if (matchesName === undefined) return undefined
  const text = typeof source === 'string' ? source : Buffer.from(source as Uint8Array).toString()
  const code = transform(text, { filename, format, matchesName })?.code
  return code === undefined ? undefined : { ...result, ...(format === 'commonjs' ? { format } : {}), source: code }
}

function loadedFormat(format: string | null | undefined): ToolFormat | undefined {
  if (format === 'commonjs-loaded') return 'commonjs'
  return format === 'module' || format === 'module-typescript' || format === 'commonjs-typescript' ? format : undefined
}
