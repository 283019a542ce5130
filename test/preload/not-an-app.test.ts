// Under NODE_OPTIONS the preload also reaches package managers, compilers and linters: nothing is printed or created for them.
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { repositoryRoot } from '../support/node-under-test.ts'
import { readSession } from '../support/read-session.ts'
import { importUrl, requireFile, runNode, sessionsIn, writeProject } from '../support/run-node.ts'

const SPAN = `const { span } = require('@perf/agent/api'); span('work', () => console.log('worked', Object.keys(process.env).filter((name) => /^PERF_/.test(name)).join()))\n`
const OPTIONS = { import: () => `--import=${importUrl()}`, require: () => `--require=${requireFile()}` }

const TOOLS = [
  'npm/bin/npm-cli.js',
  'npm/bin/npx-cli.js',
  'yarn/bin/yarn.js',
  'pnpm/bin/pnpm.cjs',
  'corepack/dist/corepack.js',
  'corepack/dist/yarn.js',
  'typescript/bin/tsc',
  'typescript/lib/tsserver.js',
  'eslint/bin/eslint.js',
  'prettier/bin/prettier.cjs',
  'node-gyp/bin/node-gyp.js',
  'husky/bin.js',
  'lint-staged/bin/lint-staged.js',
  '.bin/pnpx',
]

describe.each(['import', 'require'] as const)('NODE_OPTIONS with --%s', (flag) => {
  it.each(TOOLS)('leaves %s alone', async (tool) => {
    const file = `node_modules/${tool}`
    const cwd = writeProject({ [file]: SPAN })
    const run = await runNode([file], { cwd, env: { NODE_OPTIONS: OPTIONS[flag]() } })
    expect(run).toEqual({ status: 0, signal: null, stdout: 'worked \n', stderr: '' })
    expect(existsSync(path.join(cwd, '.perf'))).toBe(false)
  })

  it('leaves the real npm alone, and records the app it runs, once', async () => {
    const cwd = writeProject({
      'package.json': JSON.stringify({ name: 'program', scripts: { work: 'node app.cjs', nothing: 'echo nothing' } }),
      'app.cjs': SPAN,
    })
    const env = { NODE_OPTIONS: OPTIONS[flag](), npm_config_update_notifier: 'false', npm_config_loglevel: 'error' }
    const nothing = await runNode(['run', '--silent', 'nothing'], { cwd, env, command: 'npm' })
    expect([nothing.status, nothing.stdout, agentLines(nothing.stderr)]).toEqual([0, 'nothing\n', []])
    expect(existsSync(path.join(cwd, '.perf'))).toBe(false)
    const work = await runNode(['run', '--silent', 'work'], { cwd, env, command: 'npm' })
    expect([work.status, work.stdout, agentLines(work.stderr)]).toEqual([0, 'worked \n', []])
    expect(sessionsIn(cwd)).toHaveLength(1)
    const recording = readSession(sessionsIn(cwd)[0])
    expect([recording.spans.length, recording.processes.length]).toEqual([1, 1])
  })

  it('leaves the real npx and tsc alone', async () => {
    const cwd = writeProject({
      'tsconfig.json': '{"compilerOptions":{"noEmit":true,"types":[]},"include":["one.ts"]}',
      'one.ts': 'export const one: number = 1\n',
    })
    mkdirSync(path.join(cwd, 'node_modules', '.bin'))
    for (const name of ['typescript', '@typescript'])
      if (existsSync(path.join(repositoryRoot, 'node_modules', name)))
        symlinkSync(path.join(repositoryRoot, 'node_modules', name), path.join(cwd, 'node_modules', name))
    symlinkSync('../typescript/bin/tsc', path.join(cwd, 'node_modules', '.bin', 'tsc'))
    const env = { NODE_OPTIONS: OPTIONS[flag](), npm_config_update_notifier: 'false', npm_config_loglevel: 'error' }
    const version = await runNode(['--no-install', 'tsc', '--version'], { cwd, env, command: 'npx' })
    expect([version.status, agentLines(version.stderr)]).toEqual([0, []])
    expect(version.stdout).toMatch(/^Version \d/)
    expect(await runNode(['node_modules/.bin/tsc', '-p', '.'], { cwd, env })).toEqual({ status: 0, signal: null, stdout: '', stderr: '' })
    expect(readdirSync(cwd).sort()).toEqual(['node_modules', 'one.ts', 'package.json', 'tsconfig.json'])
  })
})

/** What npm itself says about its configuration is not ours. */
function agentLines(stderr: string): string[] {
  return stderr.split('\n').filter((line) => line !== '' && !line.startsWith('npm '))
}
