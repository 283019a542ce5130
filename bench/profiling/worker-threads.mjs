// 1,000 worker threads started and ended under tracing and profiling, eight at a time, some of them cut off by terminate(): no crash, and what
// the others recorded is there. Options: --node 24 --threads 1000.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { describeRun, describeRunInOneLine } from '../machine.mjs'
import { findNode } from '../overhead/nodes.mjs'
import { repositoryRoot } from '../overhead/paths.mjs'
import { printVerdicts } from '../verdicts.mjs'
import { countProfiles } from './count-profiles.mjs'

const { values } = parseArgs({
  options: { node: { type: 'string', default: '24' }, threads: { type: 'string', default: '1000' } },
})
const threads = Number(values.threads)

console.log(describeRunInOneLine(describeRun()))
const node = findNode(Number(values.node))
const folder = await mkdtemp(join(tmpdir(), 'perf-bench-threads-'))
try {
  const register = pathToFileURL(join(repositoryRoot, 'dist', 'register.js')).href
  const program = join(repositoryRoot, 'bench', 'profiling', 'worker-threads-app.mjs')
  const started = performance.now()
  const child = spawn(node.binary, ['--import', register, program, String(threads)], {
    env: { ...process.env, PERF_DIR: folder, PERF_SERVICE: 'threads', PERF_CPU: '1ms' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text))
  const [code, signal] = await new Promise((resolve) => child.once('close', (...end) => resolve(end)))
  const seconds = (performance.now() - started) / 1000
  console.log(`ended with ${signal ?? code} after ${seconds.toFixed(1)} s; ${output.trim()}; ${countProfiles(folder)} profiles`)
  const ended = code === 0 ? Number(/(\d+) threads ended/.exec(output)?.[1] ?? 0) : 0
  const verdict = {
    what: 'threads started and ended',
    unit: 'threads',
    node: node.major,
    atLeast: true,
    limit: threads,
    value: ended,
    isMet: ended >= threads,
  }
  printVerdicts([verdict])
  process.exitCode = verdict.isMet && countProfiles(folder) > 0 ? 0 : 1
} finally {
  await rm(folder, { recursive: true, force: true })
}
