// Handles requests of some work, JSON and awaits each, in spans, and switches the sampling of allocations on and off meanwhile (switched-profiling.cjs):
// blocks in which every kind of period has its turn, in random order, each of many short windows. Prints CPU microseconds per request, by kind, block and window.
import { setTimeout as sleep } from 'node:timers/promises'
import { span } from '@perf/agent/api'

const [blocks, windows] = process.argv.slice(2).map(Number)
const REQUESTS_PER_WINDOW = 100
const never = 1e8
const SAMPLER_ONLY = { firstPauseMs: never, firstHandOverMs: never }
const rows = Array.from({ length: 40 }, (_, i) => ({ id: i, name: `name ${i}`, tags: ['a', 'b'], nested: { price: i * 1.5 } }))
const servedBy = (globalThis.servedBy = { work: 0 })
const { commands, handedOver } = globalThis.switchedProfiling
let kept

async function handle(i) {
  await span(i % 2 === 0 ? 'GET /list' : 'GET /item', async () => {
    const text = JSON.stringify(rows)
    await Promise.resolve()
    const parsed = JSON.parse(text)
    await new Promise((resolve) => setImmediate(resolve))
    kept = parsed.filter((row) => row.id % 3 === i % 3).map((row) => ({ ...row, label: row.name.toUpperCase() }))
    await Promise.resolve()
  })
  servedBy.work++
}

/** CPU microseconds of the process per request, of so many windows. */
async function run(count) {
  const costs = []
  for (let window = 0; window < count; window++) {
    const from = process.cpuUsage()
    for (let i = 0; i < REQUESTS_PER_WINDOW; i += 25) await Promise.all(Array.from({ length: 25 }, (_, j) => handle(i + j)))
    const { user, system } = process.cpuUsage(from)
    costs.push((user + system) / REQUESTS_PER_WINDOW)
  }
  return costs
}

await run(400)
// What interval it chooses for this program, once it has seen a part.
commands.switch({ on: true, options: { firstHandOverMs: 300 } })
const until = performance.now() + 2500
while (performance.now() < until) await run(10)
commands.switch({ on: false })
const intervalBytes = handedOver.at(-1).profile.perf.samplingIntervalBytes

const kinds = {
  off: undefined,
  control: undefined,
  fixed: SAMPLER_ONLY,
  sampler: { ...SAMPLER_ONLY, firstIntervalBytes: intervalBytes },
  // 10 ms after 10 ms on average, instead of after a second.
  windows: { ...SAMPLER_ONLY, firstIntervalBytes: intervalBytes, firstPauseMs: 10, pauseMs: 10 },
}
const costs = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, []]))
for (let block = 0; block < blocks; block++) {
  for (const kind of Object.keys(kinds).toSorted(() => Math.random() - 0.5)) {
    if (kinds[kind] !== undefined) commands.switch({ on: true, options: kinds[kind] })
    await run(3)
    costs[kind].push(await run(windows))
    commands.switch({ on: false })
  }
}

commands.switch({ on: true, options: { firstIntervalBytes: intervalBytes, firstHandOverMs: never } })
const end = performance.now() + 10_000
while (performance.now() < end) await run(10)
await sleep(300)
const handOverMs = await commands['hand-over']()
console.log(JSON.stringify({ intervalBytes, costs, handOverMs, kept: kept.length }))
