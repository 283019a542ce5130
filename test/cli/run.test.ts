import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cliFile, runCli } from '../support/cli.ts'
import { repositoryRoot } from '../support/node-under-test.ts'

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(path.join(os.tmpdir(), 'perf-run-'))
  writeFileSync(path.join(cwd, 'package.json'), '{"name":"my-app"}')
})
afterEach(() => rmSync(cwd, { recursive: true, force: true }))

const write = (name: string, source: string): void => writeFileSync(path.join(cwd, name), source)
const run = (...args: string[]): ReturnType<typeof runCli> => runCli(['run', ...args], { cwd })
const query = async (sql: string): Promise<unknown> => JSON.parse((await runCli(['sql', sql, '--json'], { cwd })).stdout)

const REQUEST = `
import http from 'node:http'
const server = http.createServer((request, response) => response.end('ok')).listen(0, () => {
  http.get({ port: server.address().port, path: '/x' }, (response) => { response.resume(); response.on('end', () => setTimeout(() => server.close(), 300)) })
})`

describe('perf-agent run', () => {
  it('records the program into a session named after its service', async () => {
    write('app.mjs', REQUEST)
    expect(await run('app.mjs')).toMatchObject({ code: 0, stdout: '', stderr: '' })
    const sessions = JSON.parse((await runCli(['sessions', '--json'], { cwd })).stdout) as { session: string; state: string }[]
    expect(sessions).toMatchObject([{ session: expect.stringMatching(/^my-app_\d{8}-\d{6}_[0-9a-f]{4}$/) as string, state: 'done' }])
    expect(await query(`SELECT count(*) > 0 AS recorded FROM spans WHERE layer = 'http'`)).toEqual([{ recorded: true }])
  })

  it('keeps the switches that PERF_FLAGS names with the session, but no secrets', async () => {
    write('app.mjs', REQUEST)
    const env = { PERF_FLAGS: 'CACHE, BATCH=0, ABSENT, SHOP_API_KEY', CACHE: '1', SHOP_API_KEY: 'sk-verysecret', ABSENT: undefined }
    await runCli(['run', 'app.mjs'], { cwd, env })
    const [session = ''] = readdirSync(path.join(cwd, '.perf/sessions'))
    const text = readFileSync(path.join(cwd, '.perf/sessions', session, 'session.json'), 'utf8')
    expect((JSON.parse(text) as { flags: unknown }).flags).toEqual({ CACHE: '1', BATCH: '0', ABSENT: '', SHOP_API_KEY: 'REDACTED' })
    expect(text).not.toContain('verysecret')
  })

  it('takes every Node.js child of a shell script into the same session', async () => {
    write('app.mjs', REQUEST)
    expect((await run('sh', '-c', 'node app.mjs & node app.mjs; wait')).code).toBe(0)
    expect(await query('SELECT count(*) AS n FROM processes')).toEqual([{ n: 2 }])
  })

  it('gives them the settings of the folder it is called in, wherever they are started', async () => {
    mkdirSync(path.join(cwd, 'sub'))
    write('perf.config.json', '{ "settings": { "PERF_DIR": "kept", "PERF_SAMPLE": 0 } }')
    write('sub/app.mjs', REQUEST)
    expect(await run('sh', '-c', 'cd sub && node app.mjs')).toMatchObject({ code: 0, stderr: '' })
    expect(readdirSync(path.join(cwd, 'sub'))).toEqual(['app.mjs'])
    expect(await query('SELECT count(*) AS n FROM spans')).toEqual([{ n: 0 }])
  })

  it('passes arguments, standard streams, output and exit code through', async () => {
    write('app.cjs', `process.stdin.pipe(process.stdout); console.error(process.argv.slice(2).join('|')); process.exitCode = 7`)
    expect(await runCli(['run', 'app.cjs', '--json', '-x', 'a b'], { cwd, input: 'hello' })).toEqual({
      code: 7,
      signal: null,
      stdout: 'hello',
      stderr: '--json|-x|a b\n',
    })
  })

  it('ends by the signal the program ended by', async () => {
    write('app.cjs', `process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000)`)
    expect(await run('app.cjs')).toMatchObject({ code: null, signal: 'SIGKILL' })
    write('app.cjs', `process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1000)`)
    expect(await run('app.cjs')).toMatchObject({ code: null, signal: 'SIGTERM' })
  })

  it('passes signals on and leaves the answer to the program', async () => {
    write('app.cjs', `process.on('SIGTERM', () => { console.log('bye'); process.exit(3) }); console.log('up'); setInterval(() => {}, 1000)`)
    const child = spawn(process.execPath, [cliFile(), 'run', 'app.cjs'], { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
    const output = text(child.stdout)
    child.stdout.once('data', () => child.kill('SIGTERM'))
    expect(await once(child, 'exit')).toEqual([3, null])
    expect(await output).toContain('bye')
  })

  it('works from a path with blanks, and beside NODE_OPTIONS that are set', async () => {
    const agent = path.join(cwd, 'my agent')
    cpSync(path.dirname(cliFile()), path.join(agent, 'dist'), { recursive: true })
    cpSync(path.join(repositoryRoot, 'package.json'), path.join(agent, 'package.json'))
    symlinkSync(path.join(repositoryRoot, 'node_modules'), path.join(agent, 'node_modules'))
    write('app.cjs', `console.log(process.env.NODE_OPTIONS, process.execArgv.length, typeof globalThis[Symbol.for('perf.agent.v1')])`)
    const child = spawn(process.execPath, [path.join(agent, 'dist', 'cli.js'), 'run', 'app.cjs'], {
      cwd,
      env: { ...process.env, NODE_OPTIONS: '--max-old-space-size=300' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    expect(await text(child.stdout)).toMatch(/^--max-old-space-size=300 --import=file:\S+my%20agent\S+register\.js 0 object\n$/)
  })

  it('hands its options on as settings', async () => {
    write(
      'app.cjs',
      `console.log(JSON.stringify([process.env.PERF_SERVICE, process.env.PERF_TOOLS, process.env.PERF_CAPTURE, process.env.PERF_SESSION, process.env.PERF_DIR]))`,
    )
    const { stdout } = await run(
      '--service',
      'shop',
      '--tools',
      'src/**#*',
      '--capture',
      'preview',
      '--session',
      'mine',
      '--dir',
      'kept',
      'app.cjs',
    )
    const dir = path.join(cwd, 'kept')
    expect(JSON.parse(stdout)).toEqual(['shop', 'src/**#*', 'preview', path.join(dir, 'sessions', 'mine'), dir])
  })

  it('prints the report behind the program when asked to', async () => {
    write('app.mjs', `${REQUEST}\nconsole.log('from the app')`)
    expect((await run('--report', 'app.mjs')).stdout).toMatch(/^from the app\nmy-app_\S+ {2}done\n/)
  })

  it('says in one sentence why a program cannot be run', async () => {
    expect(await run('no-such-program')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^perf-agent: There is no program 'no-such-program' to run[^\n]*\n$/) as string,
    })
    expect(readFileSync(path.join(cwd, 'package.json'), 'utf8')).toBe('{"name":"my-app"}')
  })
})
