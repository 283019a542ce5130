// A preload that cannot do its work leaves the app as it is without it, with one line on stderr.
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { nodeMajor, repositoryRoot } from '../support/node-under-test.ts'
import { agentRoot } from '../support/record.ts'
import { readSession } from '../support/read-session.ts'
import { importUrl, requireFile, runNode, sessionsIn, writeProject, type Ran } from '../support/run-node.ts'

// Lives long enough to hear that a thread died, and uses what the agent would wrap.
const APPS = {
  'app.mjs': `import http from 'node:http'\nexport {}\nawait import('./part.cjs')\n`,
  'app.cjs': `require('node:http')\nrequire('./part.cjs')\n`,
  'part.cjs': `
const http = require('node:http')
const server = http.createServer((request, response) => response.end('answer')).listen(0, '127.0.0.1', async () => {
  const answer = await fetch('http://127.0.0.1:' + server.address().port)
  console.log(await answer.text(), Object.keys(process.env).filter((name) => /^PERF_/.test(name)).join())
  server.closeAllConnections()
  server.close()
  setTimeout(() => { process.exitCode = 5 }, 300)
})
`,
}
const ONE_LINE = /^\[perf-agent\] [^\n]+\n$/
const NO_SESSION = 'no session'

interface Breakage {
  /** Changes a copy of the package. */
  breaks?: (root: string) => void
  args?: string[]
  says: RegExp
  /** Nothing is recorded at all. */
  absent: boolean
}

const BREAKAGES: Record<string, Breakage> = {
  'the boot file does not parse': { breaks: spoil('boot.cjs'), says: /could not start/, absent: true },
  'the boot file is missing': { breaks: remove('boot.cjs'), says: /could not start/, absent: true },
  'the boot file throws': {
    breaks: (root) => writeFileSync(dist(root, 'boot.cjs'), `throw new Error('two\\nlines')`),
    says: /two lines/,
    absent: true,
  },
  'the writer does not parse': { breaks: spoil('writer.cjs'), says: /the writer thread ended/, absent: false },
  'the writer is missing': { breaks: remove('writer.cjs'), says: /the writer thread ended/, absent: false },
  'lmdb is not installed': {
    breaks: (root) => rmSync(path.join(root, 'node_modules', 'lmdb')),
    says: /lmdb/,
    absent: false,
  },
  'an integration does not parse': {
    breaks: spoil('integrations/undici.cjs'),
    says: /the integration undici cannot be loaded/,
    absent: false,
  },
  'import-in-the-middle is not installed': {
    breaks: (root) => rmSync(path.join(root, 'node_modules', 'import-in-the-middle')),
    says: /ES modules cannot be hooked/,
    absent: false,
  },
  'Node is too old': { args: ['--require', './old.cjs'], says: /Node 18\.20\.1 is older than 20\.19/, absent: true },
  'no threads are allowed': { args: permission('--allow-fs-read=*', '--allow-fs-write=*'), says: /could not start/, absent: true },
  'no file may be written': {
    args: permission('--allow-fs-read=*', '--allow-worker'),
    says: /cannot store the recording|the writer thread ended/,
    absent: true,
  },
}

describe.each(Object.entries(BREAKAGES))('%s', (_name, { breaks, args = [], says, absent }) => {
  it.each([
    ['app.mjs', '--import'],
    ['app.cjs', '--import'],
    ['app.mjs', '--require'],
    ['app.cjs', '--require'],
  ] as const)('%s runs as without the agent (%s)', async (app, flag) => {
    const cwd = writeProject({
      ...APPS,
      'old.cjs': `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.1' } })`,
    })
    const bare = await runNode([...args, app], { cwd })
    expect([bare.status, bare.stdout]).toEqual([5, 'answer \n'])
    const root = breaks === undefined ? agentRoot() : copyAgent(cwd, breaks)
    const run = await runNode([...args, flag, flag === '--import' ? importUrl(root) : requireFile(root), app], {
      cwd,
      env: { PERF_AGENT_HANDOFF: '{"session":"/proc/nowhere","instance":"x"}' },
    })
    expect({ ...run, stderr: withoutWarnings(run.stderr) }).toEqual({ ...bare, stderr: expect.stringMatching(ONE_LINE) as string })
    expect(withoutWarnings(run.stderr)).toMatch(says)
    if (absent) expect(sessionsIn(cwd)[0] ?? NO_SESSION).toBe(NO_SESSION)
  })
})

function permission(...allowed: string[]): string[] {
  return [nodeMajor() >= 24 ? '--permission' : '--experimental-permission', ...allowed, ...(nodeMajor() >= 26 ? ['--allow-net'] : [])]
}

it('stores spans where no code may be made of strings', async () => {
  const cwd = writeProject({
    'app.cjs': `const { span } = require('@perf/agent/api')
setInterval(() => span('tick', () => {}), 10)
setTimeout(() => process.kill(process.pid, 'SIGKILL'), 1500)`,
  })
  const run = await runNode(['--disallow-code-generation-from-strings', '--import', '@perf/agent', 'app.cjs'], { cwd })
  // Killed: nothing is stored but what the writer stored in time.
  expect([run.signal, run.stderr]).toEqual(['SIGKILL', ''])
  const [session = NO_SESSION] = sessionsIn(cwd)
  expect(readSession(session).spans.length).toBeGreaterThan(20)
})

/** Node's own words on an experimental flag. */
function withoutWarnings(stderr: Ran['stderr']): string {
  return stderr.replaceAll(/^\(node:\d+\) (\[\w+\] )?(ExperimentalWarning|SecurityWarning).*\n|^\(Use `node --trace-warnings.*\n/gm, '')
}

function dist(root: string, file: string): string {
  return path.join(root, 'dist', file)
}

function spoil(file: string): (root: string) => void {
  return (root) => writeFileSync(dist(root, file), 'const = {{{ not a program')
}

function remove(file: string): (root: string) => void {
  return (root) => rmSync(dist(root, file))
}

function copyAgent(cwd: string, breaks: (root: string) => void): string {
  const root = path.join(cwd, 'agent')
  cpSync(path.join(agentRoot(), 'dist'), path.join(root, 'dist'), { recursive: true })
  cpSync(path.join(agentRoot(), 'package.json'), path.join(root, 'package.json'))
  mkdirSync(path.join(root, 'node_modules'))
  const modules = path.join(repositoryRoot, 'node_modules')
  for (const name of ['lmdb', 'msgpackr', 'import-in-the-middle', 'module-details-from-path', 'semver', '@babel'])
    symlinkSync(path.join(modules, name), path.join(root, 'node_modules', name))
  breaks(root)
  return root
}
