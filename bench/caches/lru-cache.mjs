// What a `get` of lru-cache costs with and without the agent, in ns: hits and misses, in a span and outside of one, in fresh processes.
//   node bench/caches/lru-cache.mjs [--node <binary>] [--version 11.5.3]
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { installedModules } from '../../scripts/install-versions.mjs'

const self = fileURLToPath(import.meta.url)
const root = path.resolve(path.dirname(self), '..', '..')
const ROUNDS = 5

if (process.argv[2] === 'measure') await measure(process.argv[3])
else compare()

function compare() {
  const { values } = parseArgs({
    options: { node: { type: 'string', default: process.execPath }, version: { type: 'string', default: '11.5.3' } },
  })
  const modules = installedModules(`lru-cache@${values.version}`)
  const preload = ['--import', pathToFileURL(path.join(root, 'dist', 'register.js')).href]
  const results = { bare: {}, agent: {} }
  // Alternating, so that a busy machine meets both.
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, flags] of [
      ['bare', []],
      ['agent', preload],
    ]) {
      const env = { ...process.env, PERF_DIR: path.join(root, '.cache', 'bench-caches') }
      const run = spawnSync(values.node, [...flags, self, 'measure', modules], { encoding: 'utf8', env })
      if (run.status !== 0) throw new Error(run.stderr)
      for (const [what, ns] of Object.entries(JSON.parse(run.stdout))) (results[name][what] ??= []).push(ns)
    }
  }
  console.log(`lru-cache ${values.version}, median of ${ROUNDS} processes, ns per call`)
  for (const what of Object.keys(results.bare)) {
    const [bare, agent] = [median(results.bare[what]), median(results.agent[what])]
    console.log(
      `${what.padEnd(24)} bare ${bare.toFixed(1).padStart(7)}   agent ${agent.toFixed(1).padStart(7)}   +${(agent - bare).toFixed(1)}`,
    )
  }
}

async function measure(modules) {
  const { createRequire } = await import('node:module')
  const { LRUCache } = createRequire(path.join(modules, 'app.js'))('lru-cache')
  const isWrapped = String(LRUCache.prototype.get).includes('got(')
  if (isWrapped !== (globalThis[Symbol.for('perf.agent.v1')] !== undefined)) throw new Error('the agent does not see lru-cache')
  const { span } = await import(pathToFileURL(path.join(root, 'dist', 'api.js')).href)
  const keys = Array.from({ length: 1000 }, (_, i) => `key-${i}`)
  const make = () => {
    const cache = new LRUCache({ max: 2000 })
    for (const key of keys) cache.set(key, key)
    return cache
  }
  const hits = (cache) => () => {
    let found = 0
    for (let i = 0; i < 1000; i++) if (cache.get(keys[i]) !== undefined) found++
    return found
  }
  const misses = (cache) => () => {
    let found = 0
    for (let i = 0; i < 1000; i++) if (cache.get('no such key') !== undefined) found++
    return found
  }
  const sets = (cache) => () => {
    for (let i = 0; i < 1000; i++) cache.set(keys[i], i)
  }
  const results = {
    'hit, no span': time(hits(make())),
    'miss, no span': time(misses(make())),
    'set, no span': time(sets(make())),
  }
  const inSpan = (run) => span('work', () => time(run))
  Object.assign(results, {
    'hit, in a span': inSpan(hits(make())),
    'miss, in a span': inSpan(misses(make())),
    'set, in a span': inSpan(sets(make())),
  })
  process.stdout.write(JSON.stringify(results))
}

/** Best of 5 runs of half a million calls, after warming up. */
function time(run) {
  for (let i = 0; i < 200; i++) run()
  let best = Infinity
  for (let round = 0; round < 5; round++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < 500; i++) run()
    best = Math.min(best, Number(process.hrtime.bigint() - start) / 500_000)
  }
  return best
}

function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1]
}
