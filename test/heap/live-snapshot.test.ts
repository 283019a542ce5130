// Snapshots of running apps, from the command line and by triggers, and what is left when the app ends beside them.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { nodeBinary } from '../support/node-under-test.ts'
import { agentRoot, record } from '../support/record.ts'
import { waitFor } from '../support/wait-for.ts'
import { classesByJson } from './snapshots.ts'

let dir: string
let app: ChildProcess
const cli = (...args: string[]): ReturnType<typeof runCli> => runCli([...args, '--dir', path.join(dir, '.perf')])

beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-heap-live-'))
  const api = pathToFileURL(path.join(agentRoot(), 'dist', 'api.js')).href
  writeFileSync(
    path.join(dir, 'app.mjs'),
    `import { snapshot, span } from ${JSON.stringify(api)}
     class Leaky { constructor(i) { this.i = i; this.text = 'canary-' + i } }
     const held = new Map()
     snapshot('size', () => ({ held: held.size }))
     setInterval(() => span('op', () => { for (let i = 0; i < 20; i++) held.set(held.size, new Leaky(held.size)) }), 10)
     process.stdin.resume().on('end', () => process.exit())
     process.stdout.write('ready')`,
  )
  const register = pathToFileURL(path.join(agentRoot(), 'dist', 'register.js')).href
  app = spawn(nodeBinary(), ['--import', register, path.join(dir, 'app.mjs')], {
    cwd: dir,
    env: { ...process.env, PERF_DIR: path.join(dir, '.perf'), NODE_OPTIONS: '', PERF_STALLS: '20' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await new Promise((resolve) => app.stdout?.once('data', resolve))
})
afterAll(async () => {
  const ended = new Promise((resolve) => app.once('close', resolve))
  app.stdin?.end()
  await ended
  rmSync(dir, { recursive: true, force: true })
})

/** Until the app listens, there is nothing to command. */
async function command(...args: string[]): ReturnType<typeof runCli> {
  for (;;) {
    const result = await cli(...args)
    if (result.code === 0 || !/no running process|No session|no process/i.test(result.stderr)) return result
  }
}

describe('perf-agent snapshot', () => {
  it('says before how long the app will stand still, takes one, and the leak between two can be told', async () => {
    const first = await command('snapshot')
    expect(first.stderr).toMatch(/^heap \d+ MB: the app will stand still for about [\d.]+ s\n$/)
    expect(first.stdout).toMatch(
      /^heap snapshot [0-9a-f]{16}-\d{13}\.heapsnapshot\.(zst|gz) \(\d+ MB\), the app stood still for [\d.]+ s\n$/,
    )
    expect((await command('snapshot')).code).toBe(0)
    const { stdout } = await cli('heap', 'diff', 'first', 'last')
    expect(stdout).toMatch(/^Leaky +[\d,]+ +\+[\d,]+ /m)
    expect(stdout).toMatch(
      /What holds Leaky \([\d.]+ [KM]B retained; all \d+ looked at\)\n[^]*variable held -> Map\n +\[entry\] -> Leaky\n/,
    )
    expect((await cli('heap')).stdout).toMatch(/^1 {2}.* command .*\n2 {2}.* command /m)
    expect((await cli('report')).stdout).toMatch(
      /^Heap growth\nclass[^]*^Leaky [^]*2 heap snapshots\. Next: perf-agent heap diff first last$/m,
    )
    const logs = JSON.parse(
      (await cli('sql', `SELECT message FROM logs WHERE message LIKE 'heap snapshot%' ORDER BY time`, '--json')).stdout,
    ) as unknown[]
    expect(logs).toHaveLength(4)
  })

  it('is named as what the app stood still for', async () => {
    await waitFor('the stall', async () => {
      const { stdout } = await cli('sql', `SELECT call, span_id FROM stalls WHERE call = 'heap snapshot'`, '--json')
      return stdout.includes('"call": "heap snapshot"') || stdout.includes('"call":"heap snapshot"')
    })
  })

  it('exports one as a plain file that JSON.parse and the reader understand', async () => {
    const target = path.join(dir, 'out.heapsnapshot')
    expect(await cli('heap', 'export', 'last', target)).toMatchObject({ code: 0, stderr: '' })
    expect(classesByJson(target)['Leaky']?.count).toBeGreaterThan(20)
    expect((await cli('heap', 'export', 'last', target)).stderr).toMatch(/is there already/)
    expect((await cli('heap', 'export', 'profile', `${target}2`)).stderr).toMatch(/has no heap profile/)
  })

  it('takes snapshots of the state on demand', async () => {
    expect((await command('snapshot', 'state')).code).toBe(0)
    const reasons = async (): Promise<string[]> =>
      (JSON.parse((await cli('snapshot', 'list', '--json')).stdout) as { reason: string }[]).map(({ reason }) => reason)
    while ((await reasons()).length < 2);
    expect(await reasons()).toEqual(['call', 'command'])
  })
})

it('a trigger takes one after N operations', async () => {
  const run = await record({
    app: `
import { span } from '@perf/agent/api'
let done = 0
const timer = setInterval(() => { span('op', () => {}); if (++done === 400) clearInterval(timer) }, 5)`,
    env: { PERF_TRIGGERS: 'every 50 op:snapshot' },
  })
  expect(run).toMatchObject({ status: 0, stderr: '' })
  expect(readdirSync(path.join(run.sessionDir ?? '', 'heap')).filter((name) => name.endsWith('.json'))).not.toHaveLength(0)
})

it('an app that ends while one is asked for ends as it would, without a word', async () => {
  const run = await record({
    app: `
import { span } from '@perf/agent/api'
const timer = setInterval(() => span('op', () => {}), 5)
setTimeout(() => { clearInterval(timer); process.exit(7) }, 1500)`,
    env: { PERF_TRIGGERS: 'every 250 op:snapshot' },
  })
  expect(run).toMatchObject({ status: 7, stderr: '', timedOut: false })
})
