// Worker threads of the app: heap, event loop and stalls of each, without an effect on how they end.
import { describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { record } from '../support/record.ts'
import { waitFor } from '../support/wait-for.ts'

const APP = `import { existsSync } from 'node:fs'
import { Worker, isMainThread, threadId, workerData } from 'node:worker_threads'
import { span } from '@perf/agent/api'
const burn = (ms) => { const end = performance.now() + ms; while (performance.now() < end); }
if (isMainThread) {
  span('first', () => {})
  const threads = ['busy', 'calm'].map((role) => new Worker(process.argv[1], { workerData: role }))
  const timer = setInterval(() => { if (existsSync('stop')) { clearInterval(timer); for (const thread of threads) thread.postMessage('end') } }, 10)
  for (const thread of threads) thread.on('exit', (code) => console.log('ended', code))
} else {
  const held = []
  const timer = setInterval(() => {
    if (workerData === 'busy') { span('turn', () => burn(400)); for (let i = 0; i < 100000; i++) held.push({ i }) ; if (held.length > 500000) held.length = 0 }
  }, 500)
  const { parentPort } = await import('node:worker_threads')
  parentPort.once('message', () => clearInterval(timer))
}
`
const CJS = APP.replace(
  "const { parentPort } = await import('node:worker_threads')",
  "const { parentPort } = require('node:worker_threads')",
)

const TERMINATED = `import { Worker, isMainThread, workerData } from 'node:worker_threads'
import { existsSync } from 'node:fs'
import { span } from '@perf/agent/api'
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const burn = (ms) => { const end = performance.now() + ms; while (performance.now() < end); }
const run = async () => {
  span('first', () => {})
  const threads = ['idle', 'busy'].map((role) => new Worker(process.argv[1], { workerData: role }))
  await Promise.all(threads.map((thread) => new Promise((resolve) => thread.once('message', resolve))))
  while (!existsSync('terminate')) await sleep(10)
  for (const thread of threads) await thread.terminate()
  console.log('terminated')
  while (!existsSync('stop')) await sleep(10)
}
if (isMainThread) void run()
else {
  span('in thread', () => {})
  setInterval(() => {}, 1000)
  import('node:worker_threads').then(({ parentPort }) => {
    parentPort.postMessage('up')
    if (workerData === 'busy') setTimeout(() => span('burn', () => burn(600_000)), 200)
  })
}
`

/** The stall that the function `burn` is. */
const OF_BURN = `SELECT s.* FROM stalls s JOIN spans p ON s.thread = p.thread AND s.start_time + to_milliseconds(s.duration_ms) > p.start_time WHERE p.name = 'burn'`

interface Row {
  name: string
  thread: number
  most: number
}

describe.each(['esm', 'cjs'] as const)('worker threads (%s)', (format) => {
  it('have their heap, event loop and stalls; the main thread is not blamed for them', async () => {
    const query = async <T>(perfDir: string, sql: string): Promise<T[]> => {
      const { stdout } = await runCli(['sql', sql, '--json', '--dir', perfDir])
      return stdout === '' ? [] : (JSON.parse(stdout) as T[])
    }
    const run = await record({
      format,
      app: format === 'cjs' ? CJS : APP,
      timeoutMs: 60_000,
      during: async ({ perfDir, stop }) => {
        await waitFor('stalls and measurements of the threads', async () => {
          // A slow machine makes a stall of the other thread's start, too.
          const ofBusy = `(SELECT DISTINCT thread FROM spans WHERE name = 'turn')`
          const found = `SELECT 1 WHERE (SELECT count(*) FROM stalls WHERE thread = ${ofBusy} AND duration_ms > 200) > 1
            AND (SELECT count(DISTINCT attributes) FROM metrics WHERE name = 'perf.thread.heap.used') = 2
            AND (SELECT count(DISTINCT attributes) FROM metrics WHERE name = 'perf.thread.eventloop.delay.max') = 2
            AND EXISTS (FROM metrics WHERE name = 'perf.thread.eventloop.utilization' AND value > 0.5 AND (attributes->>'thread.id')::INTEGER = ${ofBusy})`
          return (await query(perfDir, found)).length > 0
        })
        stop()
      },
    })
    expect([run.stdout, run.stderr, run.status]).toEqual(['ended 0\nended 0\n', '', 0])
    const rows = await query<Row>(
      run.perfDir,
      `SELECT name, (attributes->>'thread.id')::INTEGER AS thread, max(value) AS most FROM metrics WHERE starts_with(name, 'perf.thread.') GROUP BY ALL ORDER BY ALL`,
    )
    const of = (name: string) => rows.filter((row) => row.name === `perf.thread.${name}`)
    expect(of('heap.used').map(({ most }) => most > 1e6)).toEqual([true, true])
    expect(of('heap.limit').map(({ most }) => most > 1e7)).toEqual([true, true])
    expect(of('eventloop.delay.max')).toHaveLength(2)
    const [busy] = await query<{ thread: number }>(run.perfDir, `SELECT DISTINCT thread FROM spans WHERE name = 'turn'`)
    expect(of('eventloop.utilization').find(({ thread }) => thread === busy?.thread)?.most).toBeGreaterThan(0.5)
    const { stdout } = await runCli(['report', '--dir', run.perfDir])
    expect(stdout).toMatch(/\nWorker threads\nthread +busy +most delay +blocked +longest +heap +peak +of\n\d+ of \d+ +\d+% /)
    // A thread that computes keeps no request waiting: what blocked is of the main thread.
    const { loop } = JSON.parse((await runCli(['report', '--json', '--dir', run.perfDir])).stdout) as {
      loop: { stalls: { count: number }[] }
    }
    const [main] = await query<{ n: number }>(run.perfDir, `SELECT count(*) AS n FROM stalls WHERE thread = 0`)
    expect(loop.stalls.reduce((sum, { count }) => sum + count, 0)).toBe(main?.n)
  })
})

describe('worker threads that are terminated', () => {
  it('are not stalled for the rest of the run', async () => {
    let stoppedMs = 0
    const query = async <T>(perfDir: string, sql: string): Promise<T[]> => {
      const { stdout } = await runCli(['sql', sql, '--json', '--dir', perfDir])
      return stdout === '' ? [] : (JSON.parse(stdout) as T[])
    }
    const run = await record({
      app: TERMINATED,
      timeoutMs: 60_000,
      during: async ({ perfDir, stdout, stop }) => {
        await waitFor('the stall of the busy thread', async () => (await query(perfDir, OF_BURN)).length > 0)
        stop('terminate')
        await waitFor('the end of the threads', () => stdout().includes('terminated'))
        const terminatedMs = Date.now()
        await waitFor('later measurements of the process', async () => {
          const later = `FROM metrics WHERE name = 'process.memory.usage' AND epoch_ms(time) > ${terminatedMs + 3000}`
          return (await query(perfDir, later)).length > 0
        })
        stoppedMs = Date.now()
        stop()
      },
    })
    expect([run.stdout, run.stderr, run.status]).toEqual(['terminated\n', '', 0])
    expect(await query(run.perfDir, OF_BURN)).toHaveLength(1)
    const lasting = `FROM stalls WHERE thread > 0 AND epoch_ms(start_time) + duration_ms > ${stoppedMs}`
    expect(await query(run.perfDir, lasting)).toEqual([])
  })
})
