import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Threshold } from '../../src/analysis/audit/threshold.ts'
import { runCli } from '../support/cli.ts'
import { STARTED_AT, generateSession } from '../support/generate-session.ts'
import { RecordWriter } from '../support/record-writer.ts'

const MS = 1_000_000
let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(path.join(os.tmpdir(), 'perf-learn-'))
})
afterEach(() => rmSync(cwd, { recursive: true, force: true }))

const file = (): string => path.join(cwd, 'perf.config.json')
const writeConfig = (text: string): void => writeFileSync(file(), text)
const readConfig = (): { thresholds: Threshold[] } => JSON.parse(readFileSync(file(), 'utf8')) as { thresholds: Threshold[] }

/** The nth session of a service: `calls` queries of `ms`. */
async function session(n: number, calls: number, ms: number, options: { service?: string; end?: null } = {}): Promise<void> {
  const writer = new RecordWriter()
  for (let i = 0; i < calls; i++)
    writer.span({
      spanId: BigInt(i + 1),
      traceLow: BigInt(i + 1),
      name: 'SELECT * FROM a',
      layer: 'db',
      startNs: i * MS,
      endNs: (i + ms) * MS,
    })
  const block = writer.block({ thread: 0, seq: 1, anchor: { monoNs: 0, wallMs: STARTED_AT } })
  const service = options.service ?? 'shop'
  const startedAt = new Date(STARTED_AT + n * 60_000).toISOString()
  await generateSession({
    dir: path.join(cwd, '.perf'), service, name: `${service}_20261121-1015${String(n).padStart(2, '0')}_000${n}`, json: { startedAt },
    instances: [{ blocks: [block], ...(options.end === null ? { end: null } : {}) }],
  }) // prettier-ignore
}

const learn = async (...args: string[]): Promise<{ thresholds: Threshold[]; missing: unknown[]; kept: Threshold[]; sessions: number }> =>
  JSON.parse((await runCli(['audit', '--learn', '--json', ...args], { cwd })).stdout) as never

describe('audit --learn', () => {
  it('proposes limits a margin above what earlier sessions of the service showed', async () => {
    for (const [n, ms] of [100, 110, 120, 130, 140].entries()) await session(n, 20, ms)
    await session(7, 20, 9000, { service: 'other' })
    // The 95th percentile of the five is 138 ms; a fifth on top, rounded up to two digits.
    const learned = await learn('--session', 'shop_20261121-101504')
    expect(learned).toMatchObject({ sessions: 5, missing: [] })
    expect(learned.thresholds).toEqual([
      { layer: 'db', name: 'SELECT \\* FROM a', metric: 'p95_ms', min_calls: 20, max: 170, learned: { sessions: 5, seen: 140, at: expect.stringMatching(/^\d{4}-\d\d-\d\d$/) as string } },
      { layer: 'db', name: 'SELECT \\* FROM a', metric: 'error_rate', min_calls: 20, max: 0.01, learned: { sessions: 5, seen: 0, at: expect.any(String) as string } },
    ]) // prettier-ignore
    expect((await learn('--session', 'shop_20261121-101504', '--margin', '100')).thresholds[0]?.max).toBe(280)
  })

  it('says how much data is missing', async () => {
    for (const n of [0, 1, 2]) await session(n, 20, 100)
    const { stdout, code } = await runCli(['audit', '--learn'], { cwd })
    expect(code).toBe(0)
    expect(stdout).toContain('3 sessions of shop')
    expect(stdout.replace(/\s+/g, ' ')).toContain('it takes 5 sessions, 2 more than there are')
    // Sessions with too few calls do not count.
    for (const n of [3, 4]) await session(n, 19, 100)
    expect(await learn()).toMatchObject({
      sessions: 5,
      thresholds: [],
      missing: [{ layer: 'db', name: 'SELECT \\* FROM a', sessions: 3, needed: 5 }],
    })
    expect((await runCli(['audit', '--learn'], { cwd })).stdout).toContain('3 of 5 sessions, 2 more')
  })

  it('writes them into the file, keeping what is there, and audits against them', async () => {
    for (let n = 0; n < 5; n++) await session(n, 20, 100)
    const text = `{
    "prices": { "models": { "mine": { "input": 1, "output": 2 } } },
    "thresholds": [
        { "layer": "db", "name": "SELECT \\\\* FROM a", "metric": "error_rate", "max": 0.5 }
    ]
}
`
    writeConfig(text)
    const { stdout } = await runCli(['audit', '--learn', '--write'], { cwd })
    expect(stdout).toContain('Written to perf.config.json.')
    expect(stdout).toContain('your own')
    const written = readFileSync(file(), 'utf8')
    expect(written).toContain('    "prices": { "models": { "mine": { "input": 1, "output": 2 } } },\n')
    expect(written).toContain(`        { "layer": "db", "name": "SELECT \\\\* FROM a", "metric": "error_rate", "max": 0.5 }`)
    expect(readConfig().thresholds).toMatchObject([{ metric: 'error_rate', max: 0.5 }, { metric: 'p95_ms', max: 120 }]) // prettier-ignore
    expect((await runCli(['audit'], { cwd })).code).toBe(0)

    // Slower now: the audit fails; learning again replaces what was learned only.
    for (let n = 5; n < 9; n++) await session(n, 20, 300)
    expect((await runCli(['audit'], { cwd })).code).toBe(1)
    await runCli(['audit', '--learn', '--write'], { cwd })
    expect(readConfig().thresholds).toMatchObject([{ metric: 'error_rate', max: 0.5 }, { metric: 'p95_ms', max: 360 }]) // prettier-ignore
    expect(readConfig().thresholds).toHaveLength(2)
    expect(readFileSync(file(), 'utf8').split('\n').slice(0, 4)).toEqual(written.split('\n').slice(0, 4))
  })

  it('makes the file where there is none', async () => {
    for (let n = 0; n < 5; n++) await session(n, 20, 100)
    await runCli(['audit', '--learn', '--write'], { cwd })
    expect(readConfig()).toMatchObject({ $schema: './node_modules/@perf/agent/docs/perf.config.schema.json', thresholds: [{}, {}] })
  })
})

describe('audit', () => {
  it('refuses a bad file with one sentence and exit 2; other commands go on without it', async () => {
    await session(0, 20, 100)
    writeConfig('{ "thresholds": [{ "metric": "p95_ms", "max": "fast" }] }')
    expect(await runCli(['audit'], { cwd })).toMatchObject({
      code: 2,
      stdout: '',
      stderr: 'perf-agent: perf.config.json: thresholds[0].max must be a number, not "fast".\n',
    })
    expect(JSON.parse((await runCli(['audit', '--json'], { cwd })).stdout)).toMatchObject({ error: { code: 'CONFIG_FILE' } })
    expect(await runCli(['sessions'], { cwd })).toMatchObject({ code: 0, stderr: '' })
    const report = await runCli(['report'], { cwd })
    expect(report.code).toBe(0)
    expect(report.stderr).toBe('perf-agent: perf.config.json is not used: thresholds[0].max must be a number, not "fast".\n')
    expect((await runCli(['audit', '--config', 'nowhere.json'], { cwd })).stderr).toBe(
      'perf-agent: nowhere.json cannot be read (ENOENT).\n',
    )
  })

  it('takes another file, and tells thresholds that fit nothing', async () => {
    await session(0, 20, 100)
    writeFileSync(path.join(cwd, 'ci.json'), JSON.stringify({ thresholds: [{ layer: 'db', metric: 'p95_ms', max: 200 }, { layer: 'tool', metric: 'p95_ms', max: 1 }] })) // prettier-ignore
    const { stdout, code } = await runCli(['audit', '--config', 'ci.json'], { cwd })
    expect(code).toBe(0)
    expect(stdout).toContain('tool p95_ms: nothing in the session fits it')
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
  })

  it('ends with 2 where there is no session', async () => {
    expect(await runCli(['audit'], { cwd })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^perf-agent: No session[^\n]*\n$/) as string,
    })
  })
})
