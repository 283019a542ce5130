// What PERF_HEAP=sampling adds to the CPU time of a recorded app, in three parts: V8's sampler, the windows in which allocations are tied to spans (10 ms
// in 1,000; here half of the time, and scaled down), and the hand-over every 10 s. The first two are switched on and off in turns within the running
// app, beside control periods with nothing on; intervals of 95 % over all blocks. Options: --node 24 --processes 3 --blocks 120 --windows 8.
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { describeRun, describeRunInOneLine } from '../machine.mjs'
import { findNode } from '../overhead/nodes.mjs'
import { repositoryRoot } from '../overhead/paths.mjs'
import { decide, median } from '../statistics.mjs'
import { printVerdicts } from '../verdicts.mjs'

const { values } = parseArgs({
  options: {
    node: { type: 'string', default: '24' },
    processes: { type: 'string', default: '3' },
    blocks: { type: 'string', default: '120' },
    windows: { type: 'string', default: '8' },
  },
})
const LIMIT = 0.01
const HAND_OVER_MS = 10_000
/** The windows of a running app: 10 ms after 1,000 on average; in the benchmark after 10. */
const WINDOWS_SCALE = (10 + 10) / (1000 + 10)

console.log(describeRunInOneLine(describeRun()))
const node = findNode(Number(values.node))
const folder = await mkdtemp(join(tmpdir(), 'perf-bench-heap-'))
try {
  const shares = { control: [], 'sampler at 512 KB': [], sampler: [], windows: [] }
  const handOvers = []
  const totals = []
  for (let process = 0; process < Number(values.processes); process++) {
    const { intervalBytes, costs, handOverMs } = await runApp()
    const figures = (drawn) =>
      sharesOf(Object.fromEntries(Object.entries(costs).map(([kind, list]) => [kind, drawn.map((block) => list[block])])))
    const all = costs.off.map((_, block) => block)
    const draws = Array.from({ length: 1000 }, () => figures(all.map(() => Math.floor(Math.random() * all.length))))
    const found = figures(all)
    handOvers.push(handOverMs)
    const parts = Object.entries(found).map(([part, share]) => `${part} ${percent(share)} (${interval(draws.map((draw) => draw[part]))})`)
    console.log(`${parts.join(', ')}; interval chosen ${intervalBytes / 1024} KB, a hand-over ${handOverMs.toFixed(1)} ms of CPU`)
    for (const [part, share] of Object.entries(found)) shares[part].push(share)
    totals.push(...draws.map(({ sampler, windows }) => sampler + windows + handOverMs / HAND_OVER_MS))
  }
  const handOver = median(handOvers) / HAND_OVER_MS
  for (const [part, list] of Object.entries(shares)) console.log(`${part}: ${percent(median(list))}`)
  console.log(`hand-overs: ${percent(handOver)}`)
  const value = median(shares.sampler) + median(shares.windows) + handOver
  const verdict = { what: 'PERF_HEAP=sampling: added CPU', unit: '%', node: node.major, atLeast: false, limit: LIMIT * 100 }
  const isMet = decide(ends(totals), LIMIT)
  printVerdicts([{ ...verdict, value: value * 100, isMet }])
  if (isMet === null) console.log(`undecided: ${interval(totals)}; more --processes, or a quieter machine`)
  process.exitCode = isMet === true ? 0 : 1
} finally {
  await rm(folder, { recursive: true, force: true })
}

/** What each part adds to the CPU time of a request. */
function sharesOf(costs) {
  const { off, control, fixed, sampler, windows } = Object.fromEntries(
    Object.entries(costs).map(([kind, blocks]) => [kind, quietMean(blocks.flat())]),
  )
  const base = (off + control) / 2
  return {
    control: control / off - 1,
    'sampler at 512 KB': fixed / base - 1,
    sampler: sampler / base - 1,
    windows: ((windows - sampler) / base) * WINDOWS_SCALE,
  }
}

/** The mean of the lower half: other programs only ever add. Each window is long enough for some samples. */
function quietMean(values) {
  const quiet = values.toSorted((a, b) => a - b).slice(0, Math.ceil(values.length / 2))
  return quiet.reduce((sum, value) => sum + value, 0) / quiet.length
}

/** Between which 95 % of the draws (bootstrap over blocks) lie. */
function ends(draws) {
  const sorted = draws.toSorted((a, b) => a - b)
  return { low: sorted[Math.floor(sorted.length * 0.025)], high: sorted[Math.floor(sorted.length * 0.975)] }
}

function interval(draws) {
  const { low, high } = ends(draws)
  return `${percent(low)} to ${percent(high)}`
}

function percent(share) {
  return `${(share * 100).toFixed(2)} %`
}

async function runApp() {
  const register = pathToFileURL(join(repositoryRoot, 'dist', 'register.js')).href
  const preload = ['--require', join(repositoryRoot, 'bench', 'profiling', 'switched-profiling.cjs'), '--import', register]
  const program = join(repositoryRoot, 'bench', 'profiling', 'heap-sampling-app.mjs')
  const env = { ...process.env, PERF_DIR: folder, PERF_SERVICE: 'heap-sampling', PERF_HEAP: 'sampling' }
  const { stdout } = await promisify(execFile)(node.binary, [...preload, program, values.blocks, values.windows], {
    cwd: repositoryRoot,
    env,
    maxBuffer: 1 << 24,
  })
  if (!(await readdir(folder, { recursive: true })).some((file) => file.includes('.heapprofile'))) throw new Error('nothing was sampled')
  return JSON.parse(stdout)
}
