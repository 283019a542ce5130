// Preloaded before the agent, so that a benchmark can switch profiling on and off in a process that runs: the set-up functions of PERF_CPU and
// PERF_HEAP=sampling are the agent's own, called when the benchmark says so. Also measures, since messages to another process would come too late.
const Module = require('node:module')
const { setTimeout: sleep } = require('node:timers/promises')

const SET_UPS = { './cpu.cjs': 'setUpCpu', './heap-sampling.cjs': 'setUpHeapSampling' }
/** The last message to the writer thread. */
const handedOver = []
let setUp
let profiling

const { _load } = Module
Module._load = function (request, ...rest) {
  const loaded = _load.call(this, request, ...rest)
  const name = SET_UPS[request]
  if (name === undefined || loaded[name] === undefined) return loaded
  return {
    [name](options) {
      const deliver = (message) => {
        handedOver.splice(0, handedOver.length, message)
        options.deliver(message)
      }
      setUp = (more) => loaded[name]({ ...options, deliver, ...more })
      return { profileFor: () => undefined, finish: () => profiling?.finish() }
    },
  }
}

process.on('message', async (message) => {
  const { command } = message
  // Others are the program's own.
  if (commands[command] === undefined) return
  const answer = await commands[command](message)
  process.send({ [command]: answer ?? true })
})

const commands = {
  /** Switches it `on`, with `options` besides the agent's own, or off. */
  switch({ on, options = {} }) {
    if (!on) profiling?.finish()
    if (setUp === undefined) throw new Error('the agent did not ask for profiling')
    profiling = on ? setUp(options) : undefined
  },
  /** CPU microseconds of the whole process per request, in each of the windows of `windowMs` within `ms`. */
  async measure({ ms, windowMs }) {
    const windows = []
    const end = performance.now() + ms
    let from = now()
    while (performance.now() < end) {
      await sleep(windowMs)
      const to = now()
      if (to.served > from.served) windows.push((to.cpuUs - from.cpuUs) / (to.served - from.served))
      from = to
    }
    return windows
  },
  /** CPU milliseconds of the whole process for handing over what was gathered; the app has to be idle. */
  async 'hand-over'() {
    const idleMs = await cpuDuring(() => undefined)
    const handing = await cpuDuring(() => (profiling.profileFor === undefined ? profiling.finish() : profiling.profileFor(1e8)))
    if (profiling.profileFor === undefined) profiling = undefined
    return handing - Math.min(idleMs, await cpuDuring(() => undefined))
  },
}

async function cpuDuring(work) {
  const from = process.cpuUsage()
  work()
  await sleep(400)
  const { user, system } = process.cpuUsage(from)
  return (user + system) / 1000
}

globalThis.switchedProfiling = { commands, handedOver }

/** CPU time so far, and requests: the app counts them in `globalThis.servedBy`. */
function now() {
  const { user, system } = process.cpuUsage()
  return { cpuUs: user + system, served: Object.values(globalThis.servedBy).reduce((sum, count) => sum + count, 0) }
}
