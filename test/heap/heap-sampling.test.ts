// `PERF_HEAP=sampling`: bytes by call site and by span, against programs that allocate known amounts in interleaved spans.
import { readdirSync, statSync, truncateSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { nextInterval } from '../../src/profiling/heap-sampling.ts'
import { openSession } from '../../src/store/query.ts'
import { readSession } from '../../src/store/session.ts'
import { runCli } from '../support/cli.ts'
import { record, type Recorded } from '../support/record.ts'

// Equal numbers of turns for both names, whatever the machine does: what they allocate differs by the size of the lists only.
const APP = `
import { span } from '@perf/agent/api'
import v8 from 'node:v8'
let kept
function allocateLists(n) { const list = []; for (let i = 0; i < n; i++) list.push({ a: i, b: i }); kept = list }
const used = () => v8.getHeapStatistics().used_heap_size
for (let i = 0; i < 500; i++) allocateLists(3000)
const costs = Array.from({ length: 101 }, () => { const before = used(); allocateLists(3000); return used() - before }).sort((a, b) => a - b)
const end = performance.now() + 4000
let turns = 0
async function work(name, n) {
  await span(name, async () => {
    for (let i = 0; i < 4; i++) {
      allocateLists(n)
      await new Promise((resolve) => setImmediate(resolve))
      allocateLists(n)
      await null
    }
  })
}
async function main() {
  while (performance.now() < end) {
    turns++
    await Promise.all([work('big', 3000), work('small', 1000), work('big', 3000), work('small', 1000)])
  }
  process.stdout.write(JSON.stringify({ turns, bytes: costs[50] }))
}
void main()
`

async function rows<T>(run: Recorded, sql: string): Promise<T[]> {
  const reader = await openSession(readSession(run.sessionDir ?? ''))
  try {
    return await reader.rows<T>(sql)
  } finally {
    reader.close()
  }
}

describe.each(['esm', 'cjs'] as const)('allocations (%s)', (format) => {
  let run: Recorded
  beforeAll(async () => {
    run = await record({ app: APP, format, env: { PERF_HEAP: 'sampling' } })
    expect(run).toMatchObject({ status: 0, stderr: '' })
  })

  it('are told apart by span, also across awaits', async () => {
    const spans = await rows<{ name: string | null; bytes: number }>(run, 'SELECT name, bytes FROM span_allocations')
    const of = (name: string): number => spans.find((span) => span.name === name)?.bytes ?? 0
    // 3 by the lists; spans and promises, the same for both, take a little off.
    expect(of('big') / of('small')).toBeGreaterThan(2.5)
    expect(of('big') / of('small')).toBeLessThan(3.5)
    const { turns, bytes } = JSON.parse(run.stdout) as { turns: number; bytes: number }
    const truth = turns * 2 * 8 * bytes
    expect(of('big') / truth).toBeGreaterThan(0.75)
    expect(of('big') / truth).toBeLessThan(1.4)
  })

  it('are told by call site, in the source file', async () => {
    const [site] = await rows<{ file: string; stack: string; share: number }>(
      run,
      `SELECT file, stack, bytes / sum(bytes) OVER () AS share FROM allocations ORDER BY bytes DESC LIMIT 1`,
    )
    expect(site?.file).toMatch(/app\.js$/)
    expect(site?.share).toBeGreaterThan(0.2)
    const [all] = await rows<{ share: number }>(
      run,
      `SELECT sum(bytes) FILTER (file LIKE '%app.js') / sum(bytes) AS share FROM allocations`,
    )
    expect(all?.share).toBeGreaterThan(0.8)
  })

  it('are shown by heap top and the report', async () => {
    const { stdout, code } = await runCli(['heap', 'top', '--dir', run.perfDir])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^function +where +bytes +share\n.*app\.js:\d+ +[\d.]+ [GM]B +\d+%/)
    expect(stdout).toMatch(/^big +function +[\d.]+ [GM]B +7\d%$/m)
    const report = (await runCli(['report', '--dir', run.perfDir])).stdout
    expect(report).toMatch(/^Allocations\nfunction/m)
    expect(report.split('\n').filter((line) => line.length > 80)).toEqual([])
  })

  it('lie in one small file, mode 0600; one that is cut short is reported and skipped', async () => {
    const folder = path.join(run.sessionDir ?? '', 'heap')
    const names = readdirSync(folder)
    expect(names).toHaveLength(1)
    const file = path.join(folder, names[0] ?? '')
    expect(names[0]).toMatch(/^[0-9a-f]{16}\.0\.heapprofile\.(zst|gz)$/)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(file).size).toBeLessThan(200_000)
    truncateSync(file, statSync(file).size - 20)
    expect(await rows(run, `SELECT source FROM store.sources WHERE problem LIKE '%skipped'`)).toEqual([{ source: `heap/${names[0]}` }])
  })
})

it('allocations of worker threads are their own', async () => {
  const run = await record({
    app: `
import { Worker, isMainThread } from 'node:worker_threads'
import { fileURLToPath } from 'node:url'
let kept
function allocateInThread() { for (let i = 0; i < 200; i++) kept = Array.from({ length: 5000 }, (_, n) => ({ n })) }
if (isMainThread) new Worker(process.argv[1])
else allocateInThread()
`,
    env: { PERF_HEAP: 'sampling' },
  })
  expect(run).toMatchObject({ status: 0, stderr: '' })
  const found = await rows<{ thread: number }>(run, `SELECT DISTINCT thread FROM allocations WHERE stack LIKE '%allocateInThread%'`)
  expect(found).toHaveLength(1)
  expect(found[0]?.thread).toBeGreaterThan(0)
})

it('who took the memory is on record when it runs out', async () => {
  const run = await record({
    app: `
import { span } from '@perf/agent/api'
const held = []
class Hoard { constructor(i) { this.list = [i, i, i, i]; this.text = 'x' + i } }
function hoardObjects() { for (let i = 0; i < 3000; i++) held.push(new Hoard(i)) }
setInterval(() => span('hoarding', hoardObjects), 10)`,
    nodeArgs: ['--max-old-space-size=80'],
    env: { PERF_HEAP: 'sampling' },
    timeoutMs: 50_000,
  })
  expect(run.signal).toBe('SIGABRT')
  const [site] = await rows<{ stack: string }>(run, 'SELECT stack FROM allocations ORDER BY bytes DESC LIMIT 1')
  expect(site?.stack).toMatch(/hoardObjects/)
  const [top] = await rows<{ name: string }>(run, 'SELECT name FROM span_allocations ORDER BY bytes DESC LIMIT 1')
  expect(top?.name).toBe('hoarding')
})

it('nothing is sampled unless asked for', async () => {
  const run = await record({ app: `import { span } from '@perf/agent/api'\nspan('one', () => {})` })
  expect(readdirSync(run.sessionDir ?? '')).not.toContain('heap')
  expect((await runCli(['heap', 'top', '--dir', run.perfDir])).stdout).toMatch(/has no heap profile: PERF_HEAP=sampling records one/)
})

it('fewer samples are taken of a program that allocates fast, and more again when it slows down', () => {
  const kb = 1024
  expect(nextInterval(512 * kb, 20, 1000)).toBe(512 * kb)
  expect(nextInterval(512 * kb, 1000, 1000)).toBe(2048 * kb)
  expect(nextInterval(2048 * kb, 250 * 10, 10_000)).toBe(2048 * kb)
  expect(nextInterval(2048 * kb, 100, 1000)).toBe(1024 * kb)
  expect(nextInterval(2048 * kb, 0, 1000)).toBe(512 * kb)
  expect(nextInterval(512 * kb, 1e9, 1)).toBe(64 * 512 * kb)
})
