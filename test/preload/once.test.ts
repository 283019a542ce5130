// However often and by whichever way the preload is named, it starts once, in the app's threads only.
import { cpSync, mkdirSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { repositoryRoot } from '../support/node-under-test.ts'
import { readSession } from '../support/read-session.ts'
import { agentRoot } from '../support/record.ts'
import { importUrl, requireFile, runNode, sessionsIn, steady, writeProject } from '../support/run-node.ts'

const APPS = {
  'app.mjs': `import { span } from '@perf/agent/api'\nspan('work', () => console.log('worked'))\n`,
  'app.cjs': `const { span } = require('@perf/agent/api')\nspan('work', () => console.log('worked'))\n`,
}

describe.each(['app.mjs', 'app.cjs'] as const)('%s', (app) => {
  it.each([
    ['--import', () => ({ args: ['--import', '@perf/agent'] })],
    ['--require', () => ({ args: ['--require', '@perf/agent'] })],
    ['both', () => ({ args: ['--import', '@perf/agent', '--require', '@perf/agent'] })],
    [
      'each twice',
      () => ({ args: ['--import', importUrl(), '--import', '@perf/agent', '-r', requireFile(), '-r', '@perf/agent/register'] }),
    ],
    ['NODE_OPTIONS', () => ({ args: [], options: `--import=${importUrl()}` })],
    ['NODE_OPTIONS and flags', () => ({ args: ['--import', '@perf/agent'], options: `--require @perf/agent --import ${importUrl()}` })],
  ] as const)('starts once with %s', async (_name, how) => {
    const cwd = writeProject(APPS)
    const { args, options } = how() as { args: string[]; options?: string }
    const run = await runNode([...args, app], { cwd, env: { NODE_OPTIONS: options } })
    expect(run).toEqual({ status: 0, signal: null, stdout: 'worked\n', stderr: '' })
    expect(sessionsIn(cwd)).toHaveLength(1)
    const recording = readSession(sessionsIn(cwd)[0])
    expect(recording.spans.map(({ name }) => name)).toEqual(['work'])
    expect(recording.processes).toHaveLength(1)
  })

  it.each(['import', 'require'] as const)('starts from a folder with blanks in its name (%s in NODE_OPTIONS)', async (flag) => {
    const cwd = writeProject(APPS)
    const root = path.join(cwd, 'my own agent')
    mkdirSync(root)
    cpSync(path.join(agentRoot(), 'dist'), path.join(root, 'dist'), { recursive: true })
    cpSync(path.join(agentRoot(), 'package.json'), path.join(root, 'package.json'))
    symlinkSync(path.join(repositoryRoot, 'node_modules'), path.join(root, 'node_modules'))
    const option = flag === 'import' ? `--import=${importUrl(root)}` : `--require "${requireFile(root)}"`
    const run = await runNode([app], { cwd, env: { NODE_OPTIONS: option } })
    expect(run).toEqual({ status: 0, signal: null, stdout: 'worked\n', stderr: '' })
    expect(readSession(sessionsIn(cwd)[0]).spans.map(({ name }) => name)).toEqual(['work'])
  })
})

describe('the thread of asynchronous loader hooks', () => {
  const files = {
    'hooks.mjs': `import { writeSync } from 'node:fs'
writeSync(1, 'hooks: ' + (Symbol.for('perf.agent.v1') in globalThis) + '\\n')
export async function resolve(specifier, context, next) { return next(specifier, context) }
`,
    'app.mjs': `import { register } from 'node:module'
register('./hooks.mjs', import.meta.url)
const { value } = await import('./other.mjs')
console.log('app: ' + value)
`,
    'other.mjs': 'export const value = 1\n',
  }

  it.each([
    ['--import', ['--import', '@perf/agent']],
    ['--require', ['--require', '@perf/agent']],
    ['both', ['--require', '@perf/agent', '--import', '@perf/agent']],
  ])('is left alone (%s)', async (_name, args) => {
    const cwd = writeProject(files)
    const bare = await runNode(['app.mjs'], { cwd })
    expect(bare.stdout).toBe('hooks: false\napp: 1\n')
    expect(steady(await runNode([...args, 'app.mjs'], { cwd }))).toEqual(steady(bare))
    const options = args.map((arg) =>
      arg === '@perf/agent' ? requireFile().replace(/\.cjs$/, arg === args[1] && args[0] === '--import' ? '.js' : '.cjs') : arg,
    )
    expect(steady(await runNode(['app.mjs'], { cwd, env: { NODE_OPTIONS: options.join(' ') } }))).toEqual(steady(bare))
  })
})
