// Worker threads, child processes and cluster workers are in the session of the process that started them, below the span they were
// started in; their own environment is what it is without the agent.
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { readSession, type Recording } from '../support/read-session.ts'
import { agentRoot } from '../support/record.ts'
import { importUrl, runNode as run, sessionsIn, steady, writeProject, type Ran, type RunOptions } from '../support/run-node.ts'

const runNode = async (args: readonly string[], options: RunOptions): Promise<Ran> => steady(await run(args, options))

/** Each way is called with the name of a mark; the child makes the span `in <mark>` and prints its environment. */
const WAYS = `
import child_process from 'node:child_process'
import cluster from 'node:cluster'
import { EventEmitter } from 'node:events'
import { Worker } from 'node:worker_threads'
import { fileURLToPath } from 'node:url'
import { span } from '@perf/agent/api'
const child = fileURLToPath(new URL('./child.cjs', import.meta.url))
const { fork, spawn, exec, execFile, spawnSync, execSync, execFileSync } = child_process
const done = (code) => { const it = new EventEmitter(); setImmediate(() => it.emit('exit', code)); return it }
const own = { PATH: process.env.PATH, MINE: '1', ...(process.env.NODE_OPTIONS && { NODE_OPTIONS: process.env.NODE_OPTIONS }), ...(process.env.PERF_SESSION && { PERF_SESSION: process.env.PERF_SESSION, PERF_DIR: process.env.PERF_DIR }) }
const inherit = { stdio: 'inherit' }
const show = (child) => { child.stdout?.pipe(process.stdout, { end: false }); child.stderr?.pipe(process.stderr, { end: false }); return child }
const ways = {
  fork: (mark) => fork(child, [mark]),
  'fork with env': (mark) => fork(child, [mark], { env: own }),
  'fork with execArgv': (mark) => fork(child, [mark], { execArgv: [...process.execArgv, '--no-warnings'] }),
  spawn: (mark) => spawn(process.execPath, [child, mark], inherit),
  'spawn with env': (mark) => spawn(process.execPath, [child, mark], { ...inherit, env: own }),
  'spawn through a shell': (mark) => spawn('node', [JSON.stringify(child), JSON.stringify(mark)], { ...inherit, shell: true }),
  exec: (mark) => show(exec(JSON.stringify(process.execPath) + ' ' + JSON.stringify(child) + ' ' + JSON.stringify(mark))),
  'exec with env': (mark) => show(exec(JSON.stringify(process.execPath) + ' ' + JSON.stringify(child) + ' ' + JSON.stringify(mark), { env: own })),
  execFile: (mark) => show(execFile(process.execPath, [child, mark])),
  spawnSync: (mark) => done(spawnSync(process.execPath, [child, mark], inherit).status),
  'spawnSync with env': (mark) => done(spawnSync(process.execPath, [child, mark], { ...inherit, env: own }).status),
  execFileSync: (mark) => done(execFileSync(process.execPath, [child, mark], inherit) ?? 0),
  execSync: (mark) => done(execSync(JSON.stringify(process.execPath) + ' ' + JSON.stringify(child) + ' ' + JSON.stringify(mark), { env: own, stdio: 'inherit' }) ?? 0),
  cluster: (mark) => { cluster.setupPrimary({ exec: child, args: [mark] }); return cluster.fork() },
  worker: (mark) => new Worker(new URL('./child.cjs', import.meta.url), { argv: [mark] }),
  'worker with env': (mark) => new Worker(new URL('./child.cjs', import.meta.url), { argv: [mark], env: own }),
  'worker from text': (mark) => new Worker('require(' + JSON.stringify(child) + ')', { eval: true, argv: [mark] }),
  'worker in a worker': (mark) => new Worker(new URL('./nested.cjs', import.meta.url), { argv: [mark] }),
  'child of a worker': (mark) => new Worker(new URL('./forking.cjs', import.meta.url), { argv: [mark] }),
}
const before = JSON.stringify([Object.entries(process.env), process.execArgv.length])
for (const name of process.argv.slice(2)) {
  await span(name, () => new Promise((resolve, reject) => {
    const started = ways[name](name)
    const shape = (it) => JSON.stringify([Object.keys(it).filter((key) => !/^_/.test(key)), Object.hasOwn(it, 'spawn'), typeof it.spawn])
    console.log('shape', shape(started.process ?? started))
    started.once('error', reject).once('exit', (code) => (console.log(name, 'ended', code), resolve()))
  }))
}
console.log('own environment', JSON.stringify([Object.entries(process.env), process.execArgv.length]) === before)
`
const CHILD = `
const { span } = require('@perf/agent/api')
const { isMainThread, workerData } = require('node:worker_threads')
const mark = process.argv[2]
// What a shell and Node's own cluster add, and the settings of the run itself, are the same kind of thing in every run.
const shown = Object.entries(process.env).filter(([name]) => !/^(PERF_DIR|PERF_ROOT|PERF_SESSION|NODE_OPTIONS|PWD|OLDPWD|SHLVL|_|NODE_CHANNEL_FD)$/.test(name))
console.log(mark, JSON.stringify(shown), process.argv.length, isMainThread, JSON.stringify(workerData))
const work = () => new Promise((resolve) => setTimeout(() => span('below ' + mark, resolve), 2))
module.exports = span('in ' + mark, work).then(() => { process.disconnect?.(); require('node:cluster').worker?.disconnect() })
`
const FILES = {
  'main.mjs': WAYS,
  'child.cjs': CHILD,
  'nested.cjs': `const { Worker } = require('node:worker_threads'); const { span } = require('@perf/agent/api'); span('between', () => new Promise((resolve) => new Worker(require.resolve('./child.cjs'), { argv: process.argv.slice(2) }).once('exit', resolve)))`,
  'forking.cjs': `const { fork } = require('node:child_process'); const { span } = require('@perf/agent/api'); span('between', () => new Promise((resolve) => fork(require.resolve('./child.cjs'), process.argv.slice(2)).once('exit', resolve)))`,
}

const PROCESSES = ['fork', 'fork with env', 'fork with execArgv', 'cluster']
const THREADS = ['worker', 'worker with env', 'worker in a worker', 'child of a worker']
const MORE = [
  'spawn',
  'spawn with env',
  'spawn through a shell',
  'exec',
  'exec with env',
  'execFile',
  'spawnSync',
  'spawnSync with env',
  'execFileSync',
  'execSync',
  'worker from text',
]
const THROUGH = ['worker in a worker', 'child of a worker']

describe.each([
  ['--import', [...PROCESSES, ...THREADS]],
  ['--require', [...PROCESSES, ...THREADS, 'worker from text']],
])('under plain %s', (flag, ways) => {
  it('fork, cluster and workers join', async () => {
    const cwd = writeProject(FILES)
    const bare = await runNode(['main.mjs', ...ways], { cwd })
    const run = await runNode([flag, '@perf/agent', 'main.mjs', ...ways], { cwd })
    expect(lines(run)).toEqual(lines(bare))
    expect([run.status, run.stderr]).toEqual([0, bare.stderr])
    expectJoined(recordingIn(cwd), ways)
  })

  it('children that Node does not hand the flag to run as they are', async () => {
    const cwd = writeProject(FILES)
    const ways = ['spawn', 'exec', 'execFile', 'spawn with env', 'spawnSync', 'execSync']
    const bare = await runNode(['main.mjs', ...ways], { cwd })
    const run = await runNode([flag, '@perf/agent', 'main.mjs', ...ways], { cwd })
    expect([lines(run), run.stderr]).toEqual([lines(bare), bare.stderr])
    expect(recordingIn(cwd).processes).toHaveLength(1)
  })
})

describe.each(['import', 'require'])('with --%s in NODE_OPTIONS', (flag) => {
  it.each([
    ['processes', [...PROCESSES, ...MORE.slice(0, -1)]],
    ['threads', [...THREADS, ...(flag === 'import' ? [] : MORE.slice(-1))]],
  ])('all join: %s', async (_kind, ways) => {
    const cwd = writeProject(FILES)
    const options = flag === 'import' ? `--import=${importUrl()}` : '--require=@perf/agent'
    const bare = await runNode(['main.mjs', ...ways], { cwd })
    const run = await runNode(['main.mjs', ...ways], { cwd, env: { NODE_OPTIONS: options } })
    expect([run.status, run.stderr]).toEqual([0, bare.stderr])
    const withOptions = lines(run).map((line) => line.replaceAll(/,?\["NODE_OPTIONS",[^\]]*\]/g, ''))
    expect(withOptions).toEqual(lines(bare))
    expectJoined(recordingIn(cwd), ways)
  })
})

it('all join under perf-agent run', async () => {
  const cwd = writeProject(FILES)
  const ways = [...PROCESSES, ...THREADS, ...MORE.slice(0, -1)]
  const bare = await runNode(['main.mjs', ...ways], { cwd })
  const run = await runNode([path.join(agentRoot(), 'dist', 'cli.js'), 'run', 'main.mjs', ...ways], { cwd })
  expect([run.status, run.stderr, lines(run)]).toEqual([0, bare.stderr, lines(bare)])
  const recording = recordingIn(cwd)
  expectJoined(recording, ways)
})

it('what comes in at a server that was started inside a span is a trace of its own', async () => {
  const cwd = writeProject({
    'main.mjs': `import { fork } from 'node:child_process'\nimport { span } from '@perf/agent/api'\nawait span('start', () => new Promise((resolve) => fork('./server.mjs').once('exit', resolve)))\n`,
    'server.mjs': `import http from 'node:http'
const server = http.createServer((request, response) => response.end()).listen(0, '127.0.0.1', () => {
  const { port } = server.address()
  const request = (then) => { const socket = http.get({ port, host: '127.0.0.1', agent: false }, (response) => response.resume().once('end', then)) }
  request(() => server.close())
})\n`,
  })
  await runNode(['--import', '@perf/agent', 'main.mjs'], { cwd, env: { PERF_DISABLE: 'http-client' } })
  const { spans } = recordingIn(cwd)
  const server = spans.find((span) => span.kind === 'server')
  const start = spans.find((span) => span.name === 'start')
  expect(server?.parentId).toBeUndefined()
  expect(server?.traceId).not.toBe(start?.traceId)
})

it('a thread that outlives the span it was started in begins traces of its own', async () => {
  const cwd = writeProject({
    'main.mjs': `import { Worker } from 'node:worker_threads'
import { once } from 'node:events'
import { span } from '@perf/agent/api'
const worker = await span('request', async () => {
  const worker = new Worker(new URL('./worker.mjs', import.meta.url))
  await once(worker, 'message')
  return worker
})
worker.postMessage('next')
await once(worker, 'exit')
`,
    'worker.mjs': `import { parentPort } from 'node:worker_threads'
import { span } from '@perf/agent/api'
span('first', () => {})
parentPort.once('message', () => span('later', () => {}))
parentPort.postMessage('ready')
`,
  })
  expect((await runNode(['--import', '@perf/agent', 'main.mjs'], { cwd })).stderr).toBe('')
  const { spans } = recordingIn(cwd)
  const named = (name: string) => spans.find((span) => span.name === name)
  expect(named('first')?.parentId).toBe(named('request')?.spanId)
  expect(named('first')?.traceId).toBe(named('request')?.traceId)
  expect(named('later')?.parentId).toBeUndefined()
  expect(named('later')?.traceId).not.toBe(named('request')?.traceId)
})

it('a thread has the settings of its process, wherever the app has gone', async () => {
  const cwd = writeProject({
    'main.cjs': `const { mkdirSync, writeFileSync } = require('node:fs')
mkdirSync('elsewhere')
writeFileSync('elsewhere/perf.config.json', '{ "settings": { "PERF_SAMPLE": 0 } }')
process.chdir('elsewhere')
new (require('node:worker_threads').Worker)(require.resolve('./worker.cjs'))
`,
    'worker.cjs': `require('@perf/agent/api').span('in the thread', () => {})`,
  })
  expect((await runNode(['--import', '@perf/agent', 'main.cjs'], { cwd })).stderr).toBe('')
  expect(recordingIn(cwd).spans.map(({ name }) => name)).toEqual(['in the thread'])
})

it('a child process has the settings of its parent, wherever it is started', async () => {
  const cwd = writeProject({
    'perf.config.json': JSON.stringify({
      settings: { PERF_CAPTURE: 'full', PERF_DIR: 'kept', PERF_REDACT: ['./redact.cjs'], PERF_TOOLS: ['tools/**', 'sub/tools/**'] },
    }),
    'redact.cjs': `exports.redact = (text) => text.replaceAll('veiled', '***')`,
    'sub/perf.config.json': '{ "settings": { "PERF_SAMPLE": 0 } }',
    'tools/tell.cjs': 'exports.tell = (word) => word',
    'sub/tools/ask.cjs': 'exports.ask = (word) => word',
    'main.cjs': `const { tell } = require('./tools/tell.cjs')
const { fork, spawnSync } = require('node:child_process')
if (process.argv[2] === undefined) {
  process.chdir('sub')
  fork(__filename, ['forked'])
  spawnSync(process.execPath, ['--import', ${JSON.stringify(importUrl())}, __filename, 'spawned'])
} else {
  tell('a veiled word')
  require('./sub/tools/ask.cjs').ask('another veiled word')
  setTimeout(() => {}, 500)
}
`,
  })
  expect((await runNode(['--import', '@perf/agent', 'main.cjs'], { cwd })).stderr).toBe('')
  expect(readdirSync(path.join(cwd, 'sub')).sort()).toEqual(['perf.config.json', 'tools'])
  const sessions = readdirSync(path.join(cwd, 'kept', 'sessions'))
  expect(sessions).toHaveLength(1)
  const rows = async (query: string): Promise<unknown> =>
    JSON.parse((await runCli(['sql', '--dir', path.join(cwd, 'kept'), '--json', query])).stdout)
  expect(await rows('SELECT name, count(*) AS n FROM spans GROUP BY name ORDER BY name')).toEqual([
    { name: 'ask', n: 2 },
    { name: 'node', n: 2 },
    { name: 'tell', n: 2 },
  ])
  expect(await rows(`SELECT DISTINCT text FROM payloads WHERE contains(text, ' word') ORDER BY text`)).toEqual([
    { text: 'a *** word' },
    { text: 'another *** word' },
  ])
})

it('a relative PERF_ROOT is the folder of the first process for its threads and children, too', async () => {
  const cwd = writeProject({
    'settings/perf.config.json': JSON.stringify({ settings: { PERF_CAPTURE: 'full', PERF_REDACT: ['./redact.cjs'] } }),
    'settings/redact.cjs': `exports.redact = (text) => text.replaceAll('veiled', '***')`,
    'main.cjs': `const { tool } = require('@perf/agent/api')
const { isMainThread, Worker } = require('node:worker_threads')
tool('tell', (word) => word)('a veiled word')
if (isMainThread && process.argv[2] === undefined) {
  require('node:child_process').fork(__filename, ['forked'])
  new Worker(__filename)
}
setTimeout(() => {}, 300)
`,
  })
  expect((await runNode(['--import', '@perf/agent', 'main.cjs'], { cwd, env: { PERF_ROOT: 'settings' } })).stderr).toBe('')
  const query = `SELECT captured, text, count(*)::INT AS n FROM payloads WHERE role = 'tool.result' GROUP BY ALL`
  expect(JSON.parse((await runCli(['sql', '--dir', path.join(cwd, 'settings', '.perf'), '--json', query])).stdout)).toEqual([
    { captured: true, text: 'a *** word', n: 3 },
  ])
})

function recordingIn(cwd: string): Recording {
  const sessions = sessionsIn(cwd)
  expect(sessions).toHaveLength(1)
  return readSession(sessions[0])
}

/** Output of a program and its children; they interleave as they like. */
function lines({ stdout }: { stdout: string }): string[] {
  return stdout.trim().split('\n').sort()
}

const isThread = (way: string): boolean => way.startsWith('worker')

function expectJoined({ spans, processes }: Recording, ways: readonly string[]): void {
  const byId = new Map(spans.map((span) => [span.spanId, span]))
  const places = ways.map((way) => {
    const path: (string | undefined)[] = []
    for (let span = spans.find(({ name }) => name === `below ${way}`); span !== undefined; span = byId.get(span.parentId ?? ''))
      path.push(span.name)
    return path
  })
  expect(places).toEqual(
    ways.map((way) => [
      `below ${way}`,
      `in ${way}`,
      ...(isThread(way) ? [] : ['node']),
      ...(THROUGH.includes(way) ? ['between'] : []),
      way,
    ]),
  )
  for (const way of ways) {
    const trace = spans.find(({ name }) => name === way)?.traceId
    expect(spans.find(({ name }) => name === `below ${way}`)?.traceId, way).toBe(trace)
  }
  const main = processes.find(({ instance }) => instance === spans.find(({ name }) => name === ways[0])?.instance)
  const children = processes.filter((process) => process !== main && process.instance !== main?.parentInstance)
  expect(main).toBeDefined()
  expect(children.map(({ parentInstance }) => parentInstance)).toEqual(children.map(() => main?.instance))
  expect(children).toHaveLength(ways.filter((way) => !isThread(way)).length)
}
