// `perf-agent report --html`: the page as a file, and in a real browser without network.
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SpanFlag, SpanKindCode, StatusCode } from '../../src/core/layout.ts'
import { describeWithChromium, startChromium } from '../support/chromium.ts'
import { runCli } from '../support/cli.ts'
import { STARTED_AT, generateSession, serviceBlocks } from '../support/generate-session.ts'
import { record } from '../support/record.ts'
import { RecordWriter } from '../support/record-writer.ts'

/** Would run if it ever became markup. */
const HOSTILE = `<img src=x onerror="window.hacked=1">'"</script><script>window.hacked=2</script><!--`

const PROGRAM = `
import { span, tool } from '@perf/agent/api'
import http from 'node:http'
let sink = 0
function spin(units) { for (let i = 0; i < units * 1_000_000; i++) sink = (sink + Math.imul(i, 2654435761)) | 0 }
const search = tool('search', async () => { spin(20); await null; spin(5) })
const server = http.createServer((request, response) => span('handle', async () => {
  await search()
  response.end('done')
}))
server.listen(0, '127.0.0.1', async () => {
  for (let i = 0; i < 5; i++) await (await fetch('http://127.0.0.1:' + server.address().port + '/find')).text()
  server.close()
})
`

let out: string
/** One of each: a recorded program with a CPU profile, a session of hostile texts, a large one, an empty one. */
const pages: Record<'recorded' | 'hostile' | 'large' | 'empty', string> = { recorded: '', hostile: '', large: '', empty: '' }

beforeAll(async () => {
  out = mkdtempSync(path.join(os.tmpdir(), 'perf-html-'))
  const run = await record({ app: PROGRAM, env: { PERF_CPU: '1ms' } })
  expect([run.status, run.stderr]).toEqual([0, ''])
  await generateSession({ dir: path.join(out, 'hostile'), service: HOSTILE, name: 'hostile', instances: [{ blocks: [hostileBlock()] }] })
  await generateSession({ dir: path.join(out, 'large'), instances: [{ blocks: serviceBlocks(6000) }] })
  await generateSession({ dir: path.join(out, 'empty'), instances: [{ blocks: [] }] })
  for (const name of ['recorded', 'hostile', 'large', 'empty'] as const) {
    const file = path.join(out, `${name}.html`)
    const { code, stdout, stderr } = await runCli([
      'report',
      '--html',
      file,
      '--dir',
      name === 'recorded' ? run.perfDir : path.join(out, name),
    ])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^Report: .*\.html \([\d.]+ [KM]B; open it in a browser\)\n$/)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    pages[name] = file
  }
})
afterAll(() => rmSync(out, { recursive: true, force: true }))

/** Every text a recording can hold is hostile: names, statements, errors, models, attributes. */
function hostileBlock(): ReturnType<RecordWriter['block']> {
  const writer = new RecordWriter()
  for (let i = 0; i < 12; i++) {
    const trace = { traceHigh: 7n, traceLow: BigInt(i + 1), startNs: 1e9 + i * 1e8, status: StatusCode.error }
    const root = BigInt(i * 10 + 1)
    const attributes = { 'http.request.method': 'GET', 'http.route': `/${HOSTILE}`, 'url.path': HOSTILE, 'error.type': HOSTILE }
    writer.span({ ...trace, spanId: root, name: `GET ${HOSTILE}`, layer: 'http', integration: HOSTILE, kind: SpanKindCode.server, flags: SpanFlag.root, endNs: trace.startNs + 9e7, attributes }) // prettier-ignore
    writer.event({ spanId: root, timeNs: trace.startNs, name: 'exception', attributes: { 'exception.message': HOSTILE, 'exception.stacktrace': HOSTILE } }) // prettier-ignore
    const query = { 'db.query.text': `SELECT ${HOSTILE}`, 'db.system.name': HOSTILE, 'perf.pool.wait_ms': 20 }
    for (let k = 0; k < 5; k++)
      writer.span({ ...trace, spanId: root + BigInt(k + 1), parentId: root, name: HOSTILE, layer: 'db', integration: 'pg', kind: SpanKindCode.client, startNs: trace.startNs + k * 1e7, endNs: trace.startNs + k * 1e7 + 9e6, attributes: query }) // prettier-ignore
    const ai = {
      'gen_ai.request.model': HOSTILE,
      'gen_ai.provider.name': HOSTILE,
      'gen_ai.usage.input_tokens': 9000,
      'gen_ai.usage.output_tokens': 3,
    }
    writer.span({ ...trace, spanId: root + 7n, parentId: root, name: HOSTILE, layer: 'ai', integration: 'openai', kind: SpanKindCode.client, startNs: trace.startNs + 6e7, endNs: trace.startNs + 8e7, attributes: ai }) // prettier-ignore
    writer.span({ ...trace, spanId: root + 8n, parentId: root, name: HOSTILE, layer: HOSTILE, integration: 'tools', startNs: trace.startNs + 8e7, endNs: trace.startNs + 85e6 }) // prettier-ignore
  }
  return writer.block({ thread: 0, seq: 1, anchor: { monoNs: 0, wallMs: STARTED_AT } })
}

describe('report --html', () => {
  it('writes one file that names nothing outside of it', () => {
    for (const [name, file] of Object.entries(pages)) {
      const text = readFileSync(file, 'utf8')
      const has = (what: RegExp): string | undefined => what.exec(text)?.[0].slice(0, 200)
      expect(has(/<(?:link|img|iframe|object|embed)\b|<script [^>]*src/), name).toBeUndefined()
      expect(has(/<[^>]+ (?:href|src)="(?!#)[^"]*"/), name).toBeUndefined()
      expect(has(/url\((?!#)|@import|<[^>]+ style="/), name).toBeUndefined()
      expect(
        has(/<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; script-src &#39;sha256-/),
        name,
      ).toBeDefined()
    }
  })

  it('stays small for a large session and says what is left out', () => {
    expect(statSync(pages.large).size).toBeLessThan(2_000_000)
    expect(readFileSync(pages.large, 'utf8')).toContain('Tables show the first rows of each kind')
  })

  it('says in one sentence what does not go together or cannot be written', async () => {
    const both = await runCli(['report', '--html', 'x.html', '--budget', '100', '--dir', path.join(out, 'large')])
    expect(both).toMatchObject({ code: 2, stderr: 'perf-agent: --html writes a page for people; leave out --format and --budget.\n' })
    const nowhere = await runCli(['report', '--html', path.join(out, 'no', 'x.html'), '--dir', path.join(out, 'large')])
    expect(nowhere.code).toBe(2)
    expect(nowhere.stderr).toMatch(/^perf-agent: .*x\.html cannot be written: ENOENT.*\n$/)
  })

  it('prints where it is as JSON, under a name of its own when none is given', async () => {
    const { stdout } = await runCli(['report', '--html', '--json', '--dir', path.join(out, 'empty')], { cwd: out })
    const { file, bytes } = JSON.parse(stdout) as { file: string; bytes: number }
    expect(path.basename(file)).toBe('shop_20261121-101500_9f3c.report.html')
    expect(statSync(file).size).toBe(bytes)
  })
})

describeWithChromium('the page in a browser', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await startChromium()
  })
  afterAll(() => browser.close())

  interface Opened {
    page: Page
    /** What went wrong: console, exceptions, requests to anything but the file. */
    trouble: string[]
  }
  async function open(name: keyof typeof pages, options: Parameters<Browser['newPage']>[0] = {}): Promise<Opened> {
    const page = await browser.newPage({ viewport: { width: 1300, height: 900 }, ...options })
    const trouble: string[] = []
    page.on('console', (message) => trouble.push(`${message.type()}: ${message.text()}`))
    page.on('pageerror', (error) => trouble.push(error.message))
    page.on('request', (request) => {
      if (request.url() !== `file://${pages[name]}`) trouble.push(`request of ${request.url()}`)
    })
    await page.goto(`file://${pages[name]}`)
    return { page, trouble }
  }

  it.each(['recorded', 'hostile', 'large', 'empty'] as const)(
    'opens the %s session without an error or a request, wide and narrow',
    async (name) => {
      for (const viewport of [
        { width: 1300, height: 900 },
        { width: 360, height: 740 },
      ]) {
        const { page, trouble } = await open(name, { viewport })
        await page.locator('h1').waitFor()
        // Nothing sticks out at the side.
        expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)
        expect(trouble).toEqual([])
        await page.close()
      }
    },
  )

  it('shows hostile texts as they were recorded, and never as markup', async () => {
    const { page, trouble } = await open('hostile')
    await page.evaluate(() => document.querySelectorAll('details').forEach((details) => (details.open = true)))
    // The attributes of a span, which the script writes.
    await page.locator('table.waterfall tbody tr').first().press('Enter')
    await page.locator('.detail dd', { hasText: 'onerror' }).first().waitFor()
    expect(await page.locator('img, iframe, object').count()).toBe(0)
    expect(await page.evaluate(() => 'hacked' in window)).toBe(false)
    expect(await page.locator('h1').textContent()).toContain(HOSTILE)
    for (const section of ['#findings', '#names', '#queries', '#ai', '#errors', '#traces'])
      expect(await page.locator(section).textContent(), section).toContain(HOSTILE)
    expect(trouble).toEqual([])
    await page.close()
  })

  it('is read without its script: figures, findings, charts, tables, waterfalls', async () => {
    const { page } = await open('recorded', { javaScriptEnabled: false })
    for (const section of ['findings', 'time', 'layers', 'names', 'traces', 'endpoints', 'cpu', 'process'])
      expect(await page.locator(`#${section}`).isVisible(), section).toBe(true)
    expect(await page.locator('#names tbody tr').count()).toBeGreaterThan(2)
    expect(await page.locator('#traces details[open] tbody tr').count()).toBeGreaterThan(2)
    expect(await page.locator('.chart .area path.line').count()).toBeGreaterThan(0)
    // What needs the script is not there.
    expect(await page.locator('#find, #theme, #flame').filter({ visible: true }).count()).toBe(0)
    await page.close()
  })

  it('is walked with the keyboard: waterfall, charts, flame graph, search', async () => {
    const { page, trouble } = await open('recorded')
    const focused = (): Promise<string> => page.evaluate(() => document.activeElement?.querySelector('.name span')?.textContent ?? '')
    const rows = page.locator('#traces details[open] tbody tr[aria-level]')
    await rows.first().focus()
    const root = await focused()
    await page.keyboard.press('ArrowDown')
    const parent = await focused()
    await page.keyboard.press('ArrowDown')
    expect(await focused()).toContain('handle')
    // Close it: what is below is gone; Left again goes to its parent, Right opens.
    const before = await rows.filter({ visible: true }).count()
    await page.keyboard.press('ArrowLeft')
    expect(await rows.nth(2).getAttribute('aria-expanded')).toBe('false')
    expect(await rows.filter({ visible: true }).count()).toBeLessThan(before)
    await page.keyboard.press('ArrowLeft')
    expect(await focused()).toBe(parent)
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowRight')
    expect(await rows.filter({ visible: true }).count()).toBe(before)
    await page.keyboard.press('End')
    await page.keyboard.press('Home')
    expect(await focused()).toBe(root)
    // Only one row of a waterfall is a stop of Tab.
    expect(await page.locator('#traces details[open] tbody tr[tabindex="0"]').count()).toBe(1)
    await page.keyboard.press('Enter')
    expect(await page.locator('.detail dt').allTextContents()).toContain('http.request.method')
    await page.keyboard.press('Escape')
    expect(await page.locator('.detail').count()).toBe(0)

    await page.locator('.chart').first().focus()
    await page.keyboard.press('End')
    expect(await page.locator('#tip').isVisible()).toBe(true)
    expect(await page.locator('#tip').textContent()).toMatch(/ to /)
    await page.keyboard.press('Escape')
    expect(await page.locator('#tip').isVisible()).toBe(false)

    await page.locator('#flame').focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    expect(await page.locator('#flame-details').textContent()).toMatch(/m?s, [\d.]+ %/)
    const width = (): Promise<number> => page.locator('#flame g.frame.current').evaluate((frame) => frame.getBoundingClientRect().width)
    const narrow = await width()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await expect.poll(width).toBeGreaterThanOrEqual(narrow)
    await page.keyboard.press('Escape')

    await page.keyboard.press('/')
    await page.keyboard.type('search')
    await page.keyboard.press('Enter')
    expect(await page.locator('#found').textContent()).toMatch(/^1 of \d+$/)
    expect(await page.locator('.hit').first().isVisible()).toBe(true)
    await page.keyboard.press('Escape')
    expect(await page.locator('.hit').count()).toBe(0)
    expect(trouble).toEqual([])
    await page.close()
  })

  it('sorts tables, follows links into closed parts, and changes to dark and back', async () => {
    const { page, trouble } = await open('large')
    const counts = async (): Promise<number[]> =>
      (await page.locator('#names tbody td:nth-child(3)').allTextContents()).map((text) => Number(text.replaceAll(',', '')))
    const head = page.locator('#names th:nth-child(3)')
    await head.locator('button').click()
    expect(await counts()).toEqual((await counts()).toSorted((a, b) => b - a))
    await head.locator('button').click()
    expect(await counts()).toEqual((await counts()).toSorted((a, b) => a - b))
    expect(await head.getAttribute('aria-sort')).toBe('ascending')
    await page.locator('#errors a').first().click()
    const target = page.locator(await page.evaluate(() => location.hash))
    expect(await target.evaluate((details) => (details as HTMLDetailsElement).open)).toBe(true)
    const background = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    const light = await background()
    await page.locator('#theme').click()
    expect(await background()).not.toBe(light)
    await page.locator('#theme').click()
    expect(await background()).toBe(light)
    expect(trouble).toEqual([])
    await page.close()
  })

  it.each(['light', 'dark'] as const)('has text of enough contrast for WCAG AA in %s', async (colorScheme) => {
    for (const name of ['recorded', 'large'] as const) {
      const { page } = await open(name, { colorScheme })
      await page.evaluate(() => document.querySelectorAll('details').forEach((details) => (details.open = true)))
      expect(await page.evaluate(lowContrast)).toEqual([])
      await page.close()
    }
  })

  it('is printed whole, on white', async () => {
    const { page } = await open('large', { colorScheme: 'dark' })
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe('rgb(255, 255, 255)')
    expect(await page.locator('nav').isVisible()).toBe(false)
    await page.evaluate(() => dispatchEvent(new Event('beforeprint')))
    expect(await page.locator('.trace:not([open])').count()).toBe(0)
    expect((await page.pdf()).length).toBeGreaterThan(10_000)
    await page.close()
  })
})

/** Texts below 4.5 to 1 against what is behind them (https://www.w3.org/TR/WCAG22/#contrast-minimum); runs in the page. */
function lowContrast(): string[] {
  const channels = (color: string): number[] => (color.match(/[\d.]+/g) ?? []).map(Number)
  const luminance = ([r = 0, g = 0, b = 0]: number[]): number => {
    const linear = [r, g, b].map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4))
    return 0.2126 * (linear[0] ?? 0) + 0.7152 * (linear[1] ?? 0) + 0.0722 * (linear[2] ?? 0)
  }
  const behind = (element: Element | null): number[] => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor)
      if ((color[3] ?? 1) === 1) return color
    }
    return [255, 255, 255]
  }
  const low = new Set<string>()
  for (const element of document.querySelectorAll('body *')) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && (node.textContent ?? '').trim() !== '')
    if (!hasText || !(element as HTMLElement).checkVisibility() || element.closest('script, #flame, .skip') !== null) continue
    const style = getComputedStyle(element)
    const [a, b] = [luminance(channels(element instanceof SVGElement ? style.fill : style.color)), luminance(behind(element))]
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
    if (ratio < 4.5) low.add(`${element.tagName}.${element.getAttribute('class') ?? ''} ${ratio.toFixed(2)}`)
  }
  return [...low]
}
