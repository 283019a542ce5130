import { setTimeout as sleep } from 'node:timers/promises'
import { lowerQuartile, medianInterval } from '../statistics.mjs'

const SETTLE_MS = 200
const PERIOD_MS = 600
const WINDOW_MS = 20

/**
 * What switching something on costs, from two processes under the same load that take turns: while one has it on, the other has it off.
 * Dividing the one by the other takes out what the machine does at that moment, and the turn in which they change roles what the two
 * differ by themselves. Of the short windows of a period the lower quartile counts: other programs only ever add. Between the turns lie control
 * turns in which both are off and change nothing.
 * @param {{ ask(message: object): Promise<unknown> }[]} apps two, preloaded with switched-profiling.cjs
 * @returns {Promise<{ on: number[], control: number[] }>} added shares of CPU time per request, one per turn
 */
export async function alternate(apps, turns) {
  const shares = { on: [], control: [] }
  for (let turn = 0; turn < turns; turn++) {
    for (const kind of turn % 2 === 0 ? ['on', 'control'] : ['control', 'on']) {
      const first = turn % 4 < 2 ? 0 : 1
      const measure = (on) => period(apps, kind === 'on' ? on : -1)
      const [a, b] = [await measure(first), await measure(1 - first)]
      // As if the first of each pair were the one that has it on.
      shares[kind].push(Math.sqrt((a[first] / a[1 - first]) * (b[1 - first] / b[first])) - 1)
    }
  }
  return shares
}

/** CPU per request of each app while the one with that index has it on. */
async function period(apps, on) {
  await Promise.all(apps.map(({ ask }, i) => ask({ command: 'switch', on: i === on })))
  await sleep(SETTLE_MS)
  const windows = await Promise.all(apps.map(({ ask }) => ask({ command: 'measure', ms: PERIOD_MS, windowMs: WINDOW_MS })))
  for (const { ask } of apps) await ask({ command: 'switch', on: false })
  return windows.map(lowerQuartile)
}

/** `+2.1 % (1.2 to 3.0)`: the median and its interval of 95 %. */
export function describeShares(shares, scale = 1) {
  const { value, low, high } = medianInterval(shares)
  const [text, from, to] = [value, low, high].map((share) => (share * scale * 100).toFixed(2))
  return `${value < 0 ? '' : '+'}${text} % (${from} to ${to})`
}
