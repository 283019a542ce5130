import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { appEnvironment, startApp, VariantFailure } from './app-process.mjs'
import { benchRoot } from './paths.mjs'
import { countSpans, request } from './proof.mjs'

const connections = 8

/**
 * One round of load on one Node version: a fresh process per variant, all alive at the same time, each route driven through one
 * variant after the other, so that the figures that are compared lie seconds apart.
 * CPU, requests and time are read from the app twice while the load goes on: nothing of starting or stopping it is in them.
 * @returns {Promise<Record<string, { readyMs: number, idleMemory: object, loadMemory: object, stored?: object, routes: Record<string, object> }>>} by variant
 */
export async function measureLoadRound({ node, variants, routes, services, newFolder, warmUp, measuredMs, countsSpans, report }) {
  const apps = []
  const figures = {}
  try {
    for (const variant of variants) {
      const app = await startApp({ node, variant, services, folder: await newFolder() })
      apps.push(app)
      figures[variant.name] = { readyMs: app.readyMs, routes: {} }
      for (const route of routes) await request(`${app.url}/${route}`)
    }
    await sleep(1000)
    for (const app of apps) figures[app.variant.name].idleMemory = await app.readMemory()
    for (const route of routes) {
      for (const app of apps) {
        report(`${route} ${app.variant.name}`)
        figures[app.variant.name].routes[route] = await measureRoute({ app, route, services, warmUp, measuredMs })
      }
    }
    for (const app of apps) figures[app.variant.name].loadMemory = await app.readMemory()
  } finally {
    for (const app of apps) await finish(app, figures[app.variant.name], countsSpans)
  }
  return figures
}

async function measureRoute({ app, route, services, warmUp, measuredMs }) {
  const loading = await services.startLoad({ url: `${app.url}/${route}`, connections, warmUp })
  let from, to, load
  try {
    from = await readFigures(app)
    await sleep(measuredMs)
    to = await readFigures(app)
  } finally {
    load = await loading.stop()
  }
  const requests = to.servedBy[route] - from.servedBy[route]
  if (load.failures > 0 || requests === 0)
    throw new VariantFailure(app.variant, `${route}: ${load.failures} requests failed, ${requests} served\n${app.complaints()}`)
  return {
    cpuUs: (to.cpuUs - from.cpuUs) / requests,
    requestsPerSecond: (requests / (to.atMs - from.atMs)) * 1000,
    p50Ms: load.p50Ms,
    p99Ms: load.p99Ms,
    writtenBytes: (to.writtenBytes - from.writtenBytes) / requests,
  }
}

const readFigures = async (app) => ({ ...(await app.sample()), writtenBytes: await app.readWrittenBytes() })

/** For this project: how many of the requests of the whole load reached the store, and the size of its folder before sync. */
async function finish(app, figures, countsSpans) {
  const isCounted = countsSpans && app.variant.name === 'perf'
  const served = isCounted ? (await app.sample()).servedBy : null
  await app.stop()
  if (!isCounted) return
  const bytes = await folderBytes(app.folder)
  const spans = await countSpans(app.folder)
  const requests = Object.values(served).reduce((sum, count) => sum + count, 0)
  figures.stored = { folderBytes: bytes, spans, keptShare: spans.http / requests }
}

async function folderBytes(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => stat(join(entry.parentPath, entry.name)))
  return (await Promise.all(files)).reduce((total, { blocks }) => total + blocks * 512, 0)
}

/**
 * CPU, in percent of a core, over a stretch of time in which nothing happens. The app has answered each route once before.
 * All variants are watched at the same time: an idle process takes nothing from its neighbour.
 */
export function measureIdle({ node, variants, routes, services, newFolder, seconds }) {
  return byVariant(variants, async (variant) => {
    const app = await startApp({ node, variant, services, folder: await newFolder() })
    try {
      for (const route of routes) await request(`${app.url}/${route}`)
      await sleep(6000)
      const from = await app.sample()
      await sleep(seconds * 1000)
      const to = await app.sample()
      return ((to.cpuUs - from.cpuUs) / 1000 / (to.atMs - from.atMs)) * 100
    } finally {
      await app.stop()
    }
  })
}

/** Memory at the end of a steady rate of requests to `sql`, chosen so that this project records `spansPerSecond`. */
export async function measureSteadyRate({ node, variant, services, newFolder, requestsPerSecond, seconds }) {
  const app = await startApp({ node, variant, services, folder: await newFolder() })
  try {
    const warmUp = { requests: 0, atLeastMs: 1000, atMostMs: 1000 }
    const loading = await services.startLoad({ url: `${app.url}/sql`, connections, warmUp, requestsPerSecond })
    let from, to, memory
    try {
      from = await app.sample()
      await sleep(seconds * 1000)
      ;[to, memory] = [await app.sample(), await app.readMemory()]
    } finally {
      await loading.stop()
    }
    const reached = ((to.servedBy.sql - from.servedBy.sql) / (to.atMs - from.atMs)) * 1000
    return { requestsPerSecond: reached, cpuPercent: ((to.cpuUs - from.cpuUs) / 1000 / (to.atMs - from.atMs)) * 100, memory }
  } finally {
    await app.stop()
  }
}

/**
 * Hello world, whole process.
 * @returns {Promise<{ firstLineMs: number, helloWorldMs: number }>} spawn → the app's first line; spawn → the process has ended
 */
export async function measureStart({ node, variant, services, newFolder }) {
  const folder = await newFolder()
  const spawnedNs = process.hrtime.bigint()
  const child = spawn(node.binary, [...variant.nodeArguments, join(benchRoot, 'app', 'hello-world.mjs')], {
    cwd: benchRoot,
    env: appEnvironment({ variant, services, folder }),
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  const closed = new Promise((resolve) => child.once('close', resolve))
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
  const [code, endedNs] = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve([code, process.hrtime.bigint()]))
  })
  clearTimeout(timer)
  await Promise.race([closed, sleep(1000)])
  const firstLine = /^\d+$/m.exec(output)
  if (code !== 0 || !firstLine)
    throw new VariantFailure(variant, `hello world: exit ${code}, printed ${JSON.stringify(output.slice(0, 200))}`)
  return { firstLineMs: Number(BigInt(firstLine[0]) - spawnedNs) / 1e6, helloWorldMs: Number(endedNs - spawnedNs) / 1e6 }
}

/** `newFolder` for the functions above, and the removal of everything it gave out. */
export async function scratchFolders(parent) {
  const root = await mkdtemp(join(parent, 'run-'))
  return { newFolder: () => mkdtemp(join(root, 'session-')), remove: () => rm(root, { recursive: true, force: true }) }
}

async function byVariant(variants, run) {
  return Object.fromEntries(await Promise.all(variants.map(async (variant) => [variant.name, await run(variant)])))
}
