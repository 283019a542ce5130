// A program whose spans use known CPU in interleaved turns, and that says itself when which of them was busy.

/** Two spans, `heavy` with three times the work of `light`, and inside `heavy` a nested one; prints its windows as JSON. */
export const BUSY_PROGRAM = `
import { span } from '@perf/agent/api'
import { AsyncResource } from 'node:async_hooks'

const windows = []
const nowUs = () => Number(process.hrtime.bigint()) / 1000
const TURNS = 20
let sink = 1
function work(units) {
  let x = sink | 1
  for (let i = 0; i < units * 2_000_000; i++) {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
  }
  sink = x
}
function busy(name, units) {
  const from = nowUs()
  work(units)
  windows.push([name, from, nowUs()])
}
const turn = () => new Promise((resolve) => setImmediate(resolve))

async function heavy() {
  for (let i = 0; i < TURNS; i++) {
    busy('heavy', 15)
    await span('nested', async () => {
      busy('nested', 6)
      await turn()
      busy('nested', 6)
    })
    busy('heavy', 15)
    await turn()
  }
}
async function light() {
  for (let i = 0; i < TURNS; i++) {
    busy('light', 5)
    // Back to the context the resource was made in, and out of it again.
    if (i % 4 === 0) outside.runInAsyncScope(() => busy(null, 5))
    busy('light', 5)
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
}
const outside = new AsyncResource('Outside')

Promise.all([span('heavy', heavy), span('light', light)]).then(() => {
  console.log('WINDOWS ' + JSON.stringify(windows))
})
`

/** What the program says: `[name of the span, from, to]` in microseconds of the monotonic clock; null outside of any span. */
export type BusyWindow = [name: string | null, fromUs: number, toUs: number]

/** The windows a run of the program printed. */
export function busyWindows(stdout: string): BusyWindow[] {
  const line = stdout.split('\n').find((text) => text.startsWith('WINDOWS '))
  if (line === undefined) throw new Error(`the program printed no windows: ${stdout}`)
  return JSON.parse(line.slice('WINDOWS '.length)) as BusyWindow[]
}

/** Microseconds each span was busy. */
export function busyTimes(windows: readonly BusyWindow[]): Map<string | null, number> {
  const sums = new Map<string | null, number>()
  for (const [name, from, to] of windows) sums.set(name, (sums.get(name) ?? 0) + to - from)
  return sums
}
