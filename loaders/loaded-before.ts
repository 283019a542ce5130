import Module from 'node:module'
import path from 'node:path'
import type { Engine } from '../src/core/engine.ts'
import { packageVersion } from './package-version.ts'

/** Brings the listed packages that are in the CommonJS cache already to the engine. Packages of ES modules cannot be seen once they are loaded. */
export function reportLoadedBefore(engine: Engine, packages: ReadonlySet<string>): void {
  const cache = (Module as unknown as { _cache: Record<string, { exports: unknown } | undefined> })._cache
  for (const [file, loaded] of Object.entries(cache)) {
    const name = packageOf(file)
    if (name === undefined || !packages.has(name) || loaded === undefined) continue
    const folder = file.slice(0, file.lastIndexOf(inner(name)) + inner(name).length)
    const isEntry = entryOf(folder) === file
    const inside = file.slice(folder.length + 1).replaceAll('\\', '/')
    engine.loadedBefore(loaded.exports, {
      name,
      version: packageVersion(folder),
      file: isEntry ? undefined : inside.replace(/\.[cm]?js$/, ''),
      format: 'cjs',
    })
  }
}

const MODULES = `${path.sep}node_modules${path.sep}`

const inner = (name: string): string => MODULES + name.replaceAll('/', path.sep)

function packageOf(file: string): string | undefined {
  const at = file.lastIndexOf(MODULES)
  if (at < 0) return undefined
  const [first = '', second = ''] = file.slice(at + MODULES.length).split(path.sep)
  return first.startsWith('@') ? `${first}/${second}` : first
}

function entryOf(folder: string): string | undefined {
  try {
    return Module.createRequire(path.join(folder, 'package.json')).resolve(folder)
  } catch {
    return undefined
  }
}
