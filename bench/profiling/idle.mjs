// Idle CPU of a recorded process, in percent of a core: nothing on, metrics, stall watch, both. All run at the same time, so that the
// machine's noise is the same for all. `node bench/profiling/idle.mjs [seconds]`
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describeRun, describeRunInOneLine } from '../machine.mjs'

const seconds = Number(process.argv[2] ?? 20)
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
const register = pathToFileURL(path.join(root, 'dist', 'register.js')).href
const api = pathToFileURL(path.join(root, 'dist', 'api.js')).href
const folder = mkdtempSync(path.join(os.tmpdir(), 'perf-idle-'))
writeFileSync(
  path.join(folder, 'app.mjs'),
  `const { span } = await import('${api}')\nspan?.('once', () => {})\nsetTimeout(() => {}, 1e9)\n`,
)

const VARIANTS = {
  bare: undefined,
  'recording only': { PERF_METRICS: 'off', PERF_STALLS: 'off' },
  'with metrics': { PERF_STALLS: 'off' },
  'with stall watch': { PERF_METRICS: 'off', PERF_STALLS: 'on' },
  'with both': { PERF_STALLS: 'on' },
}

/** CPU time of a process in seconds; Linux counts in hundredths. */
function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

const children = Object.entries(VARIANTS).map(([name, settings], i) => {
  const preload = settings === undefined ? [] : ['--import', register]
  const env = { ...process.env, PERF_DIR: path.join(folder, `.perf-${i}`), ...settings }
  return { name, child: spawn(process.execPath, [...preload, 'app.mjs'], { cwd: folder, env, stdio: 'inherit' }) }
})
try {
  await sleep(3000)
  const before = children.map(({ child }) => cpuOf(child.pid))
  await sleep(seconds * 1000)
  console.log(describeRunInOneLine(describeRun()))
  children.forEach(({ name, child }, i) => {
    console.log(`${name.padEnd(18)} ${(((cpuOf(child.pid) - before[i]) / seconds) * 100).toFixed(2)} % of a core`)
  })
} finally {
  for (const { child } of children) child.kill('SIGKILL')
  await sleep(100)
  rmSync(folder, { recursive: true, force: true })
}
