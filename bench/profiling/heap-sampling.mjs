// What PERF_HEAP=sampling adds to the CPU time of a recorded app: the same program with and without it, in pairs of fresh processes, the order
// turned every round. `node bench/profiling/heap-sampling.mjs [rounds] [node binary]`
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { describeRun, describeRunInOneLine } from '../machine.mjs'
import { median } from '../statistics.mjs'

const root = new URL('../../', import.meta.url).pathname
const rounds = Number(process.argv[2] ?? 9)
const node = process.argv[3] ?? process.execPath
const MS = 8000
const BUDGET = 0.01
const folder = mkdtempSync(path.join(os.tmpdir(), 'perf-bench-sampling-'))
try {
  run()
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function run() {
  console.log(
    `${describeRunInOneLine(describeRun())} · app on Node ${execFileSync(node, ['-p', 'process.version'], { encoding: 'utf8' }).trim()}`,
  )
  measure('sampling', 'warm-up')
  if (profilesIn(path.join(folder, 'warm-up')) === 0) throw new Error('nothing was sampled')
  const ratios = []
  const controls = []
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? ['off', 'sampling', 'off again'] : ['off again', 'sampling', 'off']
    const cpu = {}
    for (const variant of order) cpu[variant] = measure(variant === 'sampling' ? 'sampling' : 'off', `${round}-${variant}`)
    ratios.push(cpu.sampling / ((cpu.off + cpu['off again']) / 2) - 1)
    controls.push(cpu['off again'] / cpu.off - 1)
  }
  const percent = (value) => `${(value * 100).toFixed(1)} %`
  const verdict = median(ratios) <= BUDGET ? 'within' : 'BUDGET'
  console.log(`PERF_HEAP=sampling: ${percent(median(ratios))} CPU more (${ratios.map(percent).join(', ')}); ${verdict} ${percent(BUDGET)}`)
  console.log(`no change, as a control: ${percent(median(controls))} (${controls.map(percent).join(', ')})`)
}

function measure(heap, name) {
  const env = { ...process.env, PERF_DIR: path.join(folder, name), PERF_HEAP: heap }
  const args = [
    '--import',
    pathToFileURL(path.join(root, 'dist', 'register.js')).href,
    path.join(root, 'bench', 'profiling', 'heap-sampling-app.mjs'),
    String(MS),
  ]
  return JSON.parse(execFileSync(node, args, { env, cwd: root, encoding: 'utf8' })).cpuUsPerRequest
}

function profilesIn(dir) {
  return readdirSync(dir, { recursive: true }).filter((file) => file.includes('.heapprofile')).length
}
