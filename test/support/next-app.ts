// Builds the app of test/servers/next-app with one version of Next, once for all runs.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { installedModules } from '../../scripts/install-versions.mjs'
import { repositoryRoot } from './node-under-test.ts'

const sources = path.join(repositoryRoot, 'test', 'servers', 'next-app')

/** Folder of the built app, beside the `node_modules` of that version. */
export function builtNextApp(version: string): string {
  const home = path.dirname(installedModules(`next@${version}`))
  const folder = path.join(home, `app-${digest()}`)
  if (existsSync(folder)) return folder
  // Whoever builds at the same time builds its own; the first to end wins.
  const own = `${folder}-${process.pid}`
  cpSync(sources, own, { recursive: true })
  const flags = version.startsWith('15.') ? [] : ['--webpack']
  const bin = path.join(home, 'node_modules', 'next', 'dist', 'bin', 'next')
  const build = spawnSync(process.execPath, [bin, 'build', ...flags], {
    cwd: own,
    encoding: 'utf8',
    env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production', NODE_OPTIONS: '', CI: '1' },
  })
  if (build.status !== 0) throw new Error(`next build (${version}) failed:\n${build.stdout}\n${build.stderr}`)
  if (existsSync(folder)) rmSync(own, { recursive: true })
  else renameSync(own, folder)
  return folder
}

/** Folder of the app as `version` built it, beside other `modules`; they go together. */
export function nextAppBeside(modules: string, version: string): string {
  const folder = path.join(path.dirname(modules), 'app')
  if (!existsSync(folder)) cpSync(builtNextApp(version), folder, { recursive: true })
  return folder
}

function digest(): string {
  const hash = createHash('sha1')
  for (const entry of readdirSync(sources, { recursive: true, withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1)))
    if (entry.isFile()) hash.update(entry.name).update(readFileSync(path.join(entry.parentPath, entry.name)))
  return hash.digest('hex').slice(0, 8)
}
