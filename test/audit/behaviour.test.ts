import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { installedModules } from '../../scripts/install-versions.mjs'
import { runCli, type CliResult } from '../support/cli.ts'
import { repositoryRoot } from '../support/node-under-test.ts'

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(path.join(os.tmpdir(), 'perf-behaviour-'))
  write('package.json', '{"name":"shop","scripts":{"test":"vitest run","slow":"vitest run && true"}}')
})
afterEach(() => rmSync(cwd, { recursive: true, force: true }))

function write(name: string, text: string): void {
  mkdirSync(path.dirname(path.join(cwd, name)), { recursive: true })
  writeFileSync(path.join(cwd, name), text)
}

interface Run {
  code: number | null
  results?: { framework: string; tests: { name: string; outcome: string }[]; isNamed: boolean }
}
interface Json {
  session: string
  rejected: boolean
  behaviour: { without: Run[]; recorded: Run; differences: { what: string; without: string; with: string }[]; flaky: { what: string }[] }
}

const audit = (...args: string[]): Promise<CliResult> => runCli(['audit', ...args], { cwd })
async function auditJson(...args: string[]): Promise<Json & { code: number | null }> {
  const { stdout, code, stderr } = await audit('--json', '--quiet', ...args)
  try {
    return { ...(JSON.parse(stdout) as Json), code }
  } catch {
    throw new Error(`no JSON: ${stdout}\n${stderr}`)
  }
}
const outcomes = ({ behaviour }: Json): unknown[] => [
  behaviour.recorded.results?.framework,
  ...(behaviour.recorded.results?.tests ?? []).map(({ name, outcome }) => `${outcome} ${name}`).sort(),
]
const link = (modules: string): void => symlinkSync(modules, path.join(cwd, 'node_modules'), 'dir')

const NODE_TEST = `
const { describe, it, test } = require('node:test')
describe('sums', () => {
  it('adds', () => {})
  it('waits', { skip: true }, () => {})
  describe('of many', () => { it('adds', () => {}) })
})
test('has parts', async (t) => { await t.test('one', () => {}) })
test('one day', { todo: true }, () => {})
`
const NAMES = ['pass has parts > one', 'pass sums > adds', 'pass sums > of many > adds', 'skip one day', 'skip sums > waits']

/** A test file for runners with global describe and it, whose last test fails under an agent. */
const GLOBALS = `
describe('sums', () => {
  it('adds', () => {})
  it.skip('waits', () => {})
  it('sees no agent', () => { if ((process.env.NODE_OPTIONS ?? '').includes('register')) throw new Error('seen') })
})
`

describe('audit -- <command>', () => {
  it('accepts a recording whose tests of node:test ended the same, whatever the reporter', async () => {
    write('a.test.cjs', NODE_TEST)
    const spec = await auditJson('--', process.execPath, '--test', '--test-reporter=spec', 'a.test.cjs')
    expect(spec).toMatchObject({ code: 0, rejected: false, behaviour: { differences: [], flaky: [] } })
    expect(outcomes(spec)).toEqual(['node:test', ...NAMES])
    const tap = await auditJson('--', process.execPath, '--test', '--test-reporter=tap', 'a.test.cjs')
    expect(outcomes(tap)).toEqual(['TAP', ...NAMES])
    // The session is there, and is that of the run.
    const rows = JSON.parse((await runCli(['sessions', '--json'], { cwd })).stdout) as { session: string; tags: string[] }[]
    expect(rows.map(({ session }) => session)).toContain(tap.session)
    expect(rows.flatMap(({ tags }) => tags)).toEqual([])
  })

  it('compares the tests of vitest by name, through its own JSON reporter and from its output', async () => {
    link(path.join(repositoryRoot, 'node_modules'))
    const test = `import { describe, it } from 'vitest'\n${GLOBALS.replace("includes('register')", 'includes(process.env.AGENT_MARK)')}`
    write('a.test.mjs', test)
    const names = ['pass a.test.mjs > sums > adds', 'pass a.test.mjs > sums > sees no agent', 'skip a.test.mjs > sums > waits']
    const environment = { cwd, env: { AGENT_MARK: 'never' } }
    const run = async (...args: string[]): Promise<Json> => JSON.parse((await runCli(['audit', '--json', '--quiet', ...args], environment)).stdout) as Json // prettier-ignore
    expect(outcomes(await run('--', 'npm', 'test'))).toEqual(['vitest', ...names])
    expect(outcomes(await run('--', 'npx', 'vitest', 'run', '--reporter=verbose'))).toEqual(['vitest', ...names])
    // A script that is more than the runner is not touched: its output counts tests by file.
    const counted = await run('--', 'npm', 'run', 'slow')
    expect(outcomes(counted)).toEqual(['vitest', 'pass a.test.mjs', 'pass a.test.mjs', 'skip a.test.mjs'])
    expect(counted.behaviour.recorded.results?.isNamed).toBe(false)

    const rejected = JSON.parse((await runCli(['audit', '--json', '--quiet', '--', 'npm', 'run', 'slow'], { cwd, env: { AGENT_MARK: 'register' } })).stdout) as Json // prettier-ignore
    expect(rejected).toMatchObject({ rejected: true })
    expect(rejected.behaviour.differences).toEqual([
      { what: 'exit code', without: '0', with: '1' },
      { what: 'a.test.mjs', without: '2 passed, 1 skipped', with: '1 passed, 1 failed, 1 skipped' },
      { what: 'a.test.mjs > sums > sees no agent', without: 'not there', with: 'failed' },
    ])
  })

  it('rejects a recording whose mocha or jest tests see the agent, and says which', async () => {
    write('a.test.cjs', GLOBALS)
    link(installedModules('mocha@11.7.5'))
    const mocha = await auditJson('--', 'npx', 'mocha', 'a.test.cjs')
    expect(mocha).toMatchObject({ code: 1, rejected: true })
    expect(outcomes(mocha)).toEqual(['mocha', 'fail sums > sees no agent', 'pass sums > adds', 'skip sums > waits'])
    expect(mocha.behaviour.differences).toEqual([
      { what: 'exit code', without: '0', with: '1' },
      { what: 'sums > sees no agent', without: 'passed', with: 'failed' },
    ])
    rmSync(path.join(cwd, 'node_modules'))
    link(installedModules('jest@30.2.0'))
    const jest = await auditJson('--', 'npx', 'jest', '--testMatch', '**/*.test.cjs')
    expect(outcomes(jest)).toEqual([
      'jest',
      'fail a.test.cjs > sums > sees no agent',
      'pass a.test.cjs > sums > adds',
      'skip a.test.cjs > sums > waits',
    ])
    expect(jest.behaviour.differences).toHaveLength(2)
    write('b.test.cjs', GLOBALS)
    // Several files: jest names only what failed.
    const files = await auditJson('--', 'npx', 'jest', '--reporters=default', '--testMatch', '**/*.test.cjs')
    expect(files.behaviour.differences.map(({ what }) => what)).toEqual(
      expect.arrayContaining(['exit code', 'b.test.cjs > sums › sees no agent', 'tests in total']),
    )
  })

  it('marks a rejected session, says what differs, and keeps it out of what is learned and audited', async () => {
    write('app.cjs', `console.log('1..1'); console.log(process.env.NODE_OPTIONS ? 'not ok 1 - bare' : 'ok 1 - bare')`)
    const { stdout, stderr, code } = await audit('--', 'node', 'app.cjs')
    expect(code).toBe(1)
    expect(stdout).toContain('not ok 1 - bare')
    expect(stderr).toContain('perf-agent: run 1 of 2, without the agent\nperf-agent: run 2 of 2, with the agent\n')
    expect(stdout).toMatch(/Rejected: .*\n {2}bare\n {4}without: passed; with: failed\n/)
    const [session] = JSON.parse((await runCli(['sessions', '--json'], { cwd })).stdout) as { tags: string[] }[]
    expect(session?.tags).toEqual(['audit-rejected'])
    expect(await audit()).toMatchObject({ code: 1, stdout: expect.stringContaining('rejected') as string })
    expect(JSON.parse((await audit('--learn', '--json')).stdout)).toMatchObject({ sessions: 0 })
  })

  it('tells flaky tests from what the agent changes', async () => {
    // Each run ends differently: the first passes, the second fails, …
    write(
      'app.cjs',
      `const fs = require('node:fs'); fs.appendFileSync('runs', 'x'); const run = fs.readFileSync('runs').length
console.log('TAP version 13\\n1..2'); console.log((run % 2 ? 'ok' : 'not ok') + ' 1 - flaky'); console.log('ok 2 - steady'); setTimeout(() => {}, 500)`,
    )
    const once = await auditJson('--', 'node', 'app.cjs')
    expect(once).toMatchObject({ rejected: true, behaviour: { differences: [{ what: 'flaky' }], flaky: [] } })
    rmSync(path.join(cwd, 'runs'))
    const twice = await auditJson('--baseline-runs', '2', '--', 'node', 'app.cjs')
    expect(twice).toMatchObject({
      rejected: false,
      behaviour: { differences: [], flaky: [{ what: 'flaky', without: 'passed', with: 'failed' }] },
    })
    expect(twice.behaviour.without).toHaveLength(2)
    rmSync(path.join(cwd, 'runs'))
    expect((await audit('--quiet', '--baseline-runs', '2', '--', 'node', 'app.cjs')).stdout).toContain('flaky: passed, then failed')
  })

  it('reads the results of a reporter from files', async () => {
    const junit = (failed: boolean): string =>
      `<testsuites><testsuite name="s"><testcase classname="Cart" name="adds &amp; sums"/>${failed ? '<testcase classname="Cart" name="x"><failure/></testcase>' : '<testcase classname="Cart" name="x"/>'}<testcase name="later"><skipped/></testcase></testsuite></testsuites>`
    write(
      'app.cjs',
      `require('node:fs').writeFileSync('out.xml', process.env.NODE_OPTIONS ? ${JSON.stringify(junit(true))} : ${JSON.stringify(junit(false))})`,
    )
    const run = await auditJson('--results', 'out.xml', '--', 'node', 'app.cjs')
    expect(run.behaviour.without[0]?.results?.tests).toEqual([
      { name: 'Cart > adds & sums', outcome: 'pass' },
      { name: 'Cart > x', outcome: 'pass' },
      { name: 'later', outcome: 'skip' },
    ])
    expect(run.behaviour.differences).toEqual([{ what: 'Cart > x', without: 'passed', with: 'failed' }])
    // A file that is left from before is not a result.
    write('idle.cjs', '')
    expect(await audit('--quiet', '--results', 'out.xml', '--', 'node', 'idle.cjs')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('perf-agent: The command did not write out.xml.\n') as string,
    })
  })

  it('without tests compares the exit code; a command that fails by itself fails the audit, not the recording', async () => {
    write('app.cjs', 'process.exitCode = 3; setTimeout(() => {}, 500)')
    const run = await audit('--', 'node', 'app.cjs')
    expect(run.code).toBe(1)
    expect(run.stdout).toContain('no test results were recognised')
    expect(run.stdout).toContain('fails, without the agent, too')
    expect(run.stdout).not.toContain('Rejected')
    write('other.cjs', 'process.exitCode = process.execArgv.length + (process.env.NODE_OPTIONS ? 4 : 0)')
    expect((await auditJson('--', 'node', 'other.cjs')).behaviour.differences).toEqual([{ what: 'exit code', without: '0', with: '4' }])
    write('killed.cjs', `setTimeout(() => process.kill(process.pid, 'SIGKILL'), 500)`)
    expect(await auditJson('--', 'node', 'killed.cjs')).toMatchObject({
      code: 1,
      rejected: false,
      behaviour: { recorded: { signal: 'SIGKILL' } },
    })
  })

  it('says in one sentence when there is nothing to record', async () => {
    const none = await audit('--quiet', '--', 'true')
    expect(none.code).toBe(2)
    expect(none.stdout).toContain('with the agent     exit 0')
    expect(none.stderr).toContain("perf-agent: Nothing was recorded while 'true' ran: ")
    expect((await audit('--', 'no-such-program')).stderr).toContain("There is no program 'no-such-program'")
    expect((await runCli(['sessions', '--json'], { cwd })).stdout.trim()).toBe('[]')
  })

  it('gives both runs the same input and only the second one the agent', async () => {
    write(
      'app.cjs',
      `process.stdin.resume().on('end', () => console.log('TAP version 13\\nok 1 - ' + (process.env.PERF_SESSION ? 'recorded' : 'bare')))`,
    )
    const run = await runCli(['audit', '--json', '--quiet', '--', 'node', 'app.cjs'], { cwd, input: 'text' })
    expect((JSON.parse(run.stdout) as Json).behaviour.differences).toEqual([
      { what: 'bare', without: 'passed', with: 'not there' },
      { what: 'recorded', without: 'not there', with: 'passed' },
    ])
  })

  it('does not run the command again when it was interrupted', async () => {
    write('waits.cjs', "require('fs').appendFileSync('runs', 'x'); console.log('waiting'); setInterval(() => {}, 1000)")
    const { code, stderr } = await runCli(['audit', '--', process.execPath, 'waits.cjs'], {
      cwd,
      onStart: (child) => child.stdout?.once('data', () => child.kill('SIGINT')),
    })
    expect([code, stderr]).toEqual([130, expect.stringContaining('Interrupted by SIGINT; nothing is compared.') as string])
    expect(readFileSync(path.join(cwd, 'runs'), 'utf8')).toBe('x')
  })

  it('does not wait for what the command leaves running', async () => {
    const leaving = `const child = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit', detached: true, env: {} })
      require('fs').appendFileSync('left', child.pid + ' '); child.unref(); console.log('done')`
    write('leaves.cjs', leaving)
    const left = (): number[] => readFileSync(path.join(cwd, 'left'), 'utf8').trim().split(' ').map(Number)
    const { code, stdout } = await audit('--', process.execPath, 'leaves.cjs').finally(() => left().map((pid) => process.kill(pid)))
    expect([code, stdout]).toEqual([0, expect.stringMatching(/done\n[^]*done\n[^]*passed/) as string])
  })
})
