// The report for an assistant: never more tokens than asked for, the same for the same session, and every id in it can be expanded.
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tokenCounter, type CountTokens } from '../../src/analysis/digest/tokens.ts'
import { runCli } from '../support/cli.ts'
import { generateSession, serviceBlocks } from '../support/generate-session.ts'
import { repositoryRoot } from '../support/node-under-test.ts'

let dir: string
let count: CountTokens
const cli = async (...args: string[]) => await runCli([...args, '--dir', dir])

beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-digest-'))
  await generateSession({ dir, name: 'shop_20261121-101500_9f3c', instances: [{ blocks: serviceBlocks(100) }] })
  count = await tokenCounter()
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

describe('report --format md', () => {
  it.each([12, 60, 150, 400, 1000, 4000, 50_000])('has at most %i tokens', async (budget) => {
    const { stdout, code, stderr } = await cli('report', '--format', 'md', '--budget', String(budget))
    expect([code, stderr]).toEqual([0, ''])
    expect(count(stdout)).toBeLessThanOrEqual(budget)
    expect(count(stdout)).toBeGreaterThan(Math.min(budget / 2, 150))
  })

  it('says more with more room: counted, in a line, in full', async () => {
    const least = (await cli('report', '--budget', '120')).stdout
    const some = (await cli('report', '--budget', '400')).stdout
    const all = (await cli('report', '--budget', '20000')).stdout
    expect(least).toMatch(/^\+ \d+ more \(`perf-agent findings`\): /m)
    expect(some).toMatch(/^- (high|medium|low) `[a-z-]+-[0-9a-f]{8}` /m)
    expect(all).toMatch(/^### high: /m)
    expect(all).toMatch(/^Next: `perf-agent /m)
    for (const heading of ['## Time by layer', '## Slowest traces', '## AI calls', '## Slow queries']) expect(all).toContain(heading)
    expect(all).not.toMatch(/^\+ \d+ more/m)
  })

  it('is the same, byte for byte, for the same session', async () => {
    const copy = mkdtempSync(path.join(os.tmpdir(), 'perf-digest-copy-'))
    try {
      cpSync(dir, copy, { recursive: true, filter: (name) => !name.includes('session.duckdb') })
      const args = ['report', '--format', 'md', '--budget', '3000']
      const again = await runCli([...args, '--dir', copy])
      expect(again.stdout).toBe((await cli(...args)).stdout)
    } finally {
      rmSync(copy, { recursive: true, force: true })
    }
  })

  it('names ids that show expands within a budget', async () => {
    const { stdout } = await cli('report', '--budget', '4000')
    const findings = [...new Set(stdout.match(/(?<=`)[a-z0-9-]+-[0-9a-f]{8}(?=`)/g))]
    const traces = [...new Set(stdout.match(/(?<=\|)[0-9a-f]{12}(?=\|)/g))]
    expect(findings.length).toBeGreaterThan(1)
    expect(traces.length).toBeGreaterThan(1)
    for (const id of [findings[0], findings.at(-1), traces[0]]) {
      for (const budget of [80, 800]) {
        const shown = await cli('show', String(id), '--budget', String(budget))
        expect([shown.code, shown.stderr]).toEqual([0, ''])
        expect(count(shown.stdout)).toBeLessThanOrEqual(budget)
        expect(shown.stdout).toContain(String(id))
      }
    }
  })
})

describe('report --format json --budget', () => {
  const schema = JSON.parse(readFileSync(path.join(repositoryRoot, 'docs', 'digest.schema.json'), 'utf8')) as object
  const validate = new Ajv2020({ allErrors: true, strict: false }).compile(schema)

  it.each([600, 1500, 30_000])('is what its schema says, in at most %i tokens', async (budget) => {
    const { stdout, code } = await cli('report', '--format', 'json', '--budget', String(budget))
    expect(code).toBe(0)
    expect(count(stdout)).toBeLessThanOrEqual(budget)
    const digest = JSON.parse(stdout) as { findings: { level: string }[]; more: Record<string, number> }
    expect(validate(digest), JSON.stringify(validate.errors)).toBe(true)
    const shown = digest.findings.length
    const all = JSON.parse((await cli('findings', '--json', '--limit', '100')).stdout) as unknown[]
    expect(shown + Object.values(digest.more).reduce((sum, n) => sum + n, 0)).toBe(all.length)
    if (budget > 20_000) expect(digest.findings.every(({ level }) => level === 'full')).toBe(true)
  })

  it('is refused where nothing fits', async () => {
    const { code, stderr, stdout } = await cli('report', '--format', 'json', '--budget', '20')
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toBe('perf-agent: --budget 20 is too little for JSON of this session; --format md fits into any.\n')
  })
})

it('refuses a budget for people, and one that is none', async () => {
  expect(await cli('report', '--format', 'text', '--budget', '10')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--format md') as string,
  })
  expect(await cli('report', '--budget', 'many')).toMatchObject({
    code: 2,
    stderr: "perf-agent: --budget needs a whole number above 0, not 'many'.\n",
  })
})
