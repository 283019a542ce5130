import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from './paths.mjs'

/**
 * A Node binary of that major: the running one where it fits, else from `.cache/nodes/<major>`, installed there on first use.
 * @returns {{ major: number, version: string, binary: string }}
 */
export function findNode(major) {
  if (Number(process.versions.node.split('.')[0]) === major) return { major, version: process.version, binary: process.execPath }
  const prefix = join(repositoryRoot, '.cache', 'nodes', String(major))
  const binary = join(prefix, 'node_modules', 'node', 'bin', 'node')
  if (!existsSync(binary)) {
    console.log(`installing Node ${major} into .cache/nodes/${major}`)
    mkdirSync(prefix, { recursive: true })
    execFileSync('npm', ['install', '--prefix', prefix, '--no-audit', '--no-fund', `node@${major}`], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  }
  return { major, version: execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim(), binary }
}
