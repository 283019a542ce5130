// What is measured every second, in recorded programs.
import { describe, expect, it } from 'vitest'
import { METRIC_UNITS } from '../../src/core/metric-units.ts'
import { runCli } from '../support/cli.ts'
import { record, type Running } from '../support/record.ts'
import { waitFor } from '../support/wait-for.ts'

/** Allocates until a file named `stop` appears beside it. */
const ALLOCATING = `import { existsSync } from 'node:fs'
import { span } from '@perf/agent/api'
let kept = []
const timer = setInterval(() => {
  span('allocate', () => { for (let i = 0; i < 20000; i++) kept.push({ i, text: 'text ' + i }) })
  if (kept.length > 400000) kept = []
  if (existsSync('stop')) clearInterval(timer)
}, 10)
`

async function query<T>(perfDir: string, sql: string): Promise<T[]> {
  const { stdout, stderr } = await runCli(['sql', sql, '--json', '--dir', perfDir])
  expect(stderr).toBe('')
  return JSON.parse(stdout) as T[]
}

/** Lets the program run until the query gives a row, then asks it to stop. */
const stopWhen =
  (sql: string) =>
  async ({ perfDir, stop }: Running): Promise<void> => {
    await waitFor('the rows', async () => (await runCli(['sql', sql, '--json', '--dir', perfDir])).stdout.startsWith('[{'))
    stop()
  }

describe.each(['esm', 'cjs'] as const)('a program that allocates (%s)', (format) => {
  it('has heap, process and loop over time, and its collections', async () => {
    const during = stopWhen(`SELECT 1 AS n FROM metrics WHERE name = 'perf.memory.heap.used' HAVING count(*) > 2
      AND (SELECT count(*) FROM gc WHERE kind = 'minor') > 0 AND (SELECT count(after_bytes) FROM gc) > 0`)
    const run = await record({ format, app: ALLOCATING, during, timeoutMs: 60_000 })
    expect([run.stdout, run.stderr, run.status]).toEqual(['', '', 0])

    const metrics = await query<{ name: string; unit: string; low: number; high: number; n: number }>(
      run.perfDir,
      `SELECT name, unit, min(value) AS low, max(value) AS high, count(*) AS n FROM metrics GROUP BY name, unit`,
    )
    expect(metrics.filter(({ name, unit }) => METRIC_UNITS[name] !== unit)).toEqual([])
    const of = (name: string) => metrics.find((metric) => metric.name === name)
    expect(of('process.memory.usage')?.low).toBeGreaterThan(20e6)
    expect(of('perf.memory.heap.used')?.low).toBeGreaterThan(2e6)
    expect(of('perf.memory.heap.limit')?.low).toBeGreaterThan(100e6)
    expect(of('process.cpu.time')?.high).toBeGreaterThan(0.05)
    for (const name of ['process.cpu.utilization', 'nodejs.eventloop.utilization']) {
      expect(of(name)?.low).toBeGreaterThanOrEqual(0)
      expect(of(name)?.high).toBeLessThanOrEqual(1)
      expect(of(name)?.high).toBeGreaterThan(0)
    }
    expect(of('nodejs.eventloop.delay.max')?.high).toBeGreaterThan(0)
    if (process.platform === 'linux') {
      expect(of('process.unix.file_descriptor.count')?.low).toBeGreaterThan(3)
      expect(of('process.thread.count')?.low).toBeGreaterThan(2)
      expect(metrics.map(({ name }) => name)).toEqual(expect.arrayContaining(['process.disk.io', 'system.network.io']))
    }
    const spaces = await query<{ space: string }>(
      run.perfDir,
      `SELECT DISTINCT attributes->>'v8js.heap.space.name' AS space FROM metrics WHERE name = 'v8js.memory.heap.used' ORDER BY 1`,
    )
    expect(spaces.map(({ space }) => space)).toEqual(expect.arrayContaining(['new', 'old', 'code']))

    const [used] = await query<{ parts: number; whole: number }>(
      run.perfDir,
      `SELECT sum(value) FILTER (name = 'v8js.memory.heap.used') AS parts, any_value(value) FILTER (name = 'perf.memory.heap.used') AS whole
       FROM metrics WHERE time = (SELECT max(time) FROM metrics WHERE name = 'perf.memory.heap.used')`,
    )
    expect((used?.parts ?? 0) / (used?.whole ?? 1)).toBeGreaterThan(0.8)
    expect((used?.parts ?? 0) / (used?.whole ?? 1)).toBeLessThan(1.25)

    const outside = await query(
      run.perfDir,
      `SELECT g.* FROM gc g, (SELECT min(start_time) - INTERVAL 10 SECOND AS first, max(start_time) + INTERVAL 10 SECOND AS last FROM spans)
       WHERE g.start_time NOT BETWEEN first AND last OR g.duration_ms < 0 OR g.after_bytes < 1e6 OR kind NOT IN ('minor', 'major', 'incremental', 'weakcb')`,
    )
    expect(outside).toEqual([])
    expect(await query(run.perfDir, `SELECT * FROM faults`)).toEqual([])
  })

  it('measures nothing and creates nothing with PERF_METRICS=off', async () => {
    const app = `import { span } from '@perf/agent/api'\nspan('once', () => {})\nsetTimeout(() => {}, 600)`
    const run = await record({ format, app, env: { PERF_METRICS: 'off' } })
    expect([run.stderr, run.status]).toEqual(['', 0])
    expect(await query(run.perfDir, `SELECT * FROM metrics`)).toEqual([])
  })
})

describe('a program', () => {
  it('has measurements of the process even when it ends before the first round', async () => {
    const app = `import { existsSync } from 'node:fs'
import { span } from '@perf/agent/api'
span('once', () => {})
const timer = setInterval(() => { if (existsSync('.perf/sessions')) clearInterval(timer) }, 5)`
    const run = await record({ app })
    expect(run.status).toBe(0)
    const rows = await query(run.perfDir, `SELECT 1 FROM metrics WHERE name = 'process.memory.usage' AND value > 1e7`)
    expect(rows.length).toBeGreaterThan(0)
  })

  it('leaves nothing on disk when it has no span, however long it runs', async () => {
    const run = await record({ app: `setTimeout(() => {}, 1500)` })
    expect([run.status, run.stderr, run.sessionDir]).toEqual([0, '', undefined])
  })

  it('goes on being measured while its main thread is blocked', async () => {
    const app = `import { span } from '@perf/agent/api'
import { existsSync } from 'node:fs'
span('before', () => {})
setTimeout(() => { while (!existsSync('stop')); }, 400)`
    const during = stopWhen(`SELECT 1 FROM metrics WHERE name = 'process.memory.usage' HAVING count(*) >= 3`)
    const run = await record({ app, during, timeoutMs: 60_000 })
    expect([run.status, run.stderr]).toEqual([0, ''])
  })
})
