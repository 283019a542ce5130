// CPU profiles of real processes, against what the program itself says about when which span was busy.
import { mkdirSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseCpuInterval } from '../../src/setting-values.ts'
import { attributeSamples, type AttributedSample } from '../../src/store/profiles/attribute-samples.ts'
import { profileFiles, readProfile, readSpanLog } from '../../src/store/profiles/profile-file.ts'
import { profileNodes } from '../../src/store/profiles/stack-table.ts'
import { openSession } from '../../src/store/query.ts'
import { readSession } from '../../src/store/session.ts'
import { nodeMajor } from '../support/node-under-test.ts'
import { record, type Recorded } from '../support/record.ts'
import { BUSY_PROGRAM, busyTimes, busyWindows } from './busy-program.ts'

const sessionOf = (run: Recorded) => readSession(run.sessionDir ?? '')

/** It reads the contexts of Node 24 and newer. */
const hasPprof = nodeMajor() >= 24
const PPROF = ['@datadog/pprof@5.20.0']
const NO_PPROF = `Node ${nodeMajor()} has no contexts that @datadog/pprof could read`

const CASES = (['esm', 'cjs'] as const).flatMap((format) => (['inspector', 'pprof'] as const).map((sampler) => ({ format, sampler })))

describe.each(CASES)('PERF_CPU in a program that is $format, sampled by $sampler', ({ format, sampler }) => {
  it('ties samples and CPU time to the span whose code ran', async ({ skip }) => {
    skip(sampler === 'pprof' && !hasPprof, NO_PPROF)
    const packages = sampler === 'pprof' ? PPROF : []
    const run = await record({ format, app: BUSY_PROGRAM, packages, env: { PERF_CPU: '1ms' }, timeoutMs: 55_000 })
    expect([run.status, run.stderr]).toEqual([0, ''])
    for (const file of profileFiles(sessionOf(run))) expect(readSpanLog(file).header).toMatchObject({ sampler, lostSwitches: 0 })
    const windows = busyWindows(run.stdout)

    // Sample by sample, against the window its time lies in, and summed up over the time that was sampled as it should be: on a busy
    // machine the sampler comes late at times, and what ran meanwhile is anybody's guess.
    const names = new Map(run.spans.map((span) => [BigInt(`0x${span.spanId}`), span.name]))
    const [sampled, ran, total] = [new Map<string | null, number>(), new Map<string | null, number>(), new Map<string | null, number>()]
    let right = 0
    let all = 0
    for (const { timeUs, selfUs, spanId, node } of samplesOf(run)) {
      const name = names.get(spanId) ?? null
      add(total, name, Math.round(selfUs))
      const window = windows.find(([, from, to]) => from <= timeUs && timeUs <= to)
      if (window !== undefined && node.kind !== 'native') {
        all++
        if (name === window[0]) right++
      }
      if (selfUs > MAX_SAMPLED_US) continue
      add(sampled, name, selfUs)
      for (const [own, from, to] of windows) add(ran, own, Math.max(0, Math.min(to, timeUs + selfUs) - Math.max(from, timeUs)))
    }
    expect(all).toBeGreaterThan(100)
    expect(right / all).toBeGreaterThanOrEqual(0.99)
    for (const name of ['heavy', 'light', 'nested']) within(sampled.get(name), ran.get(name), 0.1, `samples of ${name}`)
    within(ratio(sampled), ratio(ran), 0.1, 'heavy to light')

    // The same by SQL, and each span's own CPU time.
    const reader = await openSession(sessionOf(run))
    const byName = await reader.rows<{ span_name: string; us: number }>(
      `SELECT span_name, sum(self_us)::BIGINT AS us FROM cpu_samples WHERE span_name IS NOT NULL GROUP BY ALL ORDER BY span_name`,
    )
    const own = await reader.rows<{ name: string; ms: number }>(`SELECT name, sum(self_cpu_ms) AS ms FROM spans GROUP BY name`)
    reader.close()
    expect(byName).toEqual(['heavy', 'light', 'nested'].map((name) => ({ span_name: name, us: total.get(name) })))
    const truth = busyTimes(windows)
    // Without a hook nothing sees the changes of span, only the samples.
    if (sampler === 'pprof') expect(own.map(({ ms }) => ms)).toEqual([null, null, null])
    else for (const { name, ms } of own) within(ms * 1000, truth.get(name), 0.05, `self_cpu_ms of ${name}`)
  })
})

/** Five sampling intervals. */
const MAX_SAMPLED_US = 5000

function* samplesOf(run: Recorded): Generator<AttributedSample> {
  let afterUs = 0
  for (const file of profileFiles(sessionOf(run))) {
    const profile = readProfile(file)
    const { samples, lastUs } = attributeSamples(profile, profileNodes(profile), readSpanLog(file), afterUs)
    afterUs = lastUs
    yield* samples
  }
}

function add(sums: Map<string | null, number>, name: string | null, us: number): void {
  sums.set(name, (sums.get(name) ?? 0) + us)
}

function ratio(sums: ReadonlyMap<string | null, number>): number {
  return (sums.get('heavy') ?? 0) / (sums.get('light') ?? 1)
}

it('PERF_CPU leaves private files, and nothing of it when it is off', async () => {
  const app = `import { span } from '@perf/agent/api'\nspan('one', () => { for (let i = 0; i < 2e8; i++) Math.sqrt(i) })`
  const on = await record({ app, env: { PERF_CPU: 'on' } })
  expect([on.status, on.stderr]).toEqual([0, ''])
  const folder = path.join(on.sessionDir ?? '', 'profiles')
  expect(readdirSync(folder).map((file) => file.replace(/^[0-9a-f]{16}/, '').replace(/(zst|gz)$/, 'z'))).toEqual([
    '.0.0.cpuprofile.z',
    '.0.0.spans.z',
  ])
  for (const file of readdirSync(folder)) expect(statSync(path.join(folder, file)).mode & 0o777).toBe(0o600)
  const off = await record({ app })
  expect(readdirSync(off.sessionDir ?? '').sort()).toEqual(['hot', 'session.json'])
  expect(Object.keys(off.spans[0]?.attributes ?? {})).toEqual([])
})

const THREADS = `
import { span } from '@perf/agent/api'
import { isMainThread, Worker } from 'node:worker_threads'
function burn() { let sink = 0; for (let i = 0; i < 1e8; i++) sink = (sink + Math.imul(i, 2654435761)) | 0; return sink }
if (isMainThread) {
  span('in main', burn)
  new Worker(process.argv[1])
} else {
  span('in worker', burn)
}
`

describe('profiles of several threads', () => {
  it('are read with their thread; one that is cut short is reported and skipped', async () => {
    const run = await record({ app: THREADS, format: 'cjs', env: { PERF_CPU: '1ms' } })
    expect([run.status, run.stderr]).toEqual([0, ''])
    const byThread = `SELECT DISTINCT span_name, thread > 0 AS in_worker FROM cpu_samples WHERE span_name IS NOT NULL ORDER BY span_name`
    const both = await openSession(sessionOf(run))
    expect(await both.rows(byThread)).toEqual([
      { span_name: 'in main', in_worker: false },
      { span_name: 'in worker', in_worker: true },
    ])
    both.close()

    const session = sessionOf(run)
    rmSync(path.join(session.folder, 'session.duckdb'))
    const [main] = profileFiles(session)
    truncateSync(main?.path ?? '', 200)
    const rest = await openSession(session)
    expect(await rest.rows(byThread)).toEqual([{ span_name: 'in worker', in_worker: true }])
    expect(rest.synced?.problems).toEqual([{ source: main?.name, reason: expect.stringMatching(/; skipped$/) as string }])
    expect(await rest.rows(`SELECT source FROM store.sources WHERE problem IS NOT NULL`)).toEqual([{ source: main?.name }])
    rest.close()
    // And that is that: it is not tried again and again.
    const again = await openSession(session)
    expect(again.synced).toBeUndefined()
    again.close()
  })
})

it('a program that ends before the writer thread is ready leaves its profile, too', async () => {
  const app = `import { span } from '@perf/agent/api'
span('short', () => { let sink = 0; for (let i = 0; i < 3e7; i++) sink = (sink + Math.imul(i, 7)) | 0 })
process.exit(0)`
  const run = await record({ app, env: { PERF_CPU: '1ms' } })
  expect([run.status, run.stderr]).toEqual([0, ''])
  const reader = await openSession(sessionOf(run))
  expect(await reader.rows(`SELECT DISTINCT span_name FROM cpu_samples WHERE span_name IS NOT NULL`)).toEqual([{ span_name: 'short' }])
  reader.close()
})

const BURNS = `import { span } from '@perf/agent/api'
span('one', () => { let sink = 0; for (let i = 0; i < 3e7; i++) sink = (sink + Math.imul(i, 7)) | 0 })
console.log('runs')`

describe('a @datadog/pprof beside the app', () => {
  const samplersOf = (run: Recorded) => profileFiles(sessionOf(run)).map((file) => readSpanLog(file).header.sampler)
  const recordWith = (folder: Record<string, string>, env: Record<string, string> = {}) =>
    record({ app: BURNS, env: { PERF_CPU: '1ms', ...env }, prepare: (program) => writeFiles(path.join(program, 'node_modules'), folder) })
  const said = (why: string) => `[perf-agent] ${why}. Samples come from the inspector (PERF_CPU_SAMPLER=inspector).\n`
  const packageOf = (version: string) => ({ '@datadog/pprof/package.json': `{ "version": "${version}" }` })

  it('is said once and left alone when it is too old, does not load or does not do what it should', async ({ skip }) => {
    skip(!hasPprof, NO_PPROF)
    const old = await recordWith(packageOf('5.18.0'))
    expect(old).toMatchObject({ status: 0, stdout: 'runs\n', stderr: said('@datadog/pprof 5.18.0 is not of 5.18.1 to 5.x') })
    const empty = await recordWith(packageOf('5.99.0'))
    expect([empty.status, empty.stdout]).toEqual([0, 'runs\n'])
    expect(empty.stderr).toMatch(
      /^\[perf-agent\] @datadog\/pprof 5\.99\.0 cannot sample: Cannot find module .*\(PERF_CPU_SAMPLER=inspector\)\.\n$/,
    )
    const other = await recordWith({
      ...packageOf('5.99.0'),
      '@datadog/pprof/out/src/time-profiler-bindings.js': 'exports.TimeProfiler = class { createContextHolder() { return {} } }',
    })
    expect(other.stderr).toBe(said('@datadog/pprof 5.99.0 cannot sample: it does not find contexts'))
    for (const run of [old, empty, other]) expect(new Set(samplersOf(run))).toEqual(new Set(['inspector']))
  })

  it('waits for no clock that stands still', async ({ skip }) => {
    skip(!hasPprof, NO_PPROF)
    const files = { 'freeze.cjs': 'Date.now = () => 1e12' }
    const run = await record({ app: BURNS, files, nodeArgs: ['--require', './freeze.cjs'], packages: PPROF, env: { PERF_CPU: '1ms' } })
    expect(run).toMatchObject({ status: 0, stdout: 'runs\n', stderr: '' })
    expect(new Set(samplersOf(run))).toEqual(new Set(['pprof']))
  })

  it('is left to dd-trace where that is installed, and not used when it is not wanted', async () => {
    const both = { ...packageOf('5.20.0'), 'dd-trace/package.json': '{ "version": "5.0.0" }' }
    for (const run of [await recordWith(both), await recordWith(packageOf('5.20.0'), { PERF_CPU_SAMPLER: 'inspector' })]) {
      expect(run).toMatchObject({ status: 0, stdout: 'runs\n', stderr: '' })
      expect(new Set(samplersOf(run))).toEqual(new Set(['inspector']))
    }
  })

  it('is missed when it is asked for and not there', async () => {
    const run = await record({ app: BURNS, env: { PERF_CPU: '1ms', PERF_CPU_SAMPLER: 'pprof' } })
    const why = hasPprof ? '@datadog/pprof is not installed beside the app' : '@datadog/pprof needs Node 24'
    expect(run).toMatchObject({ status: 0, stdout: 'runs\n', stderr: said(why) })
  })

  it.for(['@datadog/pprof@5.18.1', '@datadog/pprof@5.20.0'])('samples worker threads, too: %s', async (version, { skip }) => {
    skip(!hasPprof, NO_PPROF)
    const app = THREADS.replace(/function burn.*/, LONGER_BURN)
    const run = await record({ app, format: 'cjs', packages: [version], env: { PERF_CPU: '1ms' } })
    expect([run.status, run.stderr]).toEqual([0, ''])
    expect(new Set(samplersOf(run))).toEqual(new Set(['pprof']))
    const reader = await openSession(sessionOf(run))
    expect(
      await reader.rows(
        `SELECT DISTINCT span_name, thread > 0 AS in_worker, function, file, line FROM cpu_samples WHERE function = 'burn' ORDER BY ALL`,
      ),
    ).toEqual([
      { span_name: 'in main', in_worker: false, function: 'burn', file: 'app.js', line: expect.any(Number) as number },
      { span_name: 'in worker', in_worker: true, function: 'burn', file: 'app.js', line: expect.any(Number) as number },
    ])
    reader.close()
  })
})

/** Half a second on every version of Node: a sampler that gets no core for a while still takes samples of it. */
const LONGER_BURN = `function burn() {
  let sink = 0
  for (const end = Date.now() + 500; Date.now() < end; ) for (let i = 0; i < 1e6; i++) sink = (sink + Math.imul(i, 2654435761)) | 0
  return sink
}`

function writeFiles(folder: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    writeFileSync(path.join(folder, name), text)
  }
}

it.each([
  ['off', 0],
  ['on', 10_000],
  ['1ms', 1000],
  ['250us', 250],
  ['0.5 ms', 500],
  ['1s', 1_000_000],
  ['50us', undefined],
  ['2s', undefined],
  ['often', undefined],
])('PERF_CPU=%s is an interval of %s microseconds', (text, us) => {
  expect(parseCpuInterval(text)).toBe(us)
})

it('an interval that cannot be used is one warning, and the app runs unprofiled', async () => {
  const run = await record({ app: `console.log('runs')\n`, env: { PERF_CPU: 'often' } })
  expect(run).toMatchObject({
    status: 0,
    stdout: 'runs\n',
    stderr: '[perf-agent] PERF_CPU=often is not off, on, or an interval from 100us to 1s such as 1ms; using off.\n',
  })
})

/** `value` differs from `truth` by no more than that share. */
function within(value: number | undefined, truth: number | undefined, share: number, what: string): void {
  if (value === undefined || truth === undefined) throw new Error(`${what}: ${value} instead of ${truth}`)
  expect(Math.abs(value / truth - 1), `${what}: ${value.toFixed(0)} instead of ${truth.toFixed(0)}`).toBeLessThanOrEqual(share)
}
