// Spans with some CPU each for as long as so many rotations of 10 ms take; prints resident memory after the first ones and at the end.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { span } from '../../dist/api.js'

const [warmUp, rotations] = process.argv.slice(2).map(Number)
// A rotation is a timer: on a busy machine it takes longer than the 10 ms asked for.
const rotationMs = 14

let sink = 0
async function work() {
  for (let i = 0; i < 100_000; i++) sink = (sink + Math.imul(i, 2654435761)) | 0
  await Promise.resolve()
  sink += JSON.stringify({ sink, list: [1, 2, 3] }).length
}

function residentMb() {
  globalThis.gc()
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024
}

async function runFor(ms) {
  const until = performance.now() + ms
  while (performance.now() < until) {
    await span('work', work)
    await sleep(2)
  }
}

await runFor(warmUp * rotationMs)
const before = residentMb()
await runFor(rotations * rotationMs)
console.log(JSON.stringify({ before, after: residentMb() }))
