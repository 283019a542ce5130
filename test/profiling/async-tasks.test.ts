// PERF_ASYNC=on: what is pending, since when, begun where, in which span.
import { describe, expect, it } from 'vitest'
import { kindOfTask } from '../../src/store/codec/task-kind.ts'
import type { TaskReport } from '../../src/analysis/task-report.ts'
import { runCli } from '../support/cli.ts'
import { record } from '../support/record.ts'
import { waitFor } from '../support/wait-for.ts'

const APP = `import { existsSync } from 'node:fs'
import net from 'node:net'
import { span } from '@perf/agent/api'
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const held = []
async function waitsForever() { const never = new Promise(() => {}); held.push(never); await never }
function abandons() { for (let i = 0; i < 30; i++) new Promise(() => {}) }
function holds() { for (let i = 0; i < 20; i++) held.push(new Promise(() => {})) }
function settles() { for (let i = 0; i < 40; i++) held.push(Promise.resolve(i).then((n) => n + 1)) }
async function main() {
  await span('stuck', async () => { held.push(waitsForever()); await sleep(5) })
  span('holder', holds)
  span('leaker', abandons)
  span('tidy', settles)
  span('slow job', () => sleep(600_000).then(() => 1))
  net.createServer().listen(0)
  await sleep(50)
  globalThis.gc()
  await sleep(50)
  console.log('ready')
  const timer = setInterval(() => { if (existsSync('stop')) process.exit(0); if (existsSync('block')) while (!existsSync('stop')); }, 10)
}
void main()
`

function check({ tasks, never_settled }: TaskReport, format: string): void {
  const at = (name: string) => tasks.filter((row) => row.function === name)
  expect(at('holds')).toMatchObject([
    { state: 'pending', kind: 'promise', count: 20, span_name: 'holder', span_ended: true, ...(format === 'esm' ? { line: 8 } : {}) },
  ])
  expect(at('abandons')).toMatchObject([{ state: 'never settled', kind: 'promise', count: 30, span_name: 'leaker', span_ended: true }])
  expect(at('settles')).toEqual([])
  expect(at('waitsForever').every((row) => row.state === 'pending' && row.span_name === 'stuck' && row.span_ended)).toBe(true)
  expect(at('waitsForever').length).toBeGreaterThan(0)
  expect(tasks.filter((row) => row.kind === 'timer' && row.span_name === 'slow job')).toMatchObject([{ count: 1, span_ended: false }])
  expect(tasks.some((row) => row.type === 'TCPSERVERWRAP' && row.kind === 'network')).toBe(true)
  expect(never_settled).toBe(30)
  for (const row of tasks.filter(({ state }) => state === 'pending')) expect(row.age_ms).toBeGreaterThan(50)
  expect(tasks.filter((row) => row.file?.includes('/dist/') === true)).toEqual([])
}

describe.each(['esm', 'cjs'] as const)('asynchronous operations of a program (%s)', (format) => {
  it('are told while it runs, while it is blocked, and after its end', async () => {
    const reports: TaskReport[] = []
    const ask = async (perfDir: string): Promise<void> => {
      const { stdout, stderr } = await runCli(['tasks', '--json', '--limit', '200', '--dir', perfDir])
      expect(stderr).toBe('')
      reports.push(JSON.parse(stdout) as TaskReport)
    }
    const run = await record({
      format,
      app: APP,
      nodeArgs: ['--expose-gc'],
      env: { PERF_ASYNC: 'on' },
      timeoutMs: 60_000,
      during: async (running) => {
        await waitFor('ready', () => running.stdout().includes('ready'))
        await ask(running.perfDir)
        running.stop('block')
        await ask(running.perfDir)
        running.stop()
      },
    })
    expect([run.stdout, run.stderr, run.status]).toEqual(['ready\n', '', 0])
    await ask(run.perfDir)
    expect(reports).toHaveLength(3)
    for (const report of reports) check(report, format)
    const text = (await runCli(['tasks', '--dir', run.perfDir])).stdout
    expect(text).toMatch(/^\d+ pending, 30 promises never settled, 0 begun outside their span\n/)
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
    expect((await runCli(['report', '--dir', run.perfDir])).stdout).toContain('\nTasks\n')
  })

  it('are not watched, and nothing is loaded for it, without PERF_ASYNC', async () => {
    const app = `import { span } from '@perf/agent/api'\nspan('once', () => {})`
    const run = await record({ format, app })
    expect(run.status).toBe(0)
    const { stdout } = await runCli(['tasks', '--dir', run.perfDir])
    expect(stdout).toBe('Nothing is pending, or asynchronous operations were not watched (PERF_ASYNC=on).\n')
  })
})

describe('the watch', () => {
  it('changes no output, and runs no stack formatter of the app', async () => {
    const app = `import { span } from '@perf/agent/api'
let calls = 0
Error.prepareStackTrace = (error, frames) => { calls++; return frames.length }
await span('some', async () => { for (let i = 0; i < 100; i++) await null; setTimeout(() => {}, 1e6).unref() })
console.log(calls, new Error('x').stack > 0, calls, Error.stackTraceLimit)`
    const run = await record({ app, env: { PERF_ASYNC: 'on' } })
    expect([run.stdout, run.stderr, run.status]).toEqual(['0 true 1 10\n', '', 0])
  })

  it('holds on to no more than its limit, and counts the rest', async () => {
    const app = `import { span } from '@perf/agent/api'
globalThis.held = []
span('many', () => { for (let i = 0; i < 60000; i++) held.push(new Promise(() => {})) })`
    const run = await record({ app, env: { PERF_ASYNC: 'on' }, timeoutMs: 60_000 })
    expect(run.status).toBe(0)
    const { stdout } = await runCli([
      'sql',
      `SELECT value > 9000 AS many FROM counters WHERE name = 'tasks_unwatched'`,
      '--json',
      '--dir',
      run.perfDir,
    ])
    expect(JSON.parse(stdout)).toEqual([{ many: true }])
  })

  it.each([
    ['PROMISE', 'promise'],
    ['Timeout', 'timer'],
    ['TCPCONNECTWRAP', 'network'],
    ['FSREQCALLBACK', 'file'],
    ['GETADDRINFOREQWRAP', 'dns'],
    ['PROCESSWRAP', 'process'],
    ['ZLIB', 'other'],
  ])('calls %s a %s', (type, kind) => expect(kindOfTask(type)).toBe(kind))
})
