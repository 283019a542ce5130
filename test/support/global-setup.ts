// Builds dist/ once per run when a source file is newer than it, and gives the run its own copy of the package, so that
// another build in the same checkout cannot pull files away under a running test.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { nodeVersion, repositoryRoot } from './node-under-test.ts'

const dist = path.join(repositoryRoot, 'dist')

export default function setup(): () => void {
  const cache = path.join(repositoryRoot, '.cache')
  mkdirSync(cache, { recursive: true })
  const copy = path.join(cache, `agent-under-test-${process.pid}`)
  // Below node_modules, as where it is installed: Node keeps some of its warnings from code there.
  const agent = path.join(copy, 'node_modules', '@perf', 'agent')
  const release = acquire(path.join(cache, 'build.lock'))
  process.env['PERF_TEST_AGENT'] = agent
  try {
    if (isStale()) execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: repositoryRoot, stdio: 'inherit' })
    cpSync(dist, path.join(agent, 'dist'), { recursive: true })
    cpSync(path.join(repositoryRoot, 'package.json'), path.join(agent, 'package.json'))
  } catch (error) {
    // Tests of pure functions can still run; every test that starts a recorded program fails.
    console.error(`dist/ could not be built: ${String(error)}`)
  } finally {
    release()
  }
  console.log(`recorded programs run on Node ${nodeVersion()}`)
  return () => rmSync(copy, { recursive: true, force: true })
}

function isStale(): boolean {
  const builtAt = statSync(path.join(dist, 'register.js'), { throwIfNoEntry: false })?.mtimeMs
  if (builtAt === undefined) return true
  const sources = ['src', 'loaders', 'register', 'scripts/build.mjs', 'package.json']
  return sources.some((source) => newestIn(path.join(repositoryRoot, source)) > builtAt)
}

function newestIn(entry: string): number {
  const stats = statSync(entry, { throwIfNoEntry: false })
  if (stats === undefined) return 0
  if (!stats.isDirectory()) return stats.mtimeMs
  return Math.max(stats.mtimeMs, ...readdirSync(entry).map((name) => newestIn(path.join(entry, name))))
}

/** Two test runs in one checkout must not build into the same folder at once. */
function acquire(lock: string): () => void {
  for (;;) {
    try {
      mkdirSync(lock)
      return () => rmSync(lock, { recursive: true, force: true })
    } catch {
      const heldSince = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()
      if (existsSync(lock) && Date.now() - heldSince > 60_000) rmSync(lock, { recursive: true, force: true })
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
    }
  }
}
