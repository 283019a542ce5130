// Memory over 2,000 rotations of the CPU profile under the whole agent, which keeps recording spans meanwhile: growth of resident memory from
// the 200th to the 2,200th. Rotations of 10 s are cut down to 10 ms. Options: --node 24 --rotations 2000.
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
import { countProfiles, countRotations } from './count-profiles.mjs'

const limitMb = 20
const warmUp = 200
const { values } = parseArgs({
  options: { node: { type: 'string', default: '24' }, rotations: { type: 'string', default: '2000' } },
})
const rotations = Number(values.rotations)

console.log(describeRunInOneLine(describeRun()))
const node = findNode(Number(values.node))
const folder = await mkdtemp(join(tmpdir(), 'perf-bench-rotations-'))
try {
  const with_ = await run({ PERF_CPU: '1ms', PERF_TEST_ROTATE_MS: '10' })
  const [profiles, done] = [countProfiles(folder), countRotations(folder)]
  if (done < (warmUp + rotations) * 0.9) throw new Error(`only ${done} rotations: the figure means nothing`)
  const without = await run({})
  const growth = with_.after - with_.before
  console.log(`with: ${mb(with_.before)} → ${mb(with_.after)} over ${done - warmUp} rotations (${profiles} profiles written)`)
  console.log(`without PERF_CPU, the same work: ${mb(without.before)} → ${mb(without.after)}`)
  const verdict = {
    what: `RSS growth over ${rotations} rotations`,
    unit: 'MB',
    node: node.major,
    atLeast: false,
    limit: limitMb,
    value: growth,
    isMet: growth < limitMb,
  }
  printVerdicts([verdict])
  process.exitCode = verdict.isMet ? 0 : 1
} finally {
  await rm(folder, { recursive: true, force: true })
}

/** Runs the program; resident memory in MB after the warm-up and at the end. */
async function run(environment) {
  const register = pathToFileURL(join(repositoryRoot, 'dist', 'register.js')).href
  const program = join(repositoryRoot, 'bench', 'profiling', 'rotations-app.mjs')
  const child = spawn(node.binary, ['--expose-gc', '--import', register, program, String(warmUp), String(rotations)], {
    env: { ...process.env, PERF_DIR: folder, PERF_SERVICE: 'rotations', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text))
  const code = await new Promise((resolve) => child.once('close', resolve))
  if (code !== 0) throw new Error(`the program ended with ${code}`)
  return JSON.parse(output)
}

function mb(value) {
  return `${value.toFixed(1)} MB`
}
