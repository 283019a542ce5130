// Other major versions of a library than the one in package.json, installed once into .cache.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

const cache = path.resolve(import.meta.dirname, '../../.cache/packages')

/** Gives a `require` that finds exactly this package, e.g. `requireFrom('openai', '4')('openai')`; needs the npm registry the first time. */
export function requireFrom(name: string, version: string): NodeJS.Require {
  const folder = path.join(cache, `${name.replace('/', '+')}@${version}`)
  if (!existsSync(path.join(folder, 'node_modules', name, 'package.json'))) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n')
    const npm = process.env['npm_execpath']
    const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', `${name}@${version}`]
    execFileSync(npm ? process.execPath : 'npm', npm ? [npm, ...args] : args, { cwd: folder, stdio: 'pipe' })
  }
  return createRequire(path.join(folder, 'index.js'))
}
