// Reading beside a recorded app that keeps writing.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cliFile, runCli } from '../support/cli.ts'
import { waitFor } from '../support/wait-for.ts'

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
span('never ends', () => new Promise(() => {}))
const timer = setInterval(() => {
  for (let i = 0; i < 50; i++) span('outer', () => span('inner ' + (n % 7), () => n++, { n }))
}, 5)
process.stdin.resume().on('end', () => { clearInterval(timer); console.log(n) })`,
  )
})
afterEach(() => {
  app?.kill('SIGKILL')
  rmSync(cwd, { recursive: true, force: true })
})

/** Starts the app, which works until its stdin is closed, and waits until something of it is on disk. */
const start = async (): Promise<ChildProcess> => {
  const register = pathToFileURL(path.join(path.dirname(cliFile()), 'register.js')).href
  const child = spawn(process.execPath, ['--import', register, 'busy.mjs'], { cwd, stdio: ['pipe', 'pipe', 'inherit'] })
  app = child
  await waitFor('the first spans', async () => {
    if (child.exitCode !== null) throw new Error(`the app ended with ${child.exitCode}`)
    const { code, stdout } = await runCli(['sql', `SELECT name FROM spans WHERE name = 'never ends'`, '--json'], { cwd })
    return code === 0 && stdout.includes('never ends')
  })
  return child
}
const rows = async <T>(sql: string): Promise<T[]> => JSON.parse((await runCli(['sql', sql, '--json'], { cwd })).stdout) as T[]

describe('a session that is still being written', () => {
  it('is read again and again without losing or repeating a span', async () => {
    const child = await start()
    let printed = ''
    child.stdout?.on('data', (chunk) => (printed += String(chunk)))
    const ended = once(child, 'close')
    const counts: number[] = []
    while (counts.length < 5) {
      const [row] = await rows<{ n: number; state: string }>(
        'SELECT count(*) AS n, (SELECT any_value(state) FROM processes) AS state FROM spans',
      )
      counts.push(row?.n ?? 0)
    }
    expect(counts).toEqual([...counts].sort((a, b) => a - b))
    expect(counts[0]).toBeGreaterThan(0)
    child.stdin?.end()
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
    const child = await start()
    expect(await rows('SELECT state FROM processes')).toEqual([{ state: 'live' }])
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await rows('SELECT state, end_reason FROM processes')).toEqual([{ state: 'crashed', end_reason: null }])
    expect(await rows('SELECT name FROM spans WHERE status = $$open$$')).toContainEqual({ name: 'never ends' })
    expect((await runCli(['report'], { cwd })).stdout).toMatch(/^busy_\S+ {2}crashed\n[^]*\d still open/)
  })
})
