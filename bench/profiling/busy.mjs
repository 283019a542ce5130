// CPU of a busy recorded process that does a fixed amount of work in many short turns and allocates: with metrics and stall watch against
// without, alternated, medians. `node bench/profiling/busy.mjs [rounds]`
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describeRun, describeRunInOneLine } from '../machine.mjs'

const rounds = Number(process.argv[2] ?? 5)
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
const register = pathToFileURL(path.join(root, 'dist', 'register.js')).href
const api = pathToFileURL(path.join(root, 'dist', 'api.js')).href
const folder = mkdtempSync(path.join(os.tmpdir(), 'perf-busy-'))
writeFileSync(
  path.join(folder, 'app.mjs'),
  `const { span } = await import('${api}')
let turns = 0
const turn = () => {
  span('turn', () => JSON.parse(JSON.stringify(Array.from({ length: 200 }, (_, i) => ({ i, text: 'text ' + i })))))
  if (++turns < 25_000) setImmediate(turn)
  else { const { user, system } = process.cpuUsage(); console.log((user + system) / 1000) }
}
turn()
`,
)

const VARIANTS = {
  off: { PERF_METRICS: 'off', PERF_STALLS: 'off' },
  metrics: { PERF_METRICS: 'on', PERF_STALLS: 'off' },
  both: { PERF_METRICS: 'on', PERF_STALLS: 'on' },
}
const figures = Object.fromEntries(Object.keys(VARIANTS).map((name) => [name, []]))
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]

try {
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? Object.entries(VARIANTS) : Object.entries(VARIANTS).reverse()
    for (const [name, settings] of order) {
      const env = { ...process.env, PERF_DIR: path.join(folder, `.perf-${round}-${name}`), ...settings }
      const { stdout, stderr } = spawnSync(process.execPath, ['--import', register, 'app.mjs'], { cwd: folder, env, encoding: 'utf8' })
      if (stderr !== '' || !(Number(stdout) > 0)) throw new Error(`the app did not run: ${stderr}`)
      figures[name].push(Number(stdout))
    }
  }
  console.log(describeRunInOneLine(describeRun()))
  for (const [name, values] of Object.entries(figures)) {
    const ratios = values.map((value, i) => value / figures.off[i])
    console.log(
      `${name.padEnd(8)} ${median(values).toFixed(0)} ms of CPU, x${median(ratios).toFixed(3)} (${values.map((value) => value.toFixed(0)).join(' ')})`,
    )
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
