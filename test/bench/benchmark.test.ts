// `benchmark()` of @perf/agent/bench in real processes, alone and under `perf-agent bench`.
import { readdirSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import type { BenchmarkComparison, ImplementationComparison, ScenarioComparison } from '../../src/analysis/bench/compare-implementations.ts'
import { cliFile, runCli } from '../support/cli.ts'
import { nodeMajor, repositoryRoot } from '../support/node-under-test.ts'
import { runNode, writeProject } from '../support/run-node.ts'

// Limits for what hangs, on a machine however busy.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 })

const WORK = `
const work = (n) => { let x = 1; for (let i = 0; i < n; i++) x = (x * 48271 + i) % 2147483647; return x }
const once = (input) => work(input.n)
const thrice = (input) => { work(input.n); work(input.n); return work(input.n) }
`
const RACE = `${WORK}
export const options = {
  // Short samples, many in a round: on a busy machine most of them run through, and the median of the round is one of these.
  name: 'race', rounds: 25, timeMs: 250, warmupMs: 10, batch: 2,
  implementations: { once, thrice },
  scenarios: { short: () => ({ n: 3000 }) },
}`
const RACE_MJS = `import { benchmark } from '@perf/agent/bench'\n${RACE}\nawait benchmark(options)`

/** Time that passes only where work is done, with some scatter: what is found of it does not depend on what else the machine does. */
const CLOCK = `
let now = 1000
let seed = 7
const scatter = () => ((seed = (seed * 48271) % 2147483647) / 2147483647 - 0.5) / 10
performance.now = () => (now += 0.00005)
exports.work = (n) => { now += (n / 1e6) * (1 + scatter()); return n }
`
const timed = (race: string): string => race.replace(/^const work = .*$/m, `import { work } from './clock.cjs'`)
const TIMED_RACE = { 'clock.cjs': CLOCK, 'race.bench.mjs': `import './clock.cjs'\n${timed(RACE_MJS)}` }

interface Output {
  benchmarks: BenchmarkComparison[]
  session: string | null
}

async function bench(cwd: string, ...args: string[]): Promise<{ code: number | null; output: Output; stderr: string }> {
  const { status, stdout, stderr } = await runNode([cliFile(), 'bench', ...args, '--json'], { cwd })
  return { code: status, output: JSON.parse(stdout) as Output, stderr }
}

const first = (output: Output): ScenarioComparison => output.benchmarks[0]?.scenarios[0] as ScenarioComparison
const named = (scenario: ScenarioComparison, name: string): ImplementationComparison =>
  scenario.implementations.find(({ implementation }) => implementation === name) as ImplementationComparison

it('finds that three times the work is slower, and records every sample as a span with its variant', async () => {
  const cwd = writeProject(TIMED_RACE)
  const { code, output, stderr } = await bench(cwd, 'race.bench.mjs')
  expect([code, stderr]).toEqual([0, ''])
  const scenario = first(output)
  expect(scenario).toMatchObject({ scenario: 'short', calls_per_sample: 2, copies_input: false, rejected: [] })
  expect(named(scenario, 'once')).toMatchObject({ is_baseline: true, rounds: 25, ratio: 1, verdict: null })
  expect(named(scenario, 'thrice')).toMatchObject({
    is_baseline: false,
    rounds: 25,
    verdict: 'slower',
    ratio: expect.closeTo(3, 1) as number,
  })
  const sql = `SELECT attributes->>'perf.bench.implementation' AS implementation, any_value(name) AS name, any_value(layer) AS layer, variant,
    sum((attributes->>'perf.bench.calls')::INT)::INT AS calls, count(DISTINCT attributes->>'perf.bench.round') AS rounds
    FROM spans GROUP BY implementation, variant ORDER BY implementation`
  const rows = JSON.parse((await runCli(['sql', sql, '--json'], { cwd })).stdout) as { variant: string }[]
  expect(rows).toMatchObject([
    { name: 'race: once on short', layer: 'function', calls: named(scenario, 'once').calls, rounds: 25 },
    { name: 'race: thrice on short', layer: 'function', calls: named(scenario, 'thrice').calls, rounds: 25 },
  ])
  const variants = JSON.parse(
    (await runCli(['sql', 'SELECT variant, name, source FROM variants ORDER BY name', '--json'], { cwd })).stdout,
  ) as object[]
  expect(variants).toEqual([
    { variant: rows[0]?.variant, name: 'once', source: '(input) => work(input.n)' },
    { variant: rows[1]?.variant, name: 'thrice', source: '(input) => { work(input.n); work(input.n); return work(input.n) }' },
  ])
})

it('exits with 1 when something is slower and that is not wanted', async () => {
  const cwd = writeProject(TIMED_RACE)
  expect(await runCli(['bench', 'race.bench.mjs', '--fail-on', 'slower', '--no-record'], { cwd })).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(
      /^race {2}Node v[\d.]+, seed 1\n\nshort {2}25 rounds, 2 calls per sample\nimplementation.*\nonce .*\nthrice .* slower /,
    ) as string,
    stderr: '',
  })
  expect(readdirSync(cwd)).not.toContain('.perf')
})

const OUTPUTS = `import { benchmark } from '@perf/agent/bench'
let timed = 0
process.on('exit', () => console.error('wrong was called', timed, 'times'))
await benchmark({
  name: 'outputs', rounds: 5, timeMs: 5, warmupMs: 1,
  implementations: {
    right: (list) => list.map((value) => ({ value })),
    later: async (list) => list.map((value) => ({ value })),
    wrong: (list) => (timed++, list.map((value, i) => ({ value: i === 3 ? -1 : value }))),
    throwing: () => { throw new RangeError('too short') },
  },
  scenarios: { short: () => [5, 6, 7, 8, 9] },
})`

it('does not time what gives another output or throws, and says where it differs first', async () => {
  const cwd = writeProject({ 'outputs.bench.mjs': OUTPUTS })
  const { code, output, stderr } = await bench(cwd, 'outputs.bench.mjs')
  expect([code, stderr]).toEqual([1, 'wrong was called 1 times\n'])
  expect(first(output).implementations.map(({ implementation }) => implementation)).toEqual(['right', 'later'])
  expect(first(output).rejected).toEqual([
    { name: 'wrong', status: 'wrong', path: '[3].value', expected: '8', actual: '-1' },
    { name: 'throwing', status: 'failed', error: 'RangeError: too short' },
  ])
  const text = (await runCli(['bench', 'outputs.bench.mjs'], { cwd })).stdout
  expect(text).toContain('wrong is not timed: gave another output at [3].value: -1 instead of 8\n')
  expect(text).toContain('throwing is not timed: threw RangeError: too short\n')
})

const SCENARIOS = `import { benchmark, scenario } from '@perf/agent/bench'
import { readFile } from 'node:fs/promises'
const quick = { rounds: 2, timeMs: 1, warmupMs: 0 }
await benchmark({ ...quick, name: 'all', implementations: { same: (input) => input }, scenarios: ['numbers', 'strings', 'arrays', 'objects', 'json', 'text'] })
await benchmark({ ...quick, name: 'files', implementations: { read: (files) => Promise.all(files.map((file) => readFile(file, 'utf8'))) }, scenarios: ['io'] })
await benchmark({ ...quick, name: 'own', implementations: { same: (input) => input }, scenarios: { few: scenario('numbers', { size: 3 }), dice: (random) => random.integer(1, 1e9) } })
`

it('gives the same data for the same seed, other data for another one, and leaves no files behind', async () => {
  const cwd = writeProject({ 'data.bench.mjs': SCENARIOS, 'tmp/.keep': '' })
  const fingerprints = async (...args: string[]): Promise<string[]> => {
    const env = { TMPDIR: path.join(cwd, 'tmp') }
    const { stdout } = await runCli(['bench', 'data.bench.mjs', '--no-record', '--json', ...args], { cwd, env })
    return (JSON.parse(stdout) as Output).benchmarks.flatMap(({ scenarios }) => scenarios.map(({ fingerprint }) => fingerprint))
  }
  const one = await fingerprints()
  expect(new Set(one).size).toBe(9)
  expect(await fingerprints('--seed', '1')).toEqual(one)
  const other = await fingerprints('--seed', 'x')
  expect(other.filter((fingerprint) => one.includes(fingerprint))).toEqual([])
  expect(readdirSync(path.join(cwd, 'tmp'))).toEqual(['.keep'])
})

const CHANGING = `import { benchmark } from '@perf/agent/bench'
const seen = []
const isSorted = (list) => list.every((value, i) => i === 0 || list[i - 1] <= value)
const { scenarios } = await benchmark({
  name: 'sort', rounds: 4, timeMs: 4, warmupMs: 1, print: 'nothing',
  implementations: {
    inPlace: (list) => (seen.push(isSorted(list)), list.sort((a, b) => a - b)),
    copy: (list) => (seen.push(isSorted(list)), list.toSorted((a, b) => a - b)),
  },
  scenarios: ['numbers'],
})
console.log(JSON.stringify([scenarios[0].copiesInput, new Set(seen).size, seen[0], seen.length >= 16]))`

it('gives each call its own copy of the input when an implementation changes it', async () => {
  const cwd = writeProject({ 'sort.mjs': CHANGING })
  expect(await runNode(['sort.mjs'], { cwd })).toMatchObject({ status: 0, stdout: '[true,1,false,true]\n', stderr: '' })
})

it('shares an input that cannot be copied, such as an instance of a class', async () => {
  const cwd = writeProject({
    'class.mjs': `import { benchmark } from '@perf/agent/bench'
class Counter { constructor() { this.n = 7 } get() { return this.n } }
const { scenarios } = await benchmark({ name: 'class', rounds: 2, timeMs: 1, print: 'nothing',
  implementations: { a: (counter) => counter.get(), b: (counter) => counter.n }, scenarios: { one: () => new Counter() } })
console.log(JSON.stringify([scenarios[0].copiesInput, scenarios[0].implementations.map(({ status }) => status)]))`,
  })
  expect((await runNode(['class.mjs'], { cwd })).stdout).toBe('[false,["timed","timed"]]\n')
})

const ALLOCATING = `import { benchmark } from '@perf/agent/bench'
await benchmark({ name: 'memory', rounds: 5, timeMs: 200, warmupMs: 50, batch: 20, print: 'json',
  implementations: { none: () => 1, much: () => (Array.from({ length: 20000 }, (_, i) => [i]), 1), collecting: () => (gc(), 1) }, scenarios: { any: () => 0 } })`

it('measures what a call allocates, and the garbage collections meanwhile', async () => {
  const cwd = writeProject({ 'memory.mjs': ALLOCATING })
  const { scenarios } = JSON.parse((await runNode(['--expose-gc', 'memory.mjs'], { cwd })).stdout) as BenchmarkComparison
  const [none, much, collecting] = scenarios[0]?.implementations ?? []
  expect(none?.allocated_bytes).toBeLessThan(1000)
  expect(much?.allocated_bytes === null || (much?.allocated_bytes ?? 0) > 300_000).toBe(true)
  expect(collecting?.collections).toBeGreaterThan(0)
  expect(collecting?.collection_share).toBeGreaterThan(0)
})

const NESTED = `import { benchmark } from '@perf/agent/bench'
import { step } from '@perf/agent/api'
await benchmark({
  name: 'nested', rounds: 3, timeMs: 3, warmupMs: 0, batch: 2,
  implementations: { one: async () => step('inside', async () => 1) },
  scenarios: { any: () => 0 },
})`

it('has what asynchronous code does within the span of its sample', async () => {
  const cwd = writeProject({ 'nested.mjs': NESTED })
  const { output } = await bench(cwd, 'nested.mjs')
  const sql = `SELECT p.layer, p.name, count(*)::INT AS n FROM spans s JOIN spans p ON s.parent_id = p.span_id WHERE s.name = 'inside' GROUP BY ALL`
  const rows = JSON.parse((await runCli(['sql', sql, '--json'], { cwd })).stdout) as object[]
  expect(rows).toEqual([{ layer: 'workflow', name: 'nested: one on any', n: named(first(output), 'one').calls }])
})

it('merges the samples of parallel processes and sums up their throughput', async () => {
  const cwd = writeProject({ 'race.bench.mjs': RACE_MJS })
  const { code, output } = await bench(cwd, 'race.bench.mjs', '--workers', '3', '--rounds', '4')
  expect(code).toBe(0)
  expect(output.benchmarks).toHaveLength(1)
  expect(output.benchmarks[0]?.processes).toBe(3)
  for (const row of first(output).implementations) {
    expect(row.rounds).toBe(12)
    expect(row.processes.map(({ rounds }) => rounds)).toEqual([4, 4, 4])
    expect(new Set(row.processes.map(({ pid }) => pid)).size).toBe(3)
    const sum = row.processes.reduce((total, part) => total + part.ops_per_second, 0)
    expect(row.ops_per_second).toBeCloseTo(sum, 6)
  }
  const sql = `SELECT count(DISTINCT process)::INT AS processes, sum((attributes->>'perf.bench.calls')::INT)::INT AS calls FROM spans`
  const calls = first(output).implementations.reduce((total, row) => total + row.calls, 0)
  expect(JSON.parse((await runCli(['sql', sql, '--json'], { cwd })).stdout)).toEqual([{ processes: 3, calls }])
})

describe('files', () => {
  const cjs = `const { benchmark } = require('@perf/agent/bench')\n${RACE.replace('export const', 'const')}\nvoid benchmark({ ...options, print: 'json' })`
  const ts = `import { benchmark, type BenchmarkOptions } from '@perf/agent/bench'
const length = (list: readonly number[]): number => list.length
const options: BenchmarkOptions<number[]> = { name: 'typed', implementations: { length }, scenarios: ['numbers'], rounds: 2, timeMs: 2 }
await benchmark(options)`

  it('run without the command, too, as CommonJS and ESM', async () => {
    const cwd = writeProject({ 'race.cjs': cjs, 'race.mjs': RACE_MJS })
    const { stdout, stderr, status } = await runNode(['race.cjs'], { cwd })
    expect([stderr, status]).toEqual(['', 0])
    expect((JSON.parse(stdout) as BenchmarkComparison).scenarios[0]?.implementations[1]?.verdict).toBeOneOf(['slower', 'not enough data'])
    expect((await runNode(['race.mjs'], { cwd })).stdout).toMatch(/\nthrice +[\d.]+us .* (slower|unclear) /)
  })

  it('in TypeScript run where Node strips types, else with tsx, else one sentence says what is missing', async () => {
    const cwd = writeProject({ 'typed.bench.ts': ts, 'package.json': '{"name":"program","type":"module"}' })
    const run = (): ReturnType<typeof runNode> => runNode([cliFile(), 'bench', 'typed.bench.ts'], { cwd })
    if (nodeMajor() < 22) {
      expect(await run()).toMatchObject({
        status: 2,
        stdout: '',
        stderr: expect.stringMatching(
          /^perf-agent: Node v20\.[\d.]+ does not run TypeScript \(typed\.bench\.ts\): .* install tsx.*\n$/,
        ) as string,
      })
      symlinkSync(path.join(repositoryRoot, 'node_modules', 'tsx'), path.join(cwd, 'node_modules', 'tsx'), 'dir')
    }
    expect(await run()).toMatchObject({ status: 0, stdout: expect.stringMatching(/^typed {2}Node v\d/) as string, stderr: '' })
  })

  it('that fail, call nothing or are not there are said in one sentence', async () => {
    const cwd = writeProject({
      'broken.mjs': `throw new TypeError('no such thing')`,
      'empty.mjs': '',
      'name.mjs': `import { benchmark } from '@perf/agent/bench'\nawait benchmark({ name: 'x', implementations: { a: () => 1 }, scenarios: ['nombers'] })`,
    })
    const run = async (...args: string[]): Promise<[number | null, string]> => {
      const { code, stderr } = await runCli(['bench', '--no-record', ...args], { cwd })
      return [code, stderr.trimEnd().split('\n').at(-1) ?? '']
    }
    expect(await run('broken.mjs')).toEqual([1, "perf-agent: 'broken.mjs' ended with code 1."])
    expect(await run('empty.mjs')).toEqual([2, 'perf-agent: empty.mjs ran no benchmark: it must call benchmark() of @perf/agent/bench.'])
    expect(await run('absent.mjs')).toEqual([
      2,
      'perf-agent: There is no file absent.mjs; a command is benchmarked as: perf-agent bench -- <command>.',
    ])
    expect((await run('name.mjs'))[0]).toBe(1)
    expect((await run())[0]).toBe(2)
    expect((await run('broken.mjs', '--a', 'x'))[0]).toBe(2)
    expect((await run('empty.mjs', '--rounds', 'many'))[0]).toBe(2)
  })
})
