// What `npm test` and `npm start` do first on a fresh clone: install the packages that are missing, build dist/ when a source is newer.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')

/** Installs the packages of `folder` when one of them is not there. Throws when npm fails. */
export function installMissing(folder) {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
  const missing = Object.keys({ ...dependencies, ...devDependencies }).filter(
    (name) => !existsSync(path.join(folder, 'node_modules', name, 'package.json')),
  )
  if (missing.length === 0) return
  say(`installing ${path.relative(root, folder) || 'the packages of the repository'}`)
  // Not `npm ci`: it refuses a lock file without the binaries of other platforms, which not every registry mirror carries.
  npm(['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], folder)
}

/** Builds dist/ when it is not there or older than a source. Throws when the build fails. */
export function buildIfStale() {
  if (!isBuildStale()) return
  say('building dist/')
  run(process.execPath, [path.join(root, 'scripts', 'build.mjs')], root)
}

/** Runs npm in `folder`, its output on stderr. */
export function npm(args, folder) {
  // A script that npm runs is told where npm is; that spares looking for npm.cmd on Windows.
  const own = process.env.npm_execpath
  if (own !== undefined && /\.c?js$/.test(own)) run(process.execPath, [own, ...args], folder)
  else run('npm', args, folder)
}

/** One line of progress on stderr. */
export function say(text) {
  process.stderr.write(`\n> ${text}\n`)
}

function isBuildStale() {
  const built = statSync(path.join(root, 'dist', 'register.js'), { throwIfNoEntry: false })?.mtimeMs ?? 0
  return ['src', 'register', 'loaders', 'package.json', 'scripts/build.mjs'].some((name) => newestIn(path.join(root, name)) > built)
}

function newestIn(name) {
  const stats = statSync(name, { throwIfNoEntry: false })
  if (stats === undefined) return 0
  if (!stats.isDirectory()) return stats.mtimeMs
  return Math.max(0, ...readdirSync(name).map((entry) => newestIn(path.join(name, entry))))
}

function run(program, args, cwd) {
  const { status, signal, error } = spawnSync(program, args, { cwd, stdio: ['ignore', process.stderr, process.stderr] })
  if (error) throw new Error(`${program} could not be started: ${error.message}`)
  if (status !== 0) throw new Error(`${path.basename(program)} ${args.join(' ')} ended with ${signal ?? `code ${status}`}`)
}
