// Is `perf-agent what-if` right? Records a program, asks what a change of its delays would do, then really changes them:
//   node bench/analysis/what-if.mjs
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describeRun, describeRunInOneLine } from '../machine.mjs'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
const app = path.join(root, 'bench/analysis/what-if-app.mjs')
const folder = mkdtempSync(path.join(os.tmpdir(), 'perf-what-if-'))
const CHANGES = [
  { target: 'tool.search', change: '-50%', env: { DELAY_SEARCH: '60' } },
  { target: 'tool.search', change: '-90%', env: { DELAY_SEARCH: '12' } },
  { target: 'tool.load', change: '10ms', env: { DELAY_LOAD: '10' } },
  { target: 'tool.rank', change: '+100%', env: { DELAY_RANK: '120' } },
]

try {
  console.log(describeRunInOneLine(describeRun()))
  const before = run('before', {})
  console.log(`recorded: p50 ${median(before).toFixed(1)} ms`)
  let worst = 0
  for (const [i, { target, change, env }] of CHANGES.entries()) {
    const answer = JSON.parse(cli(['what-if', target, change, '--json', '--session', 'before']))
    const predicted = answer.rows[0].new_p50_ms
    const measured = median(run(`after${i}`, env))
    const error = predicted / measured - 1
    worst = Math.max(worst, Math.abs(error))
    console.log(
      `${target} ${change}: predicted ${predicted.toFixed(1)} ms, really ${measured.toFixed(1)} ms (${(error * 100).toFixed(1)} %)`,
    )
  }
  console.log(`worst error ${(worst * 100).toFixed(1)} % (budget 10 %)`)
  process.exitCode = worst <= 0.1 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function run(session, env) {
  execFileSync(process.execPath, ['--import', pathToFileURL(path.join(root, 'dist/register.js')).href, app], {
    env: { ...process.env, ...env, PERF_DIR: folder, PERF_SESSION: session },
    stdio: 'inherit',
  })
  const rows = JSON.parse(cli(['sql', '--json', '--session', session, "SELECT duration_ms FROM spans WHERE name = 'answer'"]))
  if (rows.length !== 5) throw new Error(`expected 5 traces, recorded ${rows.length}`)
  return rows.map((row) => row.duration_ms)
}

function cli(args) {
  return execFileSync(process.execPath, [path.join(root, 'dist/cli.js'), ...args, '--dir', folder], { encoding: 'utf8' })
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
}
