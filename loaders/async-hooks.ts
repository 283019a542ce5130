import { createRequire } from 'node:module'
import { parseToolGlobs } from './tool-globs.ts'
import type { ToolGlobs } from './tool-globs.ts'
import { transformLoaded } from './tool-hooks.ts'

// `module.register` hooks for tool files, in Node's hooks thread (Node 20 and older 22, 24).

/** CommonJS compiles in `_compile`, where `hookCompile` waits, unless a loader gives its source here (tsx): then Node compiles that. */
function withSource(result: LoadResult): LoadResult {
  const isLoaded = result.format === 'commonjs' && result.source !== null && result.source !== undefined
  return isLoaded ? { ...result, format: 'commonjs-loaded' } : result
}

type Transform = typeof import('./tool-transform.ts').transformTools
type LoadResult = { format?: string | null; source?: unknown }

let globs: ToolGlobs | undefined
let transform: Transform | undefined

export function initialize(data: { tools: string; folders: string[] }): void {
  globs = parseToolGlobs(data.tools, data.folders)
}

export async function load(
  url: string,
  context: unknown,
  next: (url: string, context: unknown) => Promise<LoadResult>,
): Promise<LoadResult> {
  const result = await next(url, context)
  if (globs === undefined || !url.startsWith('file:')) return result
  try {
    transform ??= (createRequire(import.meta.url)('./tool-transform.cjs') as { transformTools: Transform }).transformTools
    return transformLoaded(url, withSource(result), globs, transform) ?? result
  } catch {
    return result
  }
}
