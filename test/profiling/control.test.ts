// Commands and triggers of a running process, most of them while its main thread is blocked.
import { existsSync, readdirSync, statSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { findPaths } from '../../src/live/control-path.ts'
import { runCli, type CliResult } from '../support/cli.ts'
import { record, type Running } from '../support/record.ts'
import { waitFor } from '../support/wait-for.ts'

/** Blocks its main thread from the moment it says so until a file named `stop` appears. */
const BLOCKED = `import { existsSync } from 'node:fs'
import { span } from '@perf/agent/api'
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
function spin() { while (!existsSync('stop')); }
async function main() {
  span('first', () => {})
  while (!existsSync('.perf/sessions')) await sleep(10)
  await sleep(300)
  console.log('blocked')
  span('blocker', spin)
  span('after', () => {})
}
void main()
`
/** Comes to its loop all the time. */
const FREE = BLOCKED.replace(
  `console.log('blocked')`,
  `console.log('free'); const timer = setInterval(() => { if (existsSync('stop')) clearInterval(timer) }, 5); return`,
)

const sql = async <T>(perfDir: string, query: string): Promise<T[]> => {
  const { stdout } = await runCli(['sql', query, '--json', '--dir', perfDir])
  return stdout === '' ? [] : (JSON.parse(stdout) as T[])
}
const command = async ({ perfDir }: Running, ...args: string[]): Promise<CliResult> => await runCli([...args, '--dir', perfDir])
const said = async (running: Running, text: string): Promise<void> =>
  void (await waitFor(
    text,
    () => running.stdout().includes(text) && [...findPaths(sessionOf(running)).values()].some((file) => existsSync(file)),
  ))
const sessionOf = ({ perfDir }: Running): string => {
  const sessions = path.join(perfDir, 'sessions')
  return path.join(sessions, (existsSync(sessions) ? readdirSync(sessions) : [])[0] ?? '')
}

describe('a process whose main thread is blocked', () => {
  it.each(['esm', 'cjs'] as const)('gives a CPU profile, a snapshot and stops recording on command (%s)', async (format) => {
    const results: CliResult[] = []
    const run = await record({
      format,
      app: BLOCKED,
      timeoutMs: 60_000,
      during: async (running) => {
        await said(running, 'blocked')
        results.push(await command(running, 'profile', '--seconds', '0.5'))
        results.push(await command(running, 'snapshot', '--json'))
        results.push(await command(running, 'recording', 'off'))
        expect(running.stdout()).toBe('blocked\n')
        running.stop()
      },
    })
    expect([run.stdout, run.stderr, run.status]).toEqual(['blocked\n', '', 0])
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0])
    expect(results[0]?.stdout).toBe('CPU profile of 0.5 s, from outside: the main thread was blocked\n')
    expect(results[1]?.stderr).toMatch(/^heap \d+ MB: the app will stand still for about [\d.]+ s\n$/)
    expect(JSON.parse(results[1]?.stdout ?? '{}')).toMatchObject({
      result: expect.stringMatching(/^heap snapshot \S+ \(\d+ MB\)/) as string,
    })
    expect(results[2]?.stdout).toBe('recording is off\n')
    // Every sample of that profile belongs to the span that blocked; what came after `recording off` is not there.
    expect(await sql(run.perfDir, `SELECT DISTINCT span_name FROM cpu_samples`)).toEqual([{ span_name: 'blocker' }])
    expect(run.spans.map(({ name }) => name)).toEqual(['first', 'blocker'])
    expect(await sql(run.perfDir, `SELECT cause, action, outcome FROM actions ORDER BY time`)).toEqual([
      { cause: 'command', action: 'cpu', outcome: 'done' },
      { cause: 'command', action: 'snapshot', outcome: 'done' },
      { cause: 'command', action: 'recording', outcome: 'done' },
    ])
  })

  it('fires on lag, on a span, on memory and on time', async () => {
    const PERF_TRIGGERS = 'lag>400ms:cpu 300ms; span:blocker>500ms:cpu 300ms; heap>1MB:heap-sampling 300ms; every 1s:heap-profile 100ms'
    const causes = (perfDir: string) =>
      sql<{ cause: string }>(perfDir, `SELECT DISTINCT cause FROM actions WHERE outcome = 'done' ORDER BY cause`)
    const run = await record({
      app: BLOCKED,
      env: { PERF_TRIGGERS },
      timeoutMs: 60_000,
      during: async (running) => {
        await said(running, 'blocked')
        await waitFor('all four', async () => (await causes(running.perfDir)).length === 4)
        running.stop()
      },
    })
    expect([run.stdout, run.stderr, run.status]).toEqual(['blocked\n', '', 0])
    expect((await causes(run.perfDir)).map(({ cause }) => cause)).toEqual(PERF_TRIGGERS.split('; ').sort())
  })
})

describe('a process that is free', () => {
  it.each(['esm', 'cjs'] as const)('is profiled by itself, stops and goes on recording, and fires on a signal (%s)', async (format) => {
    const run = await record({
      format,
      app: FREE.replace("existsSync('stop')) clear", `span('tick', () => existsSync('stop'))) clear`),
      env: { PERF_TRIGGERS: 'signal:SIGUSR2:heap-profile 100ms; every 20 tick:cpu 100ms; nonsense' },
      timeoutMs: 60_000,
      during: async (running) => {
        await said(running, 'free')
        expect((await command(running, 'profile', '--seconds', '0.3')).stdout).toMatch(/^CPU profile of 0.3 s|^the app was idle/)
        expect((await command(running, 'recording', 'off')).stdout).toBe('recording is off\n')
        const ticks = async () =>
          (await sql<{ n: number }>(running.perfDir, `SELECT count(*) AS n FROM spans WHERE name = 'tick'`))[0]?.n ?? 0
        const before = await ticks()
        await waitFor('two more rounds of measurements', async () => {
          const since = `SELECT 1 FROM metrics WHERE name = 'process.memory.usage' AND time > (SELECT max(time) FROM actions WHERE action = 'recording') LIMIT 2`
          return (await sql(running.perfDir, since)).length === 2
        })
        expect(await ticks()).toBe(before)
        expect(await command(running, 'recording', 'on')).toMatchObject({ stdout: 'recording is on\n', stderr: '' })
        await waitFor('spans', async () => (await ticks()) > before)
        running.kill('SIGUSR2')
        await waitFor(
          'the signal',
          async () => (await sql(running.perfDir, `SELECT 1 FROM actions WHERE starts_with(cause, 'signal')`)).length > 0,
        )
        running.stop()
      },
    })
    expect([run.stdout, run.status, run.signal]).toEqual(['free\n', 0, null])
    expect(run.stderr).toBe(
      `[perf-agent] PERF_TRIGGERS: 'nonsense': needs an action behind a colon, such as ':snapshot'. The other triggers work.\n`,
    )
    const done = await sql<{ cause: string; outcome: string }>(run.perfDir, `SELECT DISTINCT cause, outcome FROM actions ORDER BY cause`)
    expect(done).toContainEqual({ cause: 'every 20 tick:cpu 100ms', outcome: 'done' })
    expect(done).toContainEqual({ cause: 'signal:SIGUSR2:heap-profile 100ms', outcome: 'done' })
  })

  it.each(['esm', 'cjs'] as const)('records the end of what was under way when it was told to stop recording (%s)', async (format) => {
    const run = await record({
      format,
      app: `import { existsSync } from 'node:fs'
import http from 'node:http'
import { span } from '@perf/agent/api'
const until = (done) => { const timer = setInterval(() => { if (existsSync('stop')) { clearInterval(timer); done() } }, 5) }
const server = http.createServer((request, response) => until(() => response.end('late'))).listen(0, '127.0.0.1', async () => {
  const url = 'http://127.0.0.1:' + server.address().port
  setTimeout(() => console.log('free'), 400)
  await Promise.all([
    span('waiter', () => fetch(url + '/a').then((answer) => answer.text())),
    new Promise((resolve) => http.get(url + '/b', (answer) => answer.resume().on('end', resolve))),
  ])
  span('after', () => {})
  server.close()
})
`,
      timeoutMs: 60_000,
      during: async (running) => {
        await said(running, 'free')
        expect((await command(running, 'recording', 'off')).stdout).toBe('recording is off\n')
        running.stop()
      },
    })
    expect([run.stdout, run.stderr, run.status]).toEqual(['free\n', '', 0])
    const spans = await sql<{ name: string; kind: string; status: string }>(
      run.perfDir,
      `SELECT kind, status, count(*) AS n FROM spans WHERE layer IN ('http', 'function') GROUP BY ALL ORDER BY kind`,
    )
    expect(spans).toEqual([
      { kind: 'client', status: 'unset', n: 2 },
      { kind: 'internal', status: 'unset', n: 1 },
      { kind: 'server', status: 'unset', n: 2 },
    ])
  })

  it.each(['esm', 'cjs'] as const)('is profiled, and stops recording, in its worker threads, too (%s)', async (format) => {
    const results: CliResult[] = []
    const run = await record({
      format,
      app: `import { existsSync } from 'node:fs'
import { Worker, isMainThread } from 'node:worker_threads'
import { span } from '@perf/agent/api'
const spin = () => { const end = performance.now() + 5; while (performance.now() < end); }
const timer = setInterval(() => { span(isMainThread ? 'main' : 'thread', spin); if (existsSync('stop')) clearInterval(timer) }, 10)
if (isMainThread) {
  const file = process.argv[1]
  for (let i = 0; i < 2; i++) new Worker(file)
  setTimeout(() => console.log('free'), 300)
}
`,
      timeoutMs: 60_000,
      during: async (running) => {
        await said(running, 'free')
        const names = async () =>
          await sql<{ name: string; thread: number }>(running.perfDir, `SELECT DISTINCT name, thread FROM spans ORDER BY thread`)
        await waitFor('spans of three threads', async () => (await names()).length === 3)
        results.push(await command(running, 'profile', '--seconds', '1'))
        const threads = async () => await sql(running.perfDir, `SELECT DISTINCT thread FROM cpu_profiles`)
        await waitFor('profiles of three threads', async () => (await threads()).length === 3)
        results.push(await command(running, 'recording', 'off'))
        const count = async () => (await sql<{ n: number }>(running.perfDir, `SELECT count(*) AS n FROM spans`))[0]?.n ?? 0
        let before = -1
        await waitFor('silence', async () => before === (before = await count()))
        running.stop()
      },
    })
    expect([run.stderr, run.status]).toEqual(['', 0])
    expect(results.map(({ stdout }) => stdout)).toEqual(['CPU profile of 1 s; worker threads: 2 of 2 profiled\n', 'recording is off\n'])
    const profiled = await sql<{ thread: number; span_name: string }>(
      run.perfDir,
      `SELECT DISTINCT thread > 0 AS thread, span_name FROM cpu_samples WHERE span_name IS NOT NULL ORDER BY ALL`,
    )
    expect(profiled).toEqual([
      { thread: false, span_name: 'main' },
      { thread: true, span_name: 'thread' },
    ])
  })

  it("listens on a socket that is its user's alone, answers nonsense with a sentence, and removes it at its end", async () => {
    let address = ''
    await record({
      app: FREE,
      during: async (running) => {
        await said(running, 'free')
        ;[address = ''] = findPaths(sessionOf(running)).values()
        expect(statSync(address).mode & 0o777).toBe(0o600)
        expect(await exchange(address, '{"command":"dance"}\n')).toBe(
          `{"type":"failed","error":"this process does not know the command 'dance'"}\n`,
        )
        expect(await exchange(address, 'not json\n')).toMatch(/^{"type":"failed"/)
        expect(await exchange(address, `${'x'.repeat(100_000)}`)).toBe('')
        running.stop()
      },
    })
    expect(existsSync(address)).toBe(false)
  })

  it('can be commanded where the path of its session is too long for a socket', async () => {
    let address = ''
    const run = await record({
      app: FREE.replaceAll(`'.perf/sessions'`, `process.env.PERF_DIR + '/sessions'`).replace(`existsSync('stop')`, `existsSync('stop')`),
      env: { PERF_SERVICE: 'a-service-with-a-name-that-is-longer-than-any-socket-could-ever-bear-in-its-address' },
      during: async (running) => {
        await said(running, 'free')
        ;[address = ''] = findPaths(sessionOf(running)).values()
        expect(path.dirname(address)).not.toContain('.perf')
        expect(statSync(address).mode & 0o777).toBe(0o600)
        expect((await command(running, 'recording', 'off')).stdout).toBe('recording is off\n')
        running.stop()
      },
    })
    expect(run.status).toBe(0)
    expect([existsSync(address), existsSync(path.dirname(address))]).toEqual([false, false])
  })
})

describe('commands', () => {
  it('say in one sentence that there is no such process', async () => {
    const { code, stdout, stderr } = await runCli(['profile', '--dir', '/nonexistent/perf'])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toBe(
      'perf-agent: No recorded process is running here; start one with: node --import @perf/agent app.js (or name the folder with --dir).\n',
    )
  })

  it.each([
    [['recording', 'maybe'], "perf-agent: 'maybe' is neither 'on' nor 'off'.\n"],
    [['profile', '--seconds', '-3'], "perf-agent: --seconds needs a number above 0 and up to 600, not '-3'.\n"],
    [['snapshot', '--pid', 'x'], "perf-agent: --pid needs a process id, not 'x'.\n"],
  ])('%j is wrong use', async (args, text) => {
    const { code, stderr } = await runCli([...args, '--dir', '/nonexistent/perf'])
    expect([code, stderr]).toEqual([2, text])
  })
})

async function exchange(address: string, text: string): Promise<string> {
  return await new Promise((resolve) => {
    let answer = ''
    const socket = net.connect(address, () => socket.write(text))
    socket.on('data', (chunk) => (answer += String(chunk)))
    socket.on('error', () => {})
    socket.on('close', () => resolve(answer))
  })
}
