import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { runCommand } from '../../src/analysis/optimize/run-command.ts'
import { isAlive } from '../../src/store/process-identity.ts'
import { waitFor } from '../support/wait-for.ts'

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(path.join(os.tmpdir(), 'perf-command-'))
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }))
})

const node = (code: string): [string, ...string[]] => [process.execPath, '-e', code]
const pidIn = (file: string): number | undefined =>
  existsSync(path.join(cwd, file)) ? Number(readFileSync(path.join(cwd, file), 'utf8')) || undefined : undefined

describe('runCommand', () => {
  it('hands over standard input, gives exit code and the end of the output', async () => {
    const echo = node('process.stdin.pipe(process.stderr); process.exitCode = 3')
    expect(await runCommand(echo, { cwd, input: 'hello', timeoutMs: 60_000 })).toMatchObject({
      code: 3,
      signal: null,
      timedOut: false,
      tail: 'hello',
    })
    expect(await runCommand('printf abc && exit 4', { cwd, timeoutMs: 60_000 })).toMatchObject({ code: 4, tail: 'abc' })
    expect(await runCommand(node('process.exit(0)'), { cwd, input: 'x'.repeat(5_000_000), timeoutMs: 60_000 })).toMatchObject({ code: 0 })
    await expect(runCommand(['no-such-program'], { cwd, timeoutMs: 1000 })).rejects.toThrow("There is no program 'no-such-program' to run.")
  })

  // Both ignore SIGTERM, so that only the end of the whole group helps.
  const stubborn = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); require('fs').writeFileSync`
  const parent = (end: string): string =>
    `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(`${stubborn}('child', String(process.pid))`)}], { stdio: 'inherit' }); ${end}`

  it('ends the whole group when it hangs', async () => {
    const hanging = node(parent(`${stubborn}('parent', String(process.pid))`))
    const controller = new AbortController()
    const ended = runCommand(hanging, { cwd, timeoutMs: 600_000, signal: controller.signal })
    const pids = [await waitFor('the child', () => pidIn('child')), await waitFor('its parent', () => pidIn('parent'))]
    expect(pids.map(isAlive)).toEqual([true, true])
    controller.abort()
    expect(await ended).toMatchObject({ signal: 'SIGKILL', timedOut: false })
    expect(pids.map(isAlive)).toEqual([false, false])
  })

  it('ends at its timeout, and says so', async () => {
    expect(await runCommand(node('setInterval(() => {}, 1000)'), { cwd, timeoutMs: 300 })).toMatchObject({
      signal: 'SIGTERM',
      timedOut: true,
    })
  })

  it('leaves nothing behind that could write later', async () => {
    const leaving = node(parent(`const wait = setInterval(() => require('fs').existsSync('child') && process.exit(0), 10)`))
    expect(await runCommand(leaving, { cwd, timeoutMs: 600_000 })).toMatchObject({ code: 0 })
    expect(isAlive(pidIn('child') ?? 0)).toBe(false)
  })
})
