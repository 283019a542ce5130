// `perf-agent flame` and `perf-agent export` on a recorded program; what they write is read back by other programs.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Browser, Page } from 'playwright-core'
import { Profile } from 'pprof-format'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeWithChromium, startChromium } from '../support/chromium.ts'
import { runCli } from '../support/cli.ts'
import { repositoryRoot } from '../support/node-under-test.ts'
import { record } from '../support/record.ts'

const PROGRAM = `
import { span, tool } from '@perf/agent/api'
import http from 'node:http'
let sink = 0
function spin(units) { for (let i = 0; i < units * 3_000_000; i++) sink = (sink + Math.imul(i, 2654435761)) | 0 }
function hotLoop() { spin(30) }
function coolLoop() { spin(10) }
const search = tool('search', async () => { hotLoop(); await null; coolLoop() })
const server = http.createServer((request, response) => span('handle', async () => {
  await search()
  response.end('done')
}))
server.listen(0, '127.0.0.1', async () => {
  const url = 'http://127.0.0.1:' + server.address().port
  for (let i = 0; i < 3; i++) await (await fetch(url + '/find')).text()
  span('alone', () => coolLoop())
  server.close()
})
`

let out: string
let dir: string
let session: string
beforeAll(async () => {
  out = mkdtempSync(path.join(os.tmpdir(), 'perf-flame-'))
  const run = await record({ app: PROGRAM, env: { PERF_CPU: '1ms' } })
  expect([run.status, run.stderr]).toEqual([0, ''])
  dir = run.perfDir
  session = path.basename(run.sessionDir ?? '')
})
afterAll(() => rmSync(out, { recursive: true, force: true }))

const cli = (...args: string[]) => runCli([...args, '--dir', dir], { cwd: out })

interface FlameJson {
  sampled_us: number
  totals: { us: number; inSpans: number; outside: number }
  functions: { function: string; file: string | null; line: number | null; self: number; total: number; span: string | null }[]
  spans: { span: string | null; layer: string | null; us: number }[]
  changes: { function: string; change: number }[]
}
const flame = async (...args: string[]): Promise<FlameJson> =>
  JSON.parse((await cli('flame', '--json', '--limit', '500', ...args)).stdout) as FlameJson
const named = (all: FlameJson, name: string) => all.functions.find((row) => row.function === name)

async function exported(format: string): Promise<string> {
  const file = path.join(out, format)
  const { code, stderr } = await cli('export', `--${format}`, '--output', file)
  expect([code, stderr]).toEqual([0, ''])
  expect(statSync(file).mode & 0o777).toBe(0o600)
  return file
}

describe('flame', () => {
  it('prints functions and spans by their CPU time, and what belongs to no span', async () => {
    const { code, stdout } = await cli('flame')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^\d[\d.]*m?s of CPU sampled every 1\.00ms in 1 thread: \d+% in spans, \d+% outside of any\n/)
    expect(stdout).toMatch(/spin +app\.js:5 +search/)
    expect(stdout).toMatch(/search +tool +spin app\.js:5/)
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  it('narrows to a span, tool, route or layer with what they called', async () => {
    const all = await flame()
    const [hot, cool] = [named(all, 'hotLoop'), named(all, 'coolLoop')]
    // Three times a quarter of the work outside of the tool, too: coolLoop runs four times, hotLoop three times.
    expect((hot?.total ?? 0) / (cool?.total ?? 1)).toBeGreaterThan(1.4)
    const alone = await flame('--span', 'alone')
    expect(named(alone, 'hotLoop')).toBeUndefined()
    expect(named(alone, 'coolLoop')?.total).toBeGreaterThan(0)
    const tool = await flame('--tool', 'search')
    expect(tool.spans.map((row) => row.span)).toEqual(['search'])
    expect(named(tool, 'hotLoop')?.total).toBe(hot?.total)
    const handle = await flame('--span', 'handle')
    expect(handle.sampled_us).toBeGreaterThanOrEqual(tool.sampled_us)
    const route = await flame('--route', 'GET')
    expect(route.sampled_us).toBeGreaterThanOrEqual(handle.sampled_us)
    expect(named(route, 'coolLoop')?.total).toBe(named(tool, 'coolLoop')?.total)
    const layer = await flame('--layer', 'function')
    expect(layer.spans.every((row) => row.layer === 'function')).toBe(true)
    expect(all.totals.us).toBeGreaterThan(tool.sampled_us + (named(alone, 'coolLoop')?.total ?? 0))
  })

  it('compares two sessions', async () => {
    const again = await record({ app: PROGRAM.replace('spin(30)', 'spin(120)'), env: { PERF_CPU: '1ms' } })
    const { stdout } = await runCli(['flame', '--diff', path.join(dir, 'sessions', session), '--dir', again.perfDir, '--json'])
    const changes = (JSON.parse(stdout) as FlameJson).changes
    expect(changes[0]).toMatchObject({ function: 'spin' })
    expect(changes[0]?.change).toBeGreaterThan(0)
    const text = await runCli(['flame', '--diff', path.join(dir, 'sessions', session), '--dir', again.perfDir])
    expect(text.stdout).toMatch(new RegExp(`Against ${session}: .* before, .* now\n\n +change +before +now +function`))
  })

  it('says what to do when nothing fits', async () => {
    expect(await cli('flame', '--span', 'nope')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^perf-agent: No span fits span nope/) as string,
    })
    expect(await cli('export')).toMatchObject({ code: 2, stderr: expect.stringMatching(/^perf-agent: Name one format/) as string })
    const plain = await record({ app: `import { span } from '@perf/agent/api'\nspan('x', () => {})` })
    const { code, stderr } = await runCli(['flame', '--dir', plain.perfDir])
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(/holds no CPU profile. Record one with: PERF_CPU=on/) as string,
    })
  })
})

describe('report and trace', () => {
  it('show CPU by span and by function, and the own CPU of each span of a trace', async () => {
    const report = await cli('report')
    expect(report.stdout).toMatch(/\nCPU\n\d[\d.]*m?s of CPU sampled every 1\.00ms/)
    expect(report.stdout).toMatch(/search +tool +spin app\.js:5/)
    const trace = await cli('trace', 'slowest')
    expect(trace.stdout).toMatch(/\n +time +own CPU\n/)
    const { tree } = JSON.parse((await cli('trace', 'slowest', '--json')).stdout) as {
      tree: { name: string; cpu_ms: number; duration_ms: number }[]
    }
    const search = tree.find((row) => row.name === 'search')
    // It does nothing but compute.
    expect((search?.cpu_ms ?? 0) / (search?.duration_ms ?? 1)).toBeGreaterThan(0.9)
    expect(tree.find((row) => row.name === 'handle')?.cpu_ms).toBeLessThan((search?.cpu_ms ?? 0) / 2)
  })
})

describe('export --pprof', () => {
  it('is read back by a decoder with every sample, place and span', async () => {
    const profile = Profile.decode(gunzipSync(readFileSync(await exported('pprof'))))
    const { strings } = profile.stringTable
    const text = (index: number | bigint): string => strings[Number(index)] ?? ''
    expect(profile.sampleType.map(({ type, unit }) => [text(type), text(unit)])).toEqual([
      ['samples', 'count'],
      ['cpu', 'nanoseconds'],
    ])
    const functions = new Map(profile.function.map((row) => [Number(row.id), row]))
    const leaf = (id: number | bigint | undefined) =>
      functions.get(Number(profile.location.find((row) => Number(row.id) === Number(id))?.line[0]?.functionId))
    const spin = profile.sample.filter((row) => text(leaf(row.locationId[0])?.name ?? 0) === 'spin')
    const ns = spin.reduce((sum, row) => sum + Number(row.value[1]), 0)
    const all = await flame()
    expect(Math.abs(ns / 1000 - (named(all, 'spin')?.self ?? 0))).toBeLessThan(10)
    expect(new Set(spin.flatMap((row) => row.label.map((label) => `${text(label.key)}=${text(label.str)}`)))).toEqual(
      new Set(['span=search', 'layer=tool', 'span=alone', 'layer=function']),
    )
  })
})

describeWithChromium('read back in a browser', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await startChromium()
  })
  afterAll(() => browser.close())

  async function openOffline(url: string): Promise<Page> {
    const page = await browser.newPage()
    await page.route(/^https?:/, (route) => route.abort())
    await page.goto(url)
    return page
  }

  it.each([
    ['cpuprofile', 'Chrome CPU Profile', 'us', 'spin'],
    ['pprof', 'protobuf encoded pprof file', 'us', 'spin'],
    ['speedscope', 'speedscope json file', 'us', 'spin'],
    ['collapsed', 'collapsed stack format', 'count', 'spin (app.js:5)'],
    ['chrome-trace', 'Trace Event Format profile', 'us', 'spin {"file":"app.js","line":5}'],
  ])("speedscope's importer reads --%s", async (format, importer, unit, symbol) => {
    const file = await exported(format)
    const page = await openOffline(`file://${path.join(repositoryRoot, 'node_modules/speedscope/dist/release/index.html')}`)
    const said: string[] = []
    page.on('console', (message) => said.push(message.text()))
    await page.locator('input[type=file]').setInputFiles(file)
    await page.getByText('Sandwich').click()
    const row = page.locator('tr', { hasText: symbol }).first()
    await row.waitFor()
    const cells = await row.locator('td').allTextContents()
    await page.close()
    expect(said.find((line) => line.startsWith('Importing as'))).toBe(`Importing as ${importer}`)
    const spin = named(await flame(), 'spin')?.self ?? 0
    // Shown with three digits: 1.23s (45%), 417.55ms (12%), 12,345 (6%).
    const shown = /^([\d.,]+)(s|ms|µs)?/.exec(cells[1] ?? '')
    const value = Number(shown?.[1]?.replaceAll(',', '')) * { s: 1e6, ms: 1e3, µs: 1 }[shown?.[2] ?? 'µs']!
    expect(Math.abs(value / spin - 1), `${cells.join(' | ')} (${unit}) instead of ${spin} µs`).toBeLessThan(0.02)
  })

  it("Chrome's own trace loader (DevTools) reads --chrome-trace", async () => {
    const text = readFileSync(await exported('chrome-trace'), 'utf8')
    const events = (JSON.parse(text) as { traceEvents: { ph: string; name: string; dur?: number }[] }).traceEvents
    const page = await browser.newPage()
    await page.goto('devtools://devtools/bundled/devtools_app.html')
    const loaded: unknown = await page.evaluate(`(${LOAD_IN_DEVTOOLS})(${JSON.stringify(text)})`)
    await page.close()
    const slices = events.filter((event) => event.ph === 'X')
    expect(loaded).toEqual([
      {
        name: 'main thread',
        entries: slices.length,
        spin: slices.filter((slice) => slice.name === 'spin').reduce((sum, slice) => sum + (slice.dur ?? 0), 0),
      },
    ])
    const asynchronous = events.filter((event) => event.ph === 'b').map((event) => event.name)
    expect(asynchronous.sort()).toEqual(
      ['GET', 'GET', 'GET', 'GET', 'GET', 'GET', 'alone', 'handle', 'handle', 'handle', 'search', 'search', 'search'].sort(),
    )
  })

  it('the flame graph page works offline: it draws, finds and zooms', async () => {
    const file = path.join(out, 'flame.html')
    expect((await cli('flame', '--html', file)).stdout).toBe('Flame graph: flame.html\n')
    const page = await openOffline(`file://${file}`)
    const problems: string[] = []
    page.on('pageerror', (error) => problems.push(error.message))
    page.on('request', (request) => problems.push(request.url()))
    await page.locator('.frame', { hasText: 'spin' }).first().waitFor()
    // Whose code it is: the agent's own is not Node's.
    const colours = await page.locator('.frame').evaluateAll((frames) =>
      frames.flatMap((frame) => {
        const file = /(app\.js|node:perf-agent)/.exec(frame.querySelector('title')?.textContent ?? '')?.[1]
        const colour = /--(\w+)/.exec(frame.querySelector('rect')?.getAttribute('fill') ?? '')?.[1]
        return file === undefined ? [] : [`${file} ${colour ?? ''}`]
      }),
    )
    expect(new Set(colours)).toEqual(new Set(['app.js app', 'node:perf-agent agent']))
    const before = await page.locator('.frame[name=spin]').first().getAttribute('width')
    await page.locator('#search').fill('spin')
    await expect.poll(() => page.locator('#found').textContent()).toMatch(/^\d+\.\d % of the CPU time$/)
    await page.locator('.frame[name=hotLoop]').first().click()
    await expect
      .poll(async () => Number(await page.locator('.frame[name=hotLoop]').first().getAttribute('width')))
      .toBeGreaterThan(Number(before))
    await page.getByText('Reset zoom').click()
    await page.close()
    expect(problems).toEqual([])
    expect(existsSync(file)).toBe(true)
  })
})

/** Runs in the page of DevTools: its trace model parses the events as the Performance panel does. */
const LOAD_IN_DEVTOOLS = `async (text) => {
  const { TraceModel } = await import('./models/trace/trace.js')
  const model = TraceModel.Model.createWithAllHandlers()
  await model.parse(JSON.parse(text).traceEvents, {})
  const { Renderer } = model.parsedTrace(0).data
  return [...Renderer.processes.values()].flatMap(({ threads }) => [...threads.values()].map(({ name, entries }) => ({
    name, entries: entries.length, spin: entries.filter((entry) => entry.name === 'spin').reduce((sum, entry) => sum + entry.dur, 0),
  })))
}`
