// Builds the native part of a package for the Node under test: install scripts are blocked and prebuilt binaries come from elsewhere.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const cache = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '.cache')

/** Path of the Node under test, and its version. */
export function nodeUnderTest() {
  const binary = process.env.PERF_TEST_NODE ?? process.execPath
  const version =
    binary === process.execPath ? process.versions.node : execFileSync(binary, ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim()
  return { binary, version, major: Number(version.split('.')[0]) }
}

/** Why `addon` cannot be built for the Node under test; undefined when it can. */
export function unbuildable(addon) {
  if (addon === 'libpq' && spawnSync('pg_config', ['--libdir']).status !== 0) return 'the headers of libpq are not installed (libpq-dev)'
  const node = nodeUnderTest()
  try {
    headersOf(node)
    return undefined
  } catch {
    return `Node ${node.major} has no headers here to build it with`
  }
}

/** Runs node-gyp in `folder` against the headers of `node`. Throws with its output when that fails. */
export function buildAddon(folder, node) {
  const gyp = path.join(globalModules(), 'npm', 'node_modules', 'node-gyp', 'bin', 'node-gyp.js')
  const result = spawnSync(process.execPath, [gyp, 'rebuild', '--release', `--nodedir=${headersOf(node)}`, '-j', '2'], {
    cwd: folder,
    encoding: 'utf8',
    // SQLite alone takes a minute with optimisation.
    // npm hands a setting of its own on, which node-gyp prefers to its argument.
    env: { ...process.env, npm_config_nodedir: headersOf(node), CFLAGS: '-O0', CXXFLAGS: '-O0' },
  })
  if (result.status !== 0)
    throw new Error(`node-gyp failed in ${folder}:\n${`${result.stdout}${result.stderr ?? result.error}`.slice(-4000)}`)
  rmSync(path.join(folder, 'build', 'Release', 'obj.target'), { recursive: true, force: true })
}

/** Folder that holds `include/node` of this very version: beside the binary, or in the npm package of that Node. */
function headersOf({ binary, version }) {
  const beside = path.dirname(path.dirname(realpathSync(binary)))
  if (versionOfHeaders(beside) === version) return beside
  const folder = path.join(cache, 'headers', version)
  const modules = path.join(folder, 'node_modules', 'node')
  if (versionOfHeaders(modules) === version) return modules
  mkdirSync(folder, { recursive: true })
  const name = `node@npm:node-${process.platform}-${process.arch}@${version}`
  const npm = spawnSync('npm', ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', name], {
    encoding: 'utf8',
  })
  if (versionOfHeaders(modules) !== version) throw new Error(`no headers of Node ${version}:\n${npm.stderr ?? npm.error}`)
  return modules
}

function versionOfHeaders(folder) {
  const file = path.join(folder, 'include', 'node', 'node_version.h')
  if (!existsSync(file)) return undefined
  const text = readFileSync(file, 'utf8')
  return ['MAJOR', 'MINOR', 'PATCH'].map((part) => new RegExp(`NODE_${part}_VERSION (\\d+)`).exec(text)?.[1]).join('.')
}

function globalModules() {
  return execFileSync('npm', ['root', '-g', '--loglevel=error'], { encoding: 'utf8' }).trim()
}
