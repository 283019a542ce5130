// Reading beside a recorded app that keeps writing.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cliFile, runCli } from '../support/cli.ts'

let cwd: string
let app: ChildProcess | undefined
beforeEach(() => {
  cwd = mkdtempSync(path.join(os.tmpdir(), 'perf-live-'))
  writeFileSync(path.join(cwd, 'package.json'), '{"name":"busy"}')
  const api = pathToFileURL(path.join(path.dirname(cliFile()), 'api.js')).href
  writeFileSync(
    path.join(cwd, 'busy.mjs'),
    `import { span } from '${api}'
let n = 0
const until = Date.now() + Number(process.argv[2])
span('never ends', () => new Promise(() => {}))
const timer = setInterval(() => {
  for (let i = 0; i < 50; i++) span('outer', () => span('inner ' + (n % 7), () => n++, { n }))
  if (Date.now() > until) { clearInterval(timer); console.log(n) }
}, 5)`,
  )
})
afterEach(() => {
  app?.kill('SIGKILL')
  rmSync(cwd, { recursive: true, force: true })
})

const start = (ms: number): ChildProcess => {
  const register = pathToFileURL(path.join(path.dirname(cliFile()), 'register.js')).href
  app = spawn(process.execPath, ['--import', register, 'busy.mjs', String(ms)], { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
  return app
}
const rows = async <T>(sql: string): Promise<T[]> => JSON.parse((await runCli(['sql', sql, '--json'], { cwd })).stdout) as T[]

describe('a session that is still being written', () => {
  it('is read again and again without losing or repeating a span', async () => {
    const child = start(2500)
    let printed = ''
    child.stdout?.on('data', (chunk) => (printed += String(chunk)))
    const ended = once(child, 'exit')
    await sleep(500)
    const counts: number[] = []
    while (child.exitCode === null && counts.length < 6) {
      const [row] = await rows<{ n: number; state: string }>(
        'SELECT count(*) AS n, (SELECT any_value(state) FROM processes) AS state FROM spans',
      )
      counts.push(row?.n ?? 0)
    }
    expect(counts).toEqual([...counts].sort((a, b) => a - b))
    expect(counts[0]).toBeGreaterThan(0)
    await ended
    const spans = 2 * Number(printed)
    expect(await rows('SELECT count(*) AS n, count(DISTINCT span_key) AS ids FROM spans WHERE status <> $$open$$')).toEqual([
      { n: spans, ids: spans },
    ])
    expect(await rows('SELECT name, status FROM spans WHERE status = $$open$$')).toEqual([{ name: 'never ends', status: 'open' }])
    expect(await rows('SELECT state, exit_code FROM processes')).toEqual([{ state: 'done', exit_code: 0 }])
    expect(
      await rows(`SELECT name, value FROM counters WHERE name IN ('missing_blocks', 'damaged_blocks', 'spans_dropped') AND value > 0`),
    ).toEqual([])
  })

  it('says the process crashed once it was killed, and keeps what was open', async () => {
    const child = start(60_000)
    await sleep(700)
    expect(await rows('SELECT state FROM processes')).toEqual([{ state: 'live' }])
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await rows('SELECT state, end_reason FROM processes')).toEqual([{ state: 'crashed', end_reason: null }])
    expect(await rows('SELECT name FROM spans WHERE status = $$open$$')).toContainEqual({ name: 'never ends' })
    expect((await runCli(['report'], { cwd })).stdout).toMatch(/^busy_\S+ {2}crashed\n[^]*\d still open/)
  })
})
