import fs from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { parseToolGlobs } from './tool-globs.ts'
import type { ToolGlobs } from './tool-globs.ts'
import { transformLoaded } from './tool-hooks.ts'

// `module.register` hooks for tool files, in Node's hooks thread (Node 20 and older 22, 24).

/**
 * CommonJS compiles in `_compile`, where `hookCompile` waits, unless a loader gives its source here (tsx): then Node compiles that. tsx
 * takes TypeScript that an inner hook has read, so a tool file is read here.
 */
function withSource(url: string, result: LoadResult, globs: ToolGlobs): LoadResult {
  if (result.format !== 'commonjs') return result
  if (result.source !== null && result.source !== undefined) return { ...result, format: 'commonjs-loaded' }
  if (!/\.c?tsx?$/.test(url) || globs.match(fileURLToPath(url)) === undefined) return result
  return { ...result, format: 'commonjs-loaded', source: fs.readFileSync(fileURLToPath(url)) }
}

type Transform = typeof import('./tool-transform.ts').transformTools
type LoadResult = { format?: string | null; source?: unknown }

let globs: ToolGlobs | undefined
let transform: Transform | undefined

export function initialize(data: { tools: string; cwd: string }): void {
  globs = parseToolGlobs(data.tools, data.cwd)
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
    return transformLoaded(url, withSource(url, result, globs), globs, transform) ?? result
  } catch {
    return result
  }
}
