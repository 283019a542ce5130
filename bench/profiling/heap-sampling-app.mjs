// Handles requests of some work, JSON and awaits each, in spans, for `ms`, after two seconds; prints the CPU time of the whole process per request.
import { span } from '@perf/agent/api'

const end = performance.now() + Number(process.argv[2])
const rows = Array.from({ length: 40 }, (_, i) => ({ id: i, name: `name ${i}`, tags: ['a', 'b'], nested: { price: i * 1.5 } }))
let requests = 0
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
  requests++
}

// What starting costs, and the denser windows of the first seconds, are not what a running app pays.
const warm = performance.now() + 2000
while (performance.now() < warm) await Promise.all(Array.from({ length: 25 }, (_, i) => handle(i)))
requests = 0
const before = process.cpuUsage()
while (performance.now() < end) await Promise.all(Array.from({ length: 25 }, (_, i) => handle(i)))
const { user, system } = process.cpuUsage(before)
console.log(JSON.stringify({ cpuUsPerRequest: (user + system) / requests, requests, kept: kept.length }))
