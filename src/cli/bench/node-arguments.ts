import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { UsageError } from '../../errors.ts'

/**
 * What Node needs to run a benchmark file: nothing for JavaScript, and for TypeScript where Node strips types itself (22.18, 24 and later),
 * else tsx when it is installed. Throws a `UsageError` when the file is not there or cannot be run.
 */
export function nodeArguments(file: string): string[] {
  const full = path.resolve(file)
  if (!existsSync(full)) throw new UsageError(`There is no file ${file}; a command is benchmarked as: perf-agent bench -- <command>.`)
  if (!/\.[cm]?tsx?$/.test(full)) return [full]
  const { typescript } = process.features as { typescript?: unknown }
  if (Boolean(typescript) && !full.endsWith('x')) return ['--disable-warning=ExperimentalWarning', full]
  for (const from of [full, path.join(process.cwd(), 'package.json')]) {
    try {
      return ['--import', pathToFileURL(createRequire(from).resolve('tsx')).href, full]
    } catch {
      // not installed there
    }
  }
  throw new UsageError(
    `Node ${process.version} does not run TypeScript (${file}): use Node 22.18 or newer, install tsx, or write the benchmark in JavaScript.`,
  )
}
