// Closed-loop load in its own process: a fixed number of keep-alive connections, each sending its next request when the last is answered.
import autocannon from 'autocannon'

process.on('disconnect', () => process.exit(0))
process.on('message', async (message) => {
  if (message === 'stop') return stop()
  try {
    process.send({ done: await runLoad(message) })
  } catch (error) {
    process.send({ failed: String(error?.stack ?? error) })
  }
})
process.send({ ready: true })

let stop = () => {}

/**
 * Drives `url` until told to stop, and says when the app is warm: after a time and a number of requests, so that a slow
 * variant's code is as hot as a fast one's, but not later than `warmUp.atMostMs`.
 * @param {{ url: string, connections: number, warmUp: { requests: number, atLeastMs: number, atMostMs: number }, requestsPerSecond?: number }} job
 *   `requestsPerSecond` makes it a fixed rate instead of a closed loop
 */
async function runLoad({ url, connections, warmUp, requestsPerSecond }) {
  const latenciesMs = []
  let failures = 0
  let answered = 0
  let isWarm = false
  const startedAt = performance.now()
  const run = autocannon({
    url,
    connections,
    amount: 100_000_000,
    timeout: 10,
    ...(requestsPerSecond && { overallRate: requestsPerSecond }),
  })
  stop = () => run.stop()
  // `responseTime` has the resolution of process.hrtime; autocannon's own histogram rounds to whole milliseconds.
  run.on('response', (_client, statusCode, _bytes, responseTimeMs) => {
    answered += 1
    if (statusCode !== 200) failures += 1
    if (isWarm) return latenciesMs.push(responseTimeMs)
    if (answered >= warmUp.requests && performance.now() - startedAt >= warmUp.atLeastMs) sayWarm()
  })
  const sayWarm = () => {
    if (isWarm) return
    isWarm = true
    process.send({ warm: true })
  }
  const timer = setTimeout(sayWarm, warmUp.atMostMs)
  run.on('reqError', () => (failures += 1))
  await run
  clearTimeout(timer)
  latenciesMs.sort((a, b) => a - b)
  return { failures, p50Ms: percentile(latenciesMs, 0.5), p99Ms: percentile(latenciesMs, 0.99) }
}

function percentile(sorted, share) {
  return sorted.length === 0 ? null : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}
