import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { cliFile, runCli } from '../support/cli.ts'
import { generateSession, serviceBlocks } from '../support/generate-session.ts'
import { runNode, writeProject } from '../support/run-node.ts'

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(path.join(os.tmpdir(), 'perf-config-'))
})
afterEach(() => rmSync(cwd, { recursive: true, force: true }))

const writeSettings = (settings: object): void => writeFileSync(path.join(cwd, 'perf.config.json'), JSON.stringify({ settings }))
const shown = async (name: string, env: NodeJS.ProcessEnv): Promise<unknown> => {
  const { stdout } = await runCli(['config', '--json'], { cwd, env })
  const { settings } = JSON.parse(stdout) as { settings: { name: string; value: string; source: string }[] }
  const setting = settings.find((one) => one.name === name)
  return [setting?.value, setting?.source]
}

it('the environment wins over perf.config.json, also under the name of OpenTelemetry', async () => {
  writeSettings({ PERF_SERVICE: 'of-the-file' })
  const environments: [NodeJS.ProcessEnv, string, string][] = [
    [{}, 'of-the-file', 'perf.config.json'],
    [{ OTEL_SERVICE_NAME: 'of-otel' }, 'of-otel', 'OTEL_SERVICE_NAME'],
    [{ OTEL_SERVICE_NAME: 'of-otel', PERF_SERVICE: 'of-perf' }, 'of-perf', 'set'],
  ]
  for (const [env, value, source] of environments) {
    expect(readConfig(env, cwd).service).toBe(value)
    expect(await shown('PERF_SERVICE', env)).toEqual([value, source])
  }
})

it('what OpenTelemetry calls the same is honoured where nothing else is said', async () => {
  const read = (env: NodeJS.ProcessEnv) => {
    const { service, sample, log, warnings } = readConfig(env, cwd)
    return { service, sample, log, warnings }
  }
  const standard = { service: '', sample: 1, log: 'warn', warnings: [] }
  const cases: [NodeJS.ProcessEnv, object][] = [
    [{ OTEL_SERVICE_NAME: '', OTEL_TRACES_SAMPLER: '', OTEL_LOG_LEVEL: '' }, {}],
    [{ OTEL_RESOURCE_ATTRIBUTES: 'team=a%2Cb, service.name=the%20shop' }, { service: 'the shop' }],
    [{ OTEL_RESOURCE_ATTRIBUTES: 'service.name=shop,team=%' }, {}],
    [{ OTEL_RESOURCE_ATTRIBUTES: 'service.name=shop', OTEL_SERVICE_NAME: 'of-otel' }, { service: 'of-otel' }],
    [{ OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' }, { sample: 0.25 }],
    [{ OTEL_TRACES_SAMPLER: 'traceidratio' }, {}],
    [{ OTEL_TRACES_SAMPLER: 'always_off' }, { sample: 0 }],
    [{ OTEL_TRACES_SAMPLER: 'always_off', PERF_SAMPLE: '0.5' }, { sample: 0.5 }],
    [{ OTEL_TRACES_SAMPLER: 'jaeger_remote' }, { warnings: ['OTEL_TRACES_SAMPLER=jaeger_remote is not a number from 0 to 1; using 1.'] }],
    [{ OTEL_LOG_LEVEL: 'NONE' }, { log: 'silent' }],
    [{ OTEL_LOG_LEVEL: 'verbose' }, { log: 'debug' }],
  ]
  for (const [env, expected] of cases) expect([env, read(env)]).toEqual([env, { ...standard, ...expected }])
  expect(await shown('PERF_SAMPLE', { OTEL_TRACES_SAMPLER: 'always_off' })).toEqual(['0', 'OTEL_TRACES_SAMPLER'])
})

it('the overview of the commands fits in 80 columns', async () => {
  const { stdout } = await runCli(['--help'], { cwd })
  expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
  expect(stdout).toMatch(/\n {2}what-if <spans and change\.\.\.> +\S/)
})

it('PERF_ROOT is where perf.config.json and relative paths are looked for', async () => {
  writeSettings({ PERF_DIR: 'kept' })
  expect(readConfig({ PERF_ROOT: cwd }, '/elsewhere')).toMatchObject({ root: cwd, dir: path.join(cwd, 'kept') })
  expect(readConfig({}, '/elsewhere')).toMatchObject({ root: '/elsewhere', dir: '/elsewhere/.perf' })
  const ofChild = (own: string): string => readConfig({ PERF_ROOT: own }, '/elsewhere', '/of/parent').root
  expect(['', 'relative', '/other'].map(ofChild)).toEqual(['/of/parent', '/of/parent', '/other'])
})

it('what the recorder takes from perf.config.json is no mistake for the commands', async () => {
  const settings = { PERF_TOOLS: 'src/**', PERF_SAMPLE: '0.5', PERF_METRICS: 'off', PERF_REDACT: ['a', 'b'], PERF_STALLS: false }
  writeSettings(settings)
  const config = readConfig({}, cwd)
  expect(config).toMatchObject({ tools: 'src/**', sample: 0.5, metrics: false, redact: ['a', 'b'], stalls: 0, warnings: [] })
  expect(await runCli(['audit', '--json'], { cwd })).toMatchObject({ code: 2, stderr: expect.stringContaining('No session') as string })
})

it('says what to do where DuckDB cannot work', async () => {
  const dir = path.join(cwd, 'what?')
  await generateSession({ dir, name: 'session', instances: [{ blocks: serviceBlocks(2) }] })
  const refused = await runCli(['report', '--dir', dir])
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('Move the sessions to another folder') as string })
  renameSync(dir, path.join(cwd, 'what'))
  expect(await runCli(['report', '--dir', path.join(cwd, 'what')])).toMatchObject({ code: 0, stderr: '' })
})

it('names that nothing has, and exporters that are not there, are one line each, and the app runs', async () => {
  const env = { PERF_DISABLE: 'expres,pg', PERF_OPT_IN: 'fs', PERF_EXPORT: 'otlp' }
  const ran = await runNode(['--import', '@perf/agent', 'app.cjs'], { cwd: writeProject({ 'app.cjs': `console.log('runs')` }), env })
  expect([ran.status, ran.stdout, ran.stderr.trim().split('\n')]).toEqual([
    0,
    'runs\n',
    [
      '[perf-agent] PERF_EXPORT is not used: no exporter is built in yet.',
      '[perf-agent] PERF_DISABLE: there is no integration "expres" (docs/integrations.md lists them).',
    ],
  ])
})

const STARTS = `
const { execFileSync, fork, spawnSync } = require('node:child_process')
const { once } = require('node:events')
const { Worker } = require('node:worker_threads')
const own = { ...process.env, PERF_CPU: 'seldom' }
async function main() {
  if (process.argv[2] === 'child') return
  await once(fork(__filename, ['child']), 'exit')
  await once(new Worker('', { eval: true }), 'exit')
  if (process.argv[2] === 'own') spawnSync(process.execPath, [...process.execArgv, __filename, 'child'], { env: own, stdio: 'inherit' })
  execFileSync(process.execPath, [...process.execArgv, __filename, 'child'], { stdio: 'inherit' })
}
void main()`
const WRONG = { PERF_CPU: 'often', PERF_TOOLS: '#x', PERF_TRIGGERS: 'nonsense', PERF_DISABLE: 'expres' }
const linesOf = (stderr: string): string[] => stderr.trim().split('\n').map((line) => line.replace(/ is not.*|: .*/, '')) // prettier-ignore
const SAID = ['[perf-agent] PERF_CPU=often', '[perf-agent] PERF_DISABLE', '[perf-agent] PERF_TOOLS', '[perf-agent] PERF_TRIGGERS']

it('what is wrong with the settings is said once in a run, children and threads included', async () => {
  const project = writeProject({ 'app.cjs': STARTS, 'empty.cjs': '' })
  const { stderr } = await runNode(['--import', '@perf/agent', 'app.cjs'], { cwd: project, env: WRONG })
  expect(linesOf(stderr).sort()).toEqual(SAID)
  const command = ['run', '--', 'sh', '-c', 'node app.cjs; node empty.cjs; node app.cjs']
  const behindShell = await runCli(command, { cwd: project, env: WRONG })
  expect(linesOf(behindShell.stderr).sort()).toEqual(SAID)
})

it('a child whose settings are others says what is wrong with them', async () => {
  const project = writeProject({ 'app.cjs': STARTS })
  const { stderr } = await runNode(['--import', '@perf/agent', 'app.cjs', 'own'], { cwd: project, env: { PERF_CPU: 'often' } })
  expect(linesOf(stderr)).toEqual(['[perf-agent] PERF_CPU=often', '[perf-agent] PERF_CPU=seldom'])
})

it('explains every setting in 80 columns', async () => {
  const config = [
    '-e',
    `process.stdout.isTTY = true; process.stdout.columns = 80; process.argv.splice(1, 0, 'cli'); import(${JSON.stringify(pathToFileURL(cliFile()).href)})`,
    'config',
  ]
  const { stdout } = await runNode(config, { cwd, env: { NO_COLOR: '1', TERM: 'dumb' } })
  expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
  expect(stdout.replace(/\s+/g, ' ')).toContain('Where sessions are kept; relative to the working directory. PERF_ROOT')
})
