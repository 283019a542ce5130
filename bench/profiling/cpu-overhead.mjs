// What PERF_CPU=on costs on the app of bench/overhead: switched on and off in turns in two recorded processes under the same load (alternate.mjs), beside
// control turns; and what a rotation costs, measured once the app is idle after 10 s of load with it on. Fresh processes per pair: code is laid
// out differently in each. Options: --node 24 --routes hello,sql,ai --pairs 3 --turns 12 --sampler inspector|pprof. Needs PostgreSQL and Redis.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import autocannon from '../overhead/node_modules/autocannon/autocannon.js'
import { installedModules } from '../../scripts/install-versions.mjs'
import { describeRun, describeRunInOneLine } from '../machine.mjs'
import { startApp } from '../overhead/app-process.mjs'
import { findNode } from '../overhead/nodes.mjs'
import { repositoryRoot } from '../overhead/paths.mjs'
import { startServices } from '../overhead/services.mjs'
import { variants } from '../overhead/variants.mjs'
import { decide, median, medianInterval } from '../statistics.mjs'
import { printVerdicts } from '../verdicts.mjs'
import { alternate, describeShares } from './alternate.mjs'
import { countProfiles } from './count-profiles.mjs'

const { values } = parseArgs({
  options: {
    node: { type: 'string', default: '24' },
    routes: { type: 'string', default: 'hello,sql,ai' },
    pairs: { type: 'string', default: '3' },
    turns: { type: 'string', default: '12' },
    sampler: { type: 'string', default: 'inspector' },
  },
})
const LIMIT = 0.03
const ROTATION_MS = 10_000
const warmUpMs = 2500
const routes = values.routes.split(',')
const perf = variants.find(({ name }) => name === 'perf')
const switched = {
  ...perf,
  nodeArguments: ['--require', join(repositoryRoot, 'bench', 'profiling', 'switched-profiling.cjs'), ...perf.nodeArguments],
  environment: (of) => ({ ...perf.environment(of), PERF_CPU: 'on', PERF_CPU_SAMPLER: values.sampler, ...wherePprofIs() }),
}

console.log(describeRunInOneLine(describeRun()))
const node = findNode(Number(values.node))
const services = await startServices()
const folders = []
try {
  const found = Object.fromEntries(routes.map((route) => [route, { on: [], control: [], rotations: [] }]))
  for (let pair = 0; pair < Number(values.pairs); pair++) await measurePair(found)
  const totals = []
  for (const route of routes) {
    const { on, control, rotations } = found[route]
    const rotation = median(rotations)
    totals.push(on.map((share) => share + rotation))
    console.log(`${route}: ${describeShares(on)}, control ${describeShares(control)}, rotations +${(rotation * 100).toFixed(2)} %`)
  }
  const verdicts = [...routes.map((route, i) => [route, totals[i]]), ['all routes', totals.flat()]].map(([what, shares]) =>
    verdictOf(what, shares),
  )
  printVerdicts(verdicts)
  process.exitCode = verdicts.at(-1).isMet === true ? 0 : 1
} finally {
  services.stop()
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
}

function wherePprofIs() {
  return values.sampler === 'pprof' ? { NODE_PATH: installedModules('@datadog/pprof@5.20.0') } : {}
}

/** Met or missed only where the whole interval lies on one side of the budget. */
function verdictOf(what, shares) {
  const { value, low, high } = medianInterval(shares)
  const verdict = {
    what: `PERF_CPU=on: added CPU, ${what}${values.sampler === 'inspector' ? '' : `, sampler ${values.sampler}`}`,
    unit: '%',
    node: node.major,
    atLeast: false,
    limit: LIMIT * 100,
  }
  return { ...verdict, value: value * 100, isMet: decide({ low, high }, LIMIT) }
}

async function measurePair(found) {
  const apps = []
  for (let i = 0; i < 2; i++) {
    const folder = await mkdtemp(join(tmpdir(), 'perf-bench-cpu-'))
    folders.push(folder)
    apps.push(await startApp({ node, variant: switched, services, folder }))
  }
  for (const route of routes) {
    const { on, control, rotations } = found[route]
    let loads = startLoads(apps, route)
    await sleep(warmUpMs)
    const shares = await alternate(apps, Number(values.turns))
    on.push(...shares.on)
    control.push(...shares.control)
    await stop(loads)
    loads = startLoads(apps, route)
    for (const { ask } of apps) await ask({ command: 'switch', on: true })
    const before = await Promise.all(apps.map((app) => app.sample()))
    await sleep(ROTATION_MS - 1500)
    const after = await Promise.all(apps.map((app) => app.sample()))
    await stop(loads)
    await sleep(300)
    const rotationMs = await Promise.all(apps.map(({ ask }) => ask({ command: 'hand-over' })))
    for (const { ask } of apps) await ask({ command: 'switch', on: false })
    const busy = after.map(({ cpuUs, atMs }, i) => (cpuUs - before[i].cpuUs) / 1000 / (atMs - before[i].atMs))
    rotations.push(...rotationMs.map((ms, i) => ms / ROTATION_MS / busy[i]))
    console.log(
      `${route}: ${describeShares(shares.on)}, control ${describeShares(shares.control)}, a rotation ${rotationMs.map((ms) => ms.toFixed(1)).join(' and ')} ms of CPU`,
    )
  }
  for (const app of apps) await app.stop()
  for (const { folder } of apps)
    if (countProfiles(folder, values.sampler) === 0) throw new Error('nothing was profiled: the figures mean nothing')
}

function startLoads(apps, route) {
  return apps.map((app) => autocannon({ url: `${app.url}/${route}`, connections: 4, amount: 1e8, timeout: 10 }))
}

async function stop(loads) {
  for (const load of loads) load.stop()
  await Promise.all(loads)
}
