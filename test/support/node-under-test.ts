// Which Node the children of the tests run on: PERF_TEST_NODE (path of a node binary), else the one that runs vitest.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const repositoryRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..')

/** Path of the Node binary under test, or of the one of `major` in `.cache/nodes`. */
export function nodeBinary(major?: number): string {
  const underTest = process.env['PERF_TEST_NODE'] ?? process.execPath
  if (major === undefined || major === majorOf(underTest)) return underTest
  const cached = path.join(repositoryRoot, '.cache', 'nodes', String(major), 'node_modules', 'node', 'bin', 'node')
  if (!existsSync(cached))
    throw new Error(`no Node ${major} in .cache/nodes: run .ci/run once, or install the npm package node@${major} there`)
  return cached
}

/** Version of the Node under test without the leading v. */
export function nodeVersion(binary: string = nodeBinary()): string {
  let version = versions.get(binary)
  if (version === undefined) {
    version =
      binary === process.execPath
        ? process.versions.node
        : execFileSync(binary, ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim()
    versions.set(binary, version)
  }
  return version
}

/** Major version of the Node under test. */
export function nodeMajor(): number {
  return majorOf(nodeBinary())
}

const versions = new Map<string, string>()

function majorOf(binary: string): number {
  return Number(nodeVersion(binary).split('.')[0])
}
