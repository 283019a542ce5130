// What PERF_CPU=on costs on the app of bench/overhead: two processes of the agent, one with it and one without, loaded at the same time, so
// that whatever else the machine does hits both. Fresh processes per pair: code is laid out differently in each. Options: --node 24 --routes hello,sql,ai --pairs 4 --turns 8 --interval on. Needs PostgreSQL and Redis.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import autocannon from '../overhead/node_modules/autocannon/autocannon.js'
import { describeRun, describeRunInOneLine } from '../machine.mjs'
import { startApp } from '../overhead/app-process.mjs'
import { findNode } from '../overhead/nodes.mjs'
import { startServices } from '../overhead/services.mjs'
import { variants } from '../overhead/variants.mjs'
import { median } from '../statistics.mjs'
import { printVerdicts } from '../verdicts.mjs'
import { countProfiles } from './count-profiles.mjs'

const { values } = parseArgs({
  options: {
    node: { type: 'string', default: '24' },
    routes: { type: 'string', default: 'hello,sql,ai' },
    pairs: { type: 'string', default: '4' },
    turns: { type: 'string', default: '16' },
    interval: { type: 'string', default: 'on' },
  },
})
const routes = values.routes.split(',')
const turnMs = 500
const warmUpMs = 2500
const perf = variants.find(({ name }) => name === 'perf')
const withCpu = {
  ...perf,
  name: `perf, PERF_CPU=${values.interval}`,
  environment: (of) => ({ ...perf.environment(of), PERF_CPU: values.interval }),
}

console.log(describeRunInOneLine(describeRun()))
const node = findNode(Number(values.node))
const services = await startServices()
const folders = []
try {
  const ratios = Object.fromEntries(routes.map((route) => [route, []]))
  for (let pair = 0; pair < Number(values.pairs); pair++) await measurePair(pair, ratios)
  const all = Object.values(ratios).flat()
  for (const route of routes) console.log(`${route}: ${ratios[route].map(percent).join(' ')}`)
  const verdicts = [...routes.map((route) => [route, ratios[route]]), ['all routes', all]].map(([what, list]) => ({
    what: `PERF_CPU=${values.interval}: added CPU, ${what}`,
    unit: '%',
    node: node.major,
    atLeast: false,
    limit: 3,
    value: (median(list) - 1) * 100,
    isMet: (median(list) - 1) * 100 <= 3,
  }))
  printVerdicts(verdicts)
  process.exitCode = verdicts.at(-1).isMet ? 0 : 1
} finally {
  services.stop()
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
}

async function measurePair(pair, ratios) {
  const apps = []
  for (const variant of pair % 2 === 0 ? [perf, withCpu] : [withCpu, perf]) {
    const folder = await mkdtemp(join(tmpdir(), 'perf-bench-cpu-'))
    folders.push(folder)
    apps.push(await startApp({ node, variant, services, folder }))
  }
  const [off, on] = [perf, withCpu].map((wanted) => apps.find(({ variant }) => variant === wanted))
  for (const route of routes) {
    const loads = apps.map((app) => autocannon({ url: `${app.url}/${route}`, connections: 4, amount: 1e8, timeout: 10 }))
    await sleep(warmUpMs)
    const turns = []
    for (let turn = 0; turn < Number(values.turns); turn++) turns.push(await measureTurn([off, on], route))
    for (const load of loads) load.stop()
    await Promise.all(loads)
    // Other programs on the machine only ever add to a turn (caches, shared cores): the quiet ones are compared.
    const [without, within] = [0, 1].map((i) => lowerQuartile(turns.map((turn) => turn[i])))
    ratios[route].push(within / without)
    console.log(
      `pair ${pair + 1} ${route}: ${without.toFixed(1)} µs without, ${within.toFixed(1)} µs with (${percent(ratios[route].at(-1))})`,
    )
  }
  for (const app of apps) await app.stop()
  if (countProfiles(on.folder) === 0) throw new Error('nothing was profiled: the figures mean nothing')
}

async function measureTurn(apps, route) {
  const from = await Promise.all(apps.map((app) => app.sample()))
  await sleep(turnMs)
  const to = await Promise.all(apps.map((app) => app.sample()))
  return apps.map((_, i) => (to[i].cpuUs - from[i].cpuUs) / (to[i].servedBy[route] - from[i].servedBy[route]))
}

function lowerQuartile(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 4)]
}

function percent(ratio) {
  return `${((ratio - 1) * 100).toFixed(1)} %`
}
