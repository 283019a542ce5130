import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Candidate } from '../../src/analysis/queue/candidate.ts'
import { isAlive } from '../../src/store/process-identity.ts'
import { cliFile, runCli, type CliResult } from '../support/cli.ts'
import { repositoryRoot } from '../support/node-under-test.ts'
import { FAST, fingerprint, git, slowProject } from '../support/slow-project.ts'
import { waitFor } from '../support/wait-for.ts'

// Limits for what hangs, on a machine however busy.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 })

let root: string
let id: string
let untouched: Record<string, string>

/** A program that changes the slow tool, outside the project. */
const optimiser = (code: string): string => {
  const file = path.join(os.tmpdir(), `perf-optimiser-${process.pid}-${Math.random().toString(16).slice(2)}.mjs`)
  writeFileSync(
    file,
    `import fs from 'node:fs'\nconst file = 'src/tools/load.js'\nconst edit = (from, to) => fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace(from, to))\n${code}`,
  )
  onTestFinished(() => rmSync(file, { force: true }))
  return file
}
const edit = (from: string, to: string): string => `edit(${JSON.stringify(from)}, ${JSON.stringify(to)})\n`
const optimize = (code: string, ...options: string[]): Promise<CliResult> =>
  runCli(['optimize', id, '--rounds', '5', ...options, '--', process.execPath, optimiser(code)], { cwd: root })
const lastEntry = async (): Promise<Candidate['history'][number] | undefined> => {
  const { stdout } = await runCli(['queue', 'show', id, '--json', '--no-refresh'], { cwd: root })
  return (JSON.parse(stdout) as Candidate).history.at(-1)
}

async function record(folder: string): Promise<string> {
  expect(await runCli(['run', '--tools', 'src/tools/**#*', 'app.js'], { cwd: folder })).toMatchObject({ code: 0 })
  const { stdout } = await runCli(['queue', '--json', '--limit', '100'], { cwd: folder })
  const { candidates } = JSON.parse(stdout) as { candidates: Candidate[] }
  return candidates.find(({ kind }) => kind === 'n-plus-one')?.id ?? ''
}

describe('perf-agent optimize, in a git repository with unfinished work', () => {
  // A folder for temporary files of its own: another run of these tests may be under way.
  let temporary: string
  beforeAll(async () => {
    temporary = mkdtempSync(path.join(os.tmpdir(), 'perf-tests-'))
    process.env['TMPDIR'] = temporary
    root = slowProject()
    id = await record(root)
  })
  afterAll(() => {
    rmSync(root, { recursive: true, force: true })
    expect(readdirSync(temporary).filter((name) => name.startsWith('perf-optimize-'))).toEqual([])
    delete process.env['TMPDIR']
    rmSync(temporary, { recursive: true })
  })
  beforeEach(() => {
    untouched = fingerprint(root)
  })

  it('hands over a packet that its schema describes, or as markdown', async () => {
    const { code, stdout } = await runCli(['optimize', id, '--packet', '--format', 'json'], { cwd: root })
    expect(code).toBe(0)
    const packet = JSON.parse(stdout) as Record<string, unknown>
    const validate = new Ajv2020({ strict: false }).compile(
      JSON.parse(readFileSync(path.join(repositoryRoot, 'docs/packet.schema.json'), 'utf8')) as object,
    )
    expect(validate(packet), JSON.stringify(validate.errors)).toBe(true)
    expect(packet).toMatchObject({
      tests: 'npm test', benchmark: { rounds: 10, command: expect.stringContaining('app.js') as string },
      code: expect.arrayContaining([expect.objectContaining({ name: 'loadAll', file: 'src/tools/load.js', line: 8, is_current: true })]) as unknown,
      callers: [{ callee: 'fetchOne', layer: 'tool', name: 'loadAll', file: 'src/tools/load.js', line: 8, calls: 120 }],
    }) // prettier-ignore
    expect((packet['traces'] as { rows: unknown[] }[]).map(({ rows }) => rows.length)).toEqual([2, 2, 2])
    const markdown = (await runCli(['optimize', id, '--packet'], { cwd: root })).stdout
    for (const part of [
      '## What to do',
      'src/tools/load.js:8',
      'for (const id of ids)',
      '## Slowest traces',
      '×40',
      '## Constraints',
      'npm test',
    ])
      expect(markdown).toContain(part)
  })

  it('keeps a change that is faster, and nothing else of what the command, the tests and the benchmark did', async () => {
    const result = await optimize(
      `import { execSync } from 'node:child_process'\nlet packet = ''\nfor await (const part of process.stdin) packet += part\n` +
        `if (!packet.includes('for (const id of ids)')) process.exit(9)\n${edit(...FAST)}execSync('git add -A && git -c user.name=a -c user.email=a@b commit -qm no && git stash clear')\n`,
    )
    expect([result.code, result.stdout]).toEqual([
      0,
      expect.stringMatching(/^kept +loadAll: median \d+ ms → \d+(\.\d+)? ms \(-\d\d %\), p (<|=) 0\.0/),
    ])
    const changed = fingerprint(root)
    expect(Object.keys(changed).filter((file) => changed[file] !== untouched[file])).toEqual(['src/tools/load.js'])
    expect(Object.keys(changed)).toEqual(expect.arrayContaining(Object.keys(untouched)))
    expect(readFileSync(path.join(root, 'src/tools/load.js'), 'utf8')).toContain(FAST[1])
    expect(await lastEntry()).toMatchObject({ event: 'kept', text: expect.stringContaining('loadAll: median') as string })
    git(root, 'checkout', '-q', '--', 'src/tools/load.js')
  })

  const rejected = async (code: string, reason: RegExp, ...options: string[]): Promise<CliResult> => {
    const result = await optimize(code, ...options)
    expect([result.code, result.stdout]).toEqual([1, expect.stringMatching(/^rejected/)])
    expect(result.stdout).toMatch(reason)
    expect(fingerprint(root)).toEqual(untouched)
    expect(existsSync(path.join(root, '.perf/optimize.json'))).toBe(false)
    return result
  }

  it('leaves nothing committed in a repository within the project either', async () => {
    const inner = path.join(root, 'ignored/inner')
    mkdirSync(inner)
    writeFileSync(path.join(inner, 'file.txt'), 'as it was\n')
    git(inner, 'init', '-q', '-b', 'main')
    git(inner, 'add', '-A')
    git(inner, 'commit', '-qm', 'first')
    onTestFinished(() => rmSync(inner, { recursive: true, force: true }))
    const head = git(inner, 'rev-parse', 'HEAD')
    const commit = `import { execSync } from 'node:child_process'\nfs.writeFileSync('ignored/inner/file.txt', 'changed')\nexecSync('git -c user.name=a -c user.email=a@b commit -qam no', { cwd: 'ignored/inner' })\n`
    const kept = await optimize(`${edit(...FAST)}${commit}`)
    expect(kept).toMatchObject({ code: 0, stdout: expect.stringMatching(/^kept/) as string })
    expect(kept.stdout).not.toContain('.git/')
    expect(git(inner, 'rev-parse', 'HEAD')).toBe(head)
    expect(git(inner, 'status', '--porcelain')).toBe(' M file.txt\n')
    git(root, 'checkout', '-q', '--', 'src/tools/load.js')
    git(inner, 'checkout', '-q', '--', '.')
    const none = await optimize(`import { execSync } from 'node:child_process'\nexecSync('git -c user.name=a -c user.email=a@b commit -q --allow-empty -m no', { cwd: 'ignored/inner' })\n`) // prettier-ignore
    expect(none).toMatchObject({ code: 1, stdout: expect.stringContaining('no change') as string })
    expect(git(inner, 'rev-parse', 'HEAD')).toBe(head)
    const gone = await optimize(`fs.rmSync('ignored/inner', { recursive: true })\nprocess.exit(3)`)
    expect(gone).toMatchObject({ code: 1, stdout: expect.stringMatching(/^rejected +the command failed \(exit code 3\)/) as string })
    expect([git(inner, 'rev-parse', 'HEAD'), git(inner, 'status', '--porcelain')]).toEqual([head, ''])
    expect(git(inner, 'log', '--format=%s')).toBe('first\n')
  })

  it('rejects one that is slower', async () => {
    const { stdout } = await rejected(`${edit('sleep(5)', 'sleep(12)')}fs.rmSync('kept.txt')\nfs.mkdirSync('new/folder', { recursive: true })\nfs.chmodSync('untracked/new.sh', 0o600)\n`, /loadAll: .*median \d+ ms\s+→\s+\d+ ms\s+\(\+\d+\s+%\)/) // prettier-ignore
    expect(await lastEntry()).toMatchObject({ event: 'rejected' })
    const [, folder = ''] = /What was rejected: (\S+)/.exec(stdout) ?? []
    expect(readFileSync(path.join(folder, 'src/tools/load.js'), 'utf8')).toContain('sleep(12)')
  })

  it('rejects one that breaks the tests', () => rejected(edit('id * 2', 'id * 3'), /the tests fail with the change: .*wrong: 3,6/))
  it('rejects one that breaks the benchmark only', () =>
    rejected(
      `fs.writeFileSync('app.js', "throw new Error('broken')")`,
      /the benchmark: it fails \(exit code 1\) with the change: Error:\s+broken/,
    ))
  it('rejects no change', () => rejected('', /no change/))
  it('rejects what a failing command did', () =>
    rejected(`${edit(...FAST)}process.exit(3)`, /the command failed \(exit code 3\)/, '--timeout', '1000h'))
  it('rejects what a hanging command did', () =>
    rejected(
      `${edit(...FAST)}process.on('SIGTERM', () => {})\nsetInterval(() => {}, 1000)`,
      /did not end in time/,
      '--timeout',
      '5s',
      '--no-test',
    ))

  const waiting = `${edit(...FAST)}fs.writeFileSync('started', '')\nsetInterval(() => {}, 1000)`

  it('puts everything back on Ctrl-C', async () => {
    const child = spawn(process.execPath, [cliFile(), 'optimize', id, '--no-test', '--', process.execPath, optimiser(waiting)], {
      cwd: root,
      stdio: 'ignore',
    })
    await waitFor('the command', () => existsSync(path.join(root, 'started')))
    child.kill('SIGINT')
    expect(await once(child, 'exit')).toEqual([130, null])
    expect(fingerprint(root)).toEqual(untouched)
  })

  it('puts everything back where nobody reads what it says', async () => {
    const code = `${edit(...FAST)}for (let i = 0; i < 20; i++) { console.log('a line'); await new Promise((r) => setTimeout(r, 50)) }\nprocess.exit(1)`
    const child = spawn(process.execPath, [cliFile(), 'optimize', id, '--no-test', '--', process.execPath, optimiser(code)], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child.stderr.destroy()
    expect(await once(child, 'exit')).toEqual([1, null])
    expect(fingerprint(root)).toEqual(untouched)
    expect(existsSync(path.join(root, '.perf/optimize.json'))).toBe(false)
    expect(await lastEntry()).toMatchObject({ event: 'rejected', text: expect.stringContaining('exit code 1') as string })
  })

  it('puts everything back after it was killed itself', async () => {
    const child = spawn(process.execPath, [cliFile(), 'optimize', id, '--no-test', '--', process.execPath, optimiser(`fs.writeFileSync('pid', String(process.pid))\n${waiting}`)], { cwd: root, stdio: 'ignore' }) // prettier-ignore
    await waitFor('the command', () => existsSync(path.join(root, 'started')))
    expect(await runCli(['optimize', id, '--no-test', '--', 'true'], { cwd: root })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/is optimizing n-plus-one-/) as string,
    })
    child.kill('SIGKILL')
    await once(child, 'exit')
    const left = Number(readFileSync(path.join(root, 'pid'), 'utf8'))
    onTestFinished(() => void (isAlive(left) && process.kill(left, 'SIGKILL')))
    // What a person writes before coming back to it.
    writeFileSync(path.join(root, 'kept.txt'), 'written since')
    expect(await runCli(['optimize', id, '--no-test', '--', 'true'], { cwd: root })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/was killed in .*optimize --restore/) as string,
    })
    const restored = await runCli(['optimize', '--restore'], { cwd: root })
    expect(restored).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d files of .* put back/) as string })
    expect(isAlive(left)).toBe(false)
    const [, folder = ''] = /What they were until now: (\S+)/.exec(restored.stdout) ?? []
    expect(readFileSync(path.join(folder, 'kept.txt'), 'utf8')).toBe('written since')
    expect(fingerprint(root)).toEqual(untouched)
    expect(await runCli(['optimize', '--restore'], { cwd: root })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('nothing to put back') as string,
    })
  })

  it('does not begin where it could not judge, and says why in one sentence', async () => {
    const says = async (reason: RegExp, ...args: string[]): Promise<void> => {
      const { code, stdout, stderr } = await runCli(['optimize', ...args], { cwd: root })
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr.trim().split('\n').at(-1)).toMatch(reason)
      expect(fingerprint(root)).toEqual(untouched)
    }
    await says(/Say perf-agent optimize ID -- <command>/, id)
    await says(/--timeout must be more than nothing/, id, '--timeout', '0s', '--', 'true')
    await says(/There is no 'nothing' in the queue/, 'nothing', '--', 'true')
    await says(/--rounds must be 5 at least/, id, '--rounds', '2', '--', 'true')
    await says(
      /The tests fail before anything is changed \(node -e "process.exit\(1\)"\)/,
      id,
      '--test',
      'node -e "process.exit(1)"',
      '--',
      'true',
    )
    await says(
      /The benchmark fails before anything is changed \(exit code 1\)/,
      id,
      '--no-test',
      '--bench',
      'node nothing.js',
      '--',
      'true',
    )
    await says(
      /The benchmark never runs what this is about \(loadAll\)/,
      id,
      '--no-test',
      '--bench',
      'node -e "setTimeout(() => {}, 50)"',
      '--',
      'true',
    )
    await says(/holds 1 MB, more than the 0 MB|--max-copy/, id, '--max-copy', '0', '--', 'true')
    await says(/There is no program 'no-such-program'/, id, '--no-test', '--', 'no-such-program')
  })
})

describe('perf-agent optimize, without git', () => {
  it('works on a copy of the folder all the same', async () => {
    const folder = slowProject({ isRepository: false })
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    root = folder
    id = await record(folder)
    untouched = fingerprint(folder)
    expect(await optimize(edit(...FAST), '--no-test')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^kept/) as string })
    rmSync(path.join(folder, 'src/tools/load.js'))
    writeFileSync(path.join(folder, 'src/tools/load.js'), 'x')
    expect(await optimize('', '--no-test')).toMatchObject({ code: 2 })
    chmodSync(path.join(folder, 'src/tools/load.js'), 0o644)
  })
})
