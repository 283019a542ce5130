// Combinations of flags and pairs of commands: real processes that write down how they were called.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { CommandReport } from '../../src/cli/bench/bench-commands.ts'
import type { FlagReport } from '../../src/cli/bench/bench-flags.ts'
import { runCli } from '../support/cli.ts'
import { writeProject } from '../support/run-node.ts'
import { waitFor } from '../support/wait-for.ts'

// Limits for what hangs, on a machine however busy.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 })

const APP = `
import { appendFileSync } from 'node:fs'
import { span } from '@perf/agent/api'
const { CACHE, BATCH } = process.env
appendFileSync('calls.txt', [CACHE, BATCH, process.env.PERF_FLAGS].join(' ') + '\\n')
span(CACHE === '1' ? 'cached' : 'computed', () => {
  const until = process.cpuUsage().user + (CACHE === '1' ? 0 : Number(process.env.BURN_US ?? 0))
  while (process.cpuUsage().user < until);
})`

const callsIn = (cwd: string): string[] => readFileSync(path.join(cwd, 'calls.txt'), 'utf8').trimEnd().split('\n')

describe('--flags', () => {
  it('runs every combination as often as it was asked to, in turns, each in a session with its flags', async () => {
    const cwd = writeProject({ 'app.mjs': APP })
    const { code, stdout, stderr } = await runCli(['bench', '--flags', 'CACHE,BATCH', '--rounds', '3', '--json', '--', 'app.mjs'], { cwd })
    expect([code, stderr]).toEqual([0, ''])
    const report = JSON.parse(stdout) as FlagReport
    expect(report.combinations.map(({ flags, on, runs }) => ({ flags, on, runs }))).toEqual([
      { flags: { CACHE: '0', BATCH: '0' }, on: [false, false], runs: 3 },
      { flags: { CACHE: '1', BATCH: '0' }, on: [true, false], runs: 3 },
      { flags: { CACHE: '0', BATCH: '1' }, on: [false, true], runs: 3 },
      { flags: { CACHE: '1', BATCH: '1' }, on: [true, true], runs: 3 },
    ])
    const calls = callsIn(cwd)
    const lines = ['0 0', '1 0', '0 1', '1 1'].map((values) => `${values} CACHE=${values[0]},BATCH=${values[2]}`)
    expect(calls.toSorted()).toEqual([...lines, ...lines, ...lines].toSorted())
    // Another one first in each round, and every one in each round.
    expect([0, 4, 8].map((i) => calls[i])).toEqual(lines.slice(0, 3))
    expect([0, 4, 8].map((i) => new Set(calls.slice(i, i + 4)).size)).toEqual([4, 4, 4])
    for (const { session, flags } of report.combinations) {
      const json = JSON.parse(readFileSync(path.join(session ?? '', 'session.json'), 'utf8')) as { flags: object }
      expect(json.flags).toEqual(flags)
    }
    expect(new Set(report.combinations.map(({ session }) => session)).size).toBe(4)
  })

  it('tells the flag that changes something from the one that does not, and shows the spans behind it', async () => {
    const cwd = writeProject({ 'app.mjs': APP })
    const args = ['bench', '--flags', 'CACHE,BATCH', '--rounds', '4', '--', 'node', 'app.mjs']
    const env = { BURN_US: '500000' }
    const report = JSON.parse((await runCli([...args.slice(0, 5), '--json', ...args.slice(5)], { cwd, env })).stdout) as FlagReport
    const cpu = report.series.find(({ name }) => name === (process.platform === 'linux' ? 'CPU time' : 'wall time'))
    expect(cpu?.effects.map(({ flags }) => flags)).toEqual([['CACHE'], ['BATCH'], ['CACHE', 'BATCH']])
    expect(cpu?.effects[0]).toMatchObject({ verdict: 'faster' })
    expect(report.spans.find(({ name }) => name === 'computed')?.per_arm.map((one) => one?.calls_per_run ?? 0)).toEqual([1, 0, 1, 0])
    expect(report.spans.find(({ name }) => name === 'cached')?.per_arm.map((one) => one?.calls_per_run ?? 0)).toEqual([0, 1, 0, 1])
  })

  it('measures benchmark files, with values of your own, and says which output was wrong under what', async () => {
    const cwd = writeProject({
      'mode.bench.mjs': `import { benchmark } from '@perf/agent/bench'
import { appendFileSync } from 'node:fs'
appendFileSync('calls.txt', String(process.env.MODE) + '\\n')
await benchmark({ name: 'mode', rounds: 5, timeMs: 2, warmupMs: 1,
  implementations: { a: (x) => x + 1, b: (x) => process.env.MODE === 'fast' ? x + 2 : x + 1 }, scenarios: { one: () => 1 } })`,
    })
    const { code, stdout } = await runCli(['bench', 'mode.bench.mjs', '--flags', 'MODE=fast/', '--rounds', '2', '--json'], { cwd })
    expect(code).toBe(1)
    const report = JSON.parse(stdout) as FlagReport
    expect(callsIn(cwd).toSorted()).toEqual(['fast', 'fast', 'undefined', 'undefined'])
    expect(report.rejected).toEqual(['mode, one: b gave another output (MODE=fast)'])
    expect(report.series.map(({ name, combinations }) => [name, combinations.map(({ values_ms }) => values_ms.length)])).toEqual([
      ['mode, one: a', [2, 2]],
    ])
    // The functions have no file: what shows code must do without.
    const digest = await runCli(['report', '--budget', '900'], { cwd })
    expect([digest.code, digest.stderr]).toEqual([0, ''])
    expect(digest.stdout).toContain('## Time by name')
    expect((await runCli(['queue', '--json'], { cwd })).code).toBe(0)
  })

  it('is refused in one sentence where it makes no sense', async () => {
    const cwd = writeProject({ 'app.mjs': APP })
    const run = async (flags: string): Promise<[number | null, string]> => {
      const { code, stderr } = await runCli(['bench', '--flags', flags, '--', 'app.mjs'], { cwd })
      return [code, stderr]
    }
    expect(await run('A,B,A')).toEqual([2, 'perf-agent: --flags names A twice.\n'])
    expect(await run('A,B,C,D,E,F,G')).toEqual([2, 'perf-agent: --flags takes 6 flags at most: 7 have 128 combinations.\n'])
    expect((await run('A=1'))[1]).toBe("perf-agent: 'A=1' must give both values, e.g. A=yes/no, or A=yes/ for unset.\n")
    expect((await run('no-name'))[0]).toBe(2)
    expect(readdirSync(cwd)).not.toContain('calls.txt')
  })
})

describe('--a and --b', () => {
  it('run in turns, and the one that takes more CPU is slower', async () => {
    const cwd = writeProject({ 'app.mjs': APP })
    const args = ['bench', '--a', 'CACHE=1 node app.mjs', '--b', 'CACHE=0 node app.mjs', '--rounds', '6', '--fail-on', 'slower']
    const { code, stdout, stderr } = await runCli([...args, '--json'], { cwd, env: { BURN_US: '500000' } })
    expect([code, stderr]).toEqual([1, ''])
    const report = JSON.parse(stdout) as CommandReport
    expect(report.commands.map(({ label, wall_ms }) => [label, wall_ms.length])).toEqual([['A', 6], ['B', 6]]) // prettier-ignore
    expect(callsIn(cwd).map((line) => line[0]).join('')).toBe('100101101001') // prettier-ignore
    expect(report.measures.map(({ name, counts }) => [name, ...counts])).toContainEqual(['wall time', 6, 6])
    if (process.platform === 'linux') expect(report.measures.find(({ name }) => name === 'CPU time')?.verdict).toBe('slower')
    expect(report.spans.find(({ name }) => name === 'computed')?.per_arm.map((one) => one?.calls_per_run ?? 0)).toEqual([0, 1])
  })

  it('end with the error of the one that fails', async () => {
    const cwd = writeProject({ 'bad.mjs': `throw new RangeError('out of range')`, 'good.mjs': '' })
    expect(await runCli(['bench', '--a', 'node good.mjs', '--b', 'node bad.mjs', '--no-record'], { cwd })).toMatchObject({
      code: 1,
      stdout: '',
      stderr: "perf-agent: 'node bad.mjs' ended with code 1 (RangeError: out of range).\n",
    })
  })
})

it('of --workers that fails ends the others, and its error is told', async () => {
  const cwd = writeProject({
    'one-fails.bench.mjs': `
      import { appendFileSync, readFileSync } from 'node:fs'
      appendFileSync('pids', process.pid + '\\n')
      const started = () => readFileSync('pids', 'utf8').trim().split('\\n')
      while (started().length < 3) await new Promise((resolve) => setTimeout(resolve, 10))
      if (started()[1] === String(process.pid)) throw new RangeError('the second one')
      setInterval(() => {}, 1000)
      await new Promise(() => {})`,
  })
  const args = ['bench', 'one-fails.bench.mjs', '--workers', '3', '--no-record']
  const { code, stderr } = await runCli(args, { cwd })
  const pids = readFileSync(path.join(cwd, 'pids'), 'utf8').trim().split('\n').map(Number)
  onTestFinished(() => pids.filter(isAlive).forEach((pid) => process.kill(pid)))
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/RangeError: the second one[^]*\nperf-agent: 'one-fails\.bench\.mjs' ended with code 1\.\n$/),
  ])
  expect(pids).toHaveLength(3)
  expect(pids.filter(isAlive)).toEqual([])
})

it.skipIf(process.platform === 'win32')('ends what it started when it is ended itself', async () => {
  const cwd = writeProject({
    'wait.mjs': `import { writeFileSync } from 'node:fs'\nwriteFileSync('pid', String(process.pid))\nsetInterval(() => {}, 1000)`,
  })
  const file = path.join(cwd, 'pid')
  const { signal } = await runCli(['bench', '--a', 'node wait.mjs; true', '--b', 'true', '--no-record'], {
    cwd,
    onStart: (child) =>
      void waitFor('the command to run', () => existsSync(file) && readFileSync(file, 'utf8') !== '').then(() => child.kill('SIGTERM')),
  })
  expect(signal).toBe('SIGTERM')
  const pid = Number(readFileSync(file, 'utf8'))
  onTestFinished(() => void (isAlive(pid) && process.kill(pid)))
  await waitFor('the end of what the shell started', () => !isAlive(pid))
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

it('measures a single command', async () => {
  const cwd = writeProject({ 'app.mjs': APP })
  const { code, stdout } = await runCli(['bench', '--rounds', '2', '--', 'app.mjs'], { cwd, env: { CACHE: '1' } })
  expect(code).toBe(0)
  expect(stdout).toMatch(/^2 runs\ncommand: app\.mjs\n\n +median +least +most\nwall time /)
  expect(stdout).toMatch(/\ncached +function +\S+ +1x\n/)
  expect(callsIn(cwd)).toHaveLength(2)
})
