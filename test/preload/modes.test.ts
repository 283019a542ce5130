// Every way to start Node prints and returns what it does without the agent.
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { nodeBinary } from '../support/node-under-test.ts'
import { importUrl, requireFile, runNode, steady, writeProject } from '../support/run-node.ts'

const FILES = {
  'good.mjs': `import { strictEqual } from 'node:assert'\nstrictEqual(1, 1)\nconsole.log('ran')\n`,
  'bad.cjs': `const = 1\n`,
  'one.test.mjs': `import { test } from 'node:test'\nimport assert from 'node:assert'\ntest('passes', () => console.log('inside'))\ntest('holds', async () => assert.ok(true))\n`,
  'two.test.cjs': `const { test } = require('node:test')\ntest('fails', () => { throw new Error('on purpose') })\n`,
}
const STDIN = `const path = require('node:path')\nconsole.log(path.basename(__filename), process.argv.length)\nprocess.exitCode = 4\n`

interface Mode {
  args: string[]
  input?: string
}
const MODES: Record<string, Mode> = {
  '-e': { args: ['-e', `console.log(1 + 1, process.argv.slice(2)); process.exitCode = 3`, 'a', 'b'] },
  '-e of a module': { args: ['--input-type=module', '-e', `import os from 'node:os'; console.log(typeof os.cpus, await 5)`] },
  '-e that throws': { args: ['-e', `throw new TypeError('thrown')`] },
  '-p': { args: ['-p', `[1, 2].map((n) => n * 2)`] },
  '-p of the globals': { args: ['-p', `Object.keys(globalThis).join()`] },
  'the REPL from a pipe': {
    args: ['-i'],
    input: `const a = 20\na + 1\nthrow new Error('in the REPL')\nrequire('node:os').EOL.length\n.exit\n`,
  },
  '--check of a good file': { args: ['--check', 'good.mjs'] },
  '--check of a bad file': { args: ['--check', 'bad.cjs'] },
  'a program from standard input': { args: [], input: STDIN },
  'a program from standard input with arguments': { args: ['-', 'a'], input: STDIN },
  'a module from standard input': {
    args: ['--input-type=module', '-'],
    input: `import os from 'node:os'\nconsole.log(typeof os.cpus, import.meta.url.slice(0, 5))\n`,
  },
  '--test, tap': { args: ['--test', '--test-reporter=tap', 'one.test.mjs', 'two.test.cjs'] },
  '--test, spec': { args: ['--test', '--test-reporter=spec', 'one.test.mjs'] },
  'a test file on its own': { args: ['two.test.cjs'] },
  '--version': { args: ['--version'] },
}

describe.each(Object.entries(MODES))('%s', (_name, { args, input }) => {
  it.each([
    ['--import', () => ({ flags: ['--import', importUrl()], options: undefined })],
    ['--require', () => ({ flags: ['--require', requireFile()], options: undefined })],
    ['NODE_OPTIONS', () => ({ flags: [], options: `--import=${importUrl()}` })],
  ] as const)('is the same with %s', async (_how, how) => {
    const cwd = writeProject(FILES)
    const { flags, options } = how()
    const [bare, run] = await Promise.all([
      runNode(args, { cwd, ...(input === undefined ? {} : { input }) }),
      runNode([...flags, ...args], { cwd, env: { NODE_OPTIONS: options }, ...(input === undefined ? {} : { input }) }),
    ])
    expect(withoutLoader(steady(run))).toEqual(withoutLoader(steady(bare)))
  })
})

// With any `--import`, Node 20 looks for the entry by the ES module loader, which words this differently.
it('says that the program is not there as with another preload', async () => {
  const cwd = writeProject({ 'empty.mjs': '' })
  const bare = await runNode(['--import', './empty.mjs', 'nowhere.mjs'], { cwd })
  const run = await runNode(['--import', '@perf/agent', 'nowhere.mjs'], { cwd })
  const what = (text: string) => /Cannot find module '[^']+'/.exec(text)?.[0]
  expect([run.status, run.stdout, what(run.stderr)]).toEqual([1, '', what(bare.stderr)])
  expect(run.stderr).not.toContain('[perf-agent]')
})

it.each([
  ['bare', []],
  ['--import', ['--import', importUrl()]],
  ['--require', ['--require', requireFile()]],
])('--watch starts again at a change and ends when it is told to (%s)', async (_how, flags) => {
  const cwd = writeProject({
    'app.mjs': `import { text } from './text.mjs'\nconsole.log('it says ' + text)\n`,
    'text.mjs': `export const text = 'first'\n`,
  })
  const child = spawn(nodeBinary(), [...flags, '--watch', '--watch-preserve-output', 'app.mjs'], {
    cwd,
    env: cleanEnv(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let changed = false
  const ended = new Promise<[number | null, string | null]>((resolve) => child.once('close', (code, signal) => resolve([code, signal])))
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (!changed && /first[^]*Completed running/.test(output)) {
        changed = true
        writeFileSync(path.join(cwd, 'text.mjs'), `export const text = 'second'\n`)
      }
      if (/second[^]*Completed running/.test(output)) child.kill('SIGTERM')
    })
  const [code, signal] = await ended
  expect(output).toMatch(/it says first[^]*it says second/)
  expect(output).not.toContain('perf-agent')
  expect([code === 0 || signal === 'SIGTERM', code]).toEqual([true, code])
})

function cleanEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(NODE_|PERF_|OTEL_|VITEST|TEST$|VITE_)/.test(name)))
}

/** Node's own frames in a stack: an AsyncLocalStorage and hooks lead through others. */
function withoutLoader<T extends { stdout: string; stderr: string }>(run: T): T {
  const clean = (text: string): string => text.replaceAll(/^ +(at )?.*\(?(node:|wasm:\/\/wasm\/perf-agent).*\n/gm, '')
  return { ...run, stdout: clean(run.stdout), stderr: clean(run.stderr) }
}
