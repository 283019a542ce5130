// `perf-agent load` against a real server that the agent records. Nothing here depends on how fast the machine is.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli, type CliResult } from '../support/cli.ts'
import { nodeBinary } from '../support/node-under-test.ts'
import { importUrl, writeProject } from '../support/run-node.ts'

const SERVER = `
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { span } from '@perf/agent/api'
const seen = {}
let limited = 0
let calls = 0
const routes = {
  '/fast': () => [200, 'ok'],
  '/fail': () => [500, 'no'],
  '/sometimes': async () => (await span(++calls % 10 === 5 ? 'slow query' : 'quick query', () => sleep(calls % 10 === 5 ? 200 : 1)), [200, 'ok']),
  '/pause': async () => (await sleep(100), [200, 'ok']),
  '/limited': async () => {
    try {
      if (++limited > 5) return [503, 'busy']
      await sleep(30)
      return [200, 'ok']
    } finally {
      limited--
    }
  },
  '/hang': async () => (await sleep(30_000, undefined, { ref: false }), [200, 'late']),
}
http.createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://host')
  if (pathname === '/seen') return response.end(JSON.stringify(seen))
  if (pathname === '/drop') return request.socket.destroy()
  if (pathname === '/until-close') return (response.useChunkedEncodingByDefault = false, response.writeHead(200, { connection: 'close' }), response.end('all'))
  if (pathname === '/exit') return process.exit(0)
  if (pathname === '/echo') {
    let body = ''
    for await (const chunk of request) body += chunk
    Object.assign(seen, { method: request.method, body, tenant: request.headers['x-tenant'], url: request.url })
    return response.end('thanks')
  }
  const [status, text] = await (routes[pathname] ?? (() => [404, 'none']))()
  response.writeHead(status).end(text)
}).on('connection', () => (seen.connections = (seen.connections ?? 0) + 1)).listen(0, '127.0.0.1', function () { console.log(this.address().port) })
`

interface Server {
  url: string
  child: ChildProcess
  end(): Promise<void>
}

async function start(cwd: string, preload: string[]): Promise<Server> {
  const child = spawn(nodeBinary(), [...preload, 'server.mjs'], { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
  const [port] = (await once(child.stdout, 'data')) as [Buffer]
  const end = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill()
    await once(child, 'exit')
  }
  return { url: `http://127.0.0.1:${port.toString().trim()}`, child, end }
}

let cwd: string
let server: Server
beforeAll(async () => {
  cwd = writeProject({ 'server.mjs': SERVER })
  server = await start(cwd, ['--import', importUrl()])
})
afterAll(() => server.end())

interface LoadJson {
  requests: number
  failed: number
  unsent: number
  timeouts: number
  statuses: Record<string, number>
  errors: Record<string, number>
  latency_ms: Record<string, number>
  slowest: { trace_id: string; service_ms: number; status: number | null }[]
  histogram: { to_ms: number; requests: number }[]
  recorded: { trace_id: string; session: string; waited_for: { layer: string; name: string; ms: number }[] }[]
  broken: string[]
  file: string
}

const load = (route: string, ...args: string[]): Promise<CliResult> => runCli(['load', `${server.url}${route}`, ...args], { cwd })
async function figures(route: string, ...args: string[]): Promise<LoadJson & { code: number | null }> {
  const { code, stdout, stderr } = await load(route, '--json', ...args)
  expect(stderr).toBe('')
  return { code, ...(JSON.parse(stdout) as LoadJson) }
}
const sql = async <T>(query: string): Promise<T[]> => JSON.parse((await runCli(['sql', '--json', query], { cwd })).stdout) as T[]

describe('load', () => {
  it('counts what the server answered: one trace each, all of them recorded', async () => {
    const run = await figures('/fast', '-c', '3', '--duration', '300ms')
    expect(run).toMatchObject({ code: 0, failed: 0, unsent: 0, statuses: { 200: run.requests }, errors: {}, broken: [] })
    expect(run.histogram.reduce((sum, { requests }) => sum + requests, 0)).toBe(run.requests)
    expect(run.latency_ms['p50']).toBeLessThanOrEqual(run.latency_ms['max'] ?? 0)
    const [recorded] = await sql<{ requests: number; traces: number }>(
      `SELECT count(*)::INTEGER AS requests, count(DISTINCT trace_id)::INTEGER AS traces FROM requests WHERE direction = 'in' AND url = '/fast'`,
    )
    expect(recorded).toEqual({ requests: run.requests, traces: run.requests })
  })

  it('links the slowest to their traces, and says where their time went', async () => {
    const run = await figures('/sometimes', '--rate', '40', '--duration', '1s')
    const slow = run.slowest.filter(({ service_ms }) => service_ms >= 195)
    expect(slow.length).toBeGreaterThanOrEqual(2)
    expect(run.recorded.map(({ trace_id }) => trace_id)).toEqual(run.slowest.map(({ trace_id }) => trace_id))
    expect(run.recorded[0]?.waited_for[0]).toMatchObject({ name: 'slow query' })
    const text = await load('/sometimes', '--rate', '40', '--duration', '500ms')
    const [, id = ''] = /perf-agent trace ([0-9a-f]{12}) .* slow query/.exec(text.stdout) ?? []
    expect(text.stdout).toMatch(/recorded in \S+/)
    expect((await runCli(['trace', id], { cwd })).stdout).toMatch(/slow query/)
  })

  it('sends as many as the rate says, the ramp included', async () => {
    const run = await figures('/fast', '--rate', '40', '--ramp', '500ms', '--duration', '1s')
    // 40 a second, in the first half second growing from nothing: 10 + 20.
    expect(run.requests + run.unsent).toBeGreaterThanOrEqual(29)
    expect(run.requests + run.unsent).toBeLessThanOrEqual(31)
  })

  it('opens no more connections than it takes, and trusts none that was idle for long', async () => {
    const connections = async (): Promise<number> =>
      ((await (await fetch(`${server.url}/seen`)).json()) as { connections: number }).connections
    const before = await connections()
    const run = await figures('/fast', '--rate', '0.2', '--duration', '5500ms')
    expect(run).toMatchObject({ requests: 2, failed: 0, unsent: 0 })
    // One for each request, as they are five seconds apart, and the one that looks whether anybody answers; fetch may take a new one, too.
    expect((await connections()) - before).toBeLessThanOrEqual(5)
  })

  it('times a request that had to wait for a connection from when it was due', async () => {
    const run = await figures('/pause', '--rate', '40', '-c', '1', '--duration', '1s')
    expect(run.requests).toBeLessThanOrEqual(11)
    expect(run.unsent).toBeGreaterThanOrEqual(28)
    expect(run.slowest.at(-1)?.service_ms).toBeGreaterThanOrEqual(99)
    // Ten one after the other, due within a quarter of a second: the last waited for all before it.
    expect(run.latency_ms['max']).toBeGreaterThan(2 * (run.slowest.at(-1)?.service_ms ?? Infinity))
  })

  it('ends with 1 when a limit is broken, and says which', async () => {
    const failing = await load('/fail', '-c', '2', '--duration', '200ms', '--errors', '1%')
    expect(failing.code).toBe(1)
    expect(failing.stdout).toMatch(/Limit broken: 100% failed > 1%/)
    expect((await load('/fail', '-c', '2', '--duration', '200ms')).code).toBe(0)
    const slow = await figures('/pause', '-c', '2', '--duration', '300ms', '--p99', '50ms')
    expect([slow.code, slow.broken]).toEqual([1, [expect.stringMatching(/^p99 \d+ms > 50ms$/)]])
    expect((await figures('/fast', '-c', '1', '--duration', '100ms', '--p99', '1m', '--errors', '0%')).code).toBe(0)
  })

  it('tells apart what is not answered: too late, closed', async () => {
    const late = await figures('/hang', '-c', '2', '--duration', '200ms', '--timeout', '300ms')
    expect(late).toMatchObject({ requests: 2, failed: 2, timeouts: 2, statuses: {}, errors: { timeout: 2 } })
    const dropped = await figures('/drop', '-c', '2', '--duration', '200ms')
    expect(dropped.requests).toBeGreaterThan(0)
    expect(dropped.errors).toEqual({ closed: dropped.requests })
    const whole = await figures('/until-close', '-c', '2', '--duration', '200ms')
    expect(whole).toMatchObject({ failed: 0, statuses: { 200: whole.requests } })
  })

  it('sends method, headers and body, and keeps none of their contents', async () => {
    const run = await figures(
      '/echo?token=s3cret',
      '-c',
      '1',
      '--duration',
      '100ms',
      '-X',
      'PUT',
      '-H',
      'X-Tenant: acme-secret',
      '--body',
      '{"card":4111}',
    )
    expect(run.failed).toBe(0)
    const seen = (await (await fetch(`${server.url}/seen`)).json()) as unknown
    expect(seen).toMatchObject({ method: 'PUT', body: '{"card":4111}', tenant: 'acme-secret', url: '/echo?token=s3cret' })
    const record = readFileSync(run.file, 'utf8')
    expect(JSON.parse(record)).toMatchObject({
      format: 1,
      url: `${server.url}/echo`,
      method: 'PUT',
      headers: ['X-Tenant'],
      body_bytes: 13,
      figures: { requests: run.requests },
    })
    expect(record).not.toMatch(/s3cret|acme|4111/)
    expect(statSync(run.file).mode & 0o077).toBe(0)
    const text = await load('/echo?token=s3cret', '-c', '1', '--duration', '100ms', '-H', 'X-Tenant: acme-secret')
    expect(text.stdout).not.toMatch(/s3cret|acme/)
  })

  it('says how it went when it is interrupted', async () => {
    const before = (await sql<{ n: number }>(`SELECT count(*)::INTEGER AS n FROM requests WHERE direction = 'in'`))[0]?.n ?? 0
    const result = await runCli(['load', `${server.url}/fast`, '-c', '1', '--duration', '10m'], {
      cwd,
      onStart: (child) =>
        void (async () => {
          for (;;) {
            const [row] = await sql<{ n: number }>(`SELECT count(*)::INTEGER AS n FROM requests WHERE direction = 'in'`)
            if ((row?.n ?? 0) > before) break
          }
          child.kill('SIGINT')
        })(),
    })
    expect([result.code, result.signal, result.stderr]).toEqual([0, null, ''])
    expect(result.stdout).toMatch(/requests in .* a second/)
    expect(result.stdout).toMatch(/perf-agent trace [0-9a-f]{12}/)
  })

  it('goes on when the server ends in the middle, and counts that', async () => {
    const other = await start(cwd, [])
    const { stdout, stderr } = await runCli(['load', `${other.url}/fast`, '-c', '2', '--duration', '1500ms', '--json'], {
      cwd,
      onStart: () => void endUnderLoad(other.url),
    })
    expect(stderr).toBe('')
    const run = JSON.parse(stdout) as LoadJson
    expect(run.errors['ECONNREFUSED']).toBeGreaterThan(0)
    // Tried again every tenth of a second, not thousands of times.
    expect(run.errors['ECONNREFUSED']).toBeLessThan(40)
    expect(run.recorded).toEqual([])
    await other.end()
  })

  it('says what to do where nothing recorded the requests', async () => {
    const other = await start(cwd, [])
    const elsewhere = writeProject({})
    const { code, stdout } = await runCli(['load', `${other.url}/fast`, '-c', '1', '--duration', '100ms'], { cwd: elsewhere })
    expect(code).toBe(0)
    expect(stdout).toMatch(/No session here recorded these requests; start the server with: node --import @perf\/agent app\.js/)
    expect(readdirSync(path.join(elsewhere, '.perf', 'load'))).toHaveLength(1)
    await other.end()
  })
})

/** Ends a server once others than us are connected to it. */
async function endUnderLoad(url: string): Promise<void> {
  const connections = async (): Promise<number> => ((await (await fetch(`${url}/seen`)).json()) as { connections: number }).connections
  const ours = await connections()
  while ((await connections()) < ours + 2) await new Promise((resolve) => setTimeout(resolve, 20))
  await fetch(`${url}/exit`).catch(() => {})
}

describe('load --stress', () => {
  it('finds how many at a time the server takes', async () => {
    const { code, stdout } = await load('/limited', '--stress', '--step', '300ms', '-c', '32', '--errors', '1%')
    expect(code).toBe(0)
    expect(stdout).toMatch(/Limit: holds 5 connections, breaks at 6\./)
    expect(stdout).toMatch(/ 8 .* failed > 1%/)
    const json = JSON.parse((await load('/limited', '--stress', '--step', '300ms', '-c', '4', '--errors', '1%', '--json')).stdout) as {
      stress: { holds: number; breaks: number | null; steps: { level: number }[] }
    }
    expect(json.stress).toMatchObject({ holds: 4, breaks: null })
    expect(json.stress.steps.map(({ level }) => level)).toEqual([1, 2, 4])
  })

  it('ends with 1 where the first step breaks already', async () => {
    const { code, stdout } = await load('/fail', '--stress', '--step', '100ms')
    expect(code).toBe(1)
    expect(stdout).toMatch(/Breaks at the first step already: 1 connections\./)
  })
})

it.each([
  [['http://127.0.0.1:1/'], /^perf-agent: Nobody answers at 127\.0\.0\.1:1 \(ECONNREFUSED\): is the server running\?$/],
  [['ftp://host/'], /load speaks http and https, not 'ftp'/],
  [['http://'], /is not a URL/],
  [['localhost:1', '--rate', '0'], /--rate needs requests per second/],
  [['localhost:1', '--duration', '5'], /--duration needs a duration such as/],
  [['localhost:1', '--ramp', '20s'], /--ramp \(20s\) is part of --duration \(10s\)/],
  [['localhost:1', '--errors', '5'], /--errors needs a percentage/],
  [['localhost:1', '--method', 'BREW'], /--method is one of/],
  [['localhost:1', '--body', '@no-such-file'], /the file cannot be read \(ENOENT\)/],
  [['localhost:1', '-H', 'novalue'], /--header needs 'Name: value'/],
  [['localhost:1', '-c', '0'], /--connections/],
  [[], /missing required argument 'url'/],
])('%j is refused in one sentence', async (args, message) => {
  const { code, stdout, stderr } = await runCli(['load', ...args], { cwd })
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr.trim()).toMatch(message)
  expect(stderr.trim().split('\n')).toHaveLength(1)
})
