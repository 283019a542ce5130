import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { DOMParser } from '@xmldom/xmldom'
import { Ajv } from 'ajv'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { installedModules } from '../../scripts/install-versions.mjs'
import { runCli, type CliResult } from '../support/cli.ts'
import { STARTED_AT, generateSession } from '../support/generate-session.ts'
import { RecordWriter } from '../support/record-writer.ts'

const MS = 1_000_000
let cwd: string
beforeEach(async () => {
  cwd = mkdtempSync(path.join(os.tmpdir(), 'perf-outputs-'))
  const writer = new RecordWriter()
  writer.fact(1, { hash: 'abc', name: 'search', file: 'src/tools/search tool.ts', line: 12, source: 'function search() {}' })
  for (let i = 0; i < 4; i++) {
    writer.span({
      spanId: BigInt(i + 1),
      traceLow: BigInt(i + 1),
      name: 'search',
      layer: 'tool',
      variant: 'abc',
      startNs: i * MS,
      endNs: (i + 100) * MS,
    })
    writer.span({
      spanId: BigInt(i + 9),
      traceLow: BigInt(i + 1),
      name: 'a<b> & "c" 100%\n,::x',
      layer: 'db',
      startNs: i * MS,
      endNs: (i + 10) * MS,
    })
  }
  const block = writer.block({ thread: 0, seq: 1, anchor: { monoNs: 0, wallMs: STARTED_AT } })
  await generateSession({ dir: path.join(cwd, '.perf'), instances: [{ blocks: [block] }] })
  writeFileSync(path.join(cwd, 'perf.config.json'), CONFIG)
})
afterEach(() => rmSync(cwd, { recursive: true, force: true }))

const CONFIG = `{
  "thresholds": [
    { "layer": "tool", "name": "search", "metric": "p95_ms", "max": 50 },
    { "layer": "db", "name": "*", "metric": "max_ms", "max": 5, "level": "warn" },
    { "layer": "db", "metric": "max_ms", "max": 50 },
    { "layer": "http", "metric": "max_ms", "max": 50 },
    { "id": "few", "sql": "SELECT count(*) FROM spans", "max": 7 }
  ]
}
`
const audit = (args: string[], env: NodeJS.ProcessEnv = {}): Promise<CliResult> => runCli(['audit', ...args], { cwd, env })

describe('audit --junit', () => {
  it('has a test case a check, which another XML parser reads', async () => {
    expect((await audit(['--junit', 'out.xml'])).code).toBe(1)
    const problems: string[] = []
    const onError = (_level: string, message: string): void => void problems.push(message)
    const root = new DOMParser({ onError }).parseFromString(readFileSync(path.join(cwd, 'out.xml'), 'utf8'), 'text/xml')
    expect(problems).toEqual([])
    const all = [...root.getElementsByTagName('testcase')].map((element) => ({
      name: element.getAttribute('name'),
      failure: element.getElementsByTagName('failure')[0]?.textContent ?? null,
      skipped: element.getElementsByTagName('skipped').length,
      note: element.getElementsByTagName('system-out')[0]?.textContent ?? null,
    }))
    const name = 'a<b> & "c" 100% ,::x'
    expect(all).toEqual([
      {
        name: 'p95_ms of tool search is at most 50.0ms',
        failure: 'p95_ms of tool search is 100ms, more than 50.0ms',
        skipped: 0,
        note: null,
      },
      {
        name: `max_ms of db ${name} is at most 5.00ms`,
        failure: null,
        skipped: 0,
        note: `warning: max_ms of db ${name} is 10.0ms, more than 5.00ms`,
      },
      { name: 'max_ms of db is at most 50.0ms', failure: null, skipped: 0, note: null },
      { name: 'max_ms of http is at most 50.0ms', failure: null, skipped: 1, note: null },
      { name: 'few is at most 7', failure: 'few is 8, more than 7', skipped: 0, note: null },
    ])
    const suites = root.documentElement
    expect([suites?.getAttribute('tests'), suites?.getAttribute('failures'), suites?.getAttribute('skipped')]).toEqual(['5', '2', '1'])
  })
})

describe('audit --sarif', () => {
  it('fits the schema of SARIF 2.1.0 and points at the code, or at the threshold', async () => {
    await audit(['--sarif', 'out.sarif'])
    const log = JSON.parse(readFileSync(path.join(cwd, 'out.sarif'), 'utf8')) as { runs: { results: object[]; tool: object }[] }
    const modules = installedModules('@microsoft/jest-sarif@1.0.0-beta.0')
    const file = path.join(modules, '@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json')
    // Of draft 4, whose `id` ajv refuses; nothing else in it has another meaning since.
    const { $schema: _draft, id: _id, ...schema } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
    const validate = new Ajv({ strict: false, validateFormats: false, unicodeRegExp: false, allErrors: true }).compile(schema)
    expect(validate(log), JSON.stringify(validate.errors)).toBe(true)
    expect(validate({ ...log, runs: [{ results: log.runs[0]?.results }] })).toBe(false)
    const at = (uri: string, startLine: number): object => ({
      locations: [{ physicalLocation: { artifactLocation: { uri, uriBaseId: 'SRCROOT' }, region: { startLine } } }],
    })
    expect(log.runs[0]?.results).toMatchObject([
      { ruleId: 'tool search p95_ms', level: 'error', ...at('src/tools/search%20tool.ts', 12) },
      { ruleId: 'few', level: 'error', ...at('perf.config.json', 7) },
      { ruleId: 'db * max_ms', level: 'warning', ...at('perf.config.json', 4), partialFingerprints: { 'perfAgentViolation/v1': expect.stringMatching(/^audit-/) as string } },
    ]) // prettier-ignore
    expect(log.runs[0]?.tool).toMatchObject({
      driver: { name: 'perf-agent', rules: [{ id: 'tool search p95_ms' }, { id: 'few' }, { id: 'db * max_ms' }] },
    })
  })
})

/** Reads a workflow command as the runner does (actions/runner, ActionCommand.cs). */
function readCommand(line: string): { command: string; properties: Record<string, string>; message: string } {
  const [, command = '', list = '', data = ''] = /^::(\w+) (.*?)::(.*)$/.exec(line) ?? []
  const plain = (text: string): string => text.replaceAll('%3A', ':').replaceAll('%2C', ',').replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%') // prettier-ignore
  return {
    command,
    properties: Object.fromEntries(list.split(',').map((pair) => pair.split('=', 2).map(plain) as [string, string])),
    message: plain(data),
  }
}

describe('audit --github', () => {
  it('writes annotations at their lines and a summary of the step', async () => {
    const { stdout, code } = await audit(['--github'], { GITHUB_STEP_SUMMARY: path.join(cwd, 'summary.md') })
    expect(code).toBe(1)
    const commands = stdout.split('\n').filter((line) => line.startsWith('::')).map(readCommand) // prettier-ignore
    expect(commands).toMatchObject([
      { command: 'error', properties: { file: 'src/tools/search tool.ts', line: '12', title: 'perf-agent: tool search p95_ms' } },
      { command: 'error', properties: { file: 'perf.config.json', line: '7' } },
      { command: 'warning', properties: { file: 'perf.config.json', line: '4' } },
    ])
    expect(commands[2]?.message).toMatch(/^max_ms of db a<b> & "c" 100% ,::x is 10\.0ms, more than 5\.00ms\n/)
    const summary = readFileSync(path.join(cwd, 'summary.md'), 'utf8')
    expect(summary).toContain('## Performance audit: 2 failed')
    expect(summary).toContain('| warn | db * max_ms | db a&lt;b> & "c" 100% ,::x | 10.0ms | ≤ 5.00ms |')
    // A second step adds to it; with JSON the annotations leave standard output alone.
    const json = await audit(['--github', '--json'], { GITHUB_STEP_SUMMARY: path.join(cwd, 'summary.md') })
    expect(JSON.parse(json.stdout)).toMatchObject({ rejected: false, thresholds: 'perf.config.json' })
    expect(json.stderr).toMatch(/^::error /)
    expect(readFileSync(path.join(cwd, 'summary.md'), 'utf8').split('## Performance audit')).toHaveLength(3)
    expect((await audit(['--github'])).code).toBe(1)
  })
})

describe('audit -- <command> with --junit, --sarif and --github', () => {
  it('tells a rejected recording as a failure', async () => {
    writeFileSync(path.join(cwd, 'app.cjs'), 'process.exitCode = process.env.NODE_OPTIONS ? 1 : 0')
    const { stdout, code } = await audit(['--quiet', '--junit', 'out.xml', '--sarif', 'out.sarif', '--github', '--', 'node', 'app.cjs'])
    expect(code).toBe(1)
    expect(stdout).toMatch(/^::error title=perf-agent%3A recording rejected::.*%0Aexit code: without 0, with 1$/m)
    expect(readFileSync(path.join(cwd, 'out.xml'), 'utf8')).toContain('<failure message="exit code: without 0, with 1">')
    const log = JSON.parse(readFileSync(path.join(cwd, 'out.sarif'), 'utf8')) as { runs: { results: object[] }[] }
    expect(log.runs[0]?.results).toMatchObject([{ ruleId: 'behaviour', level: 'error' }])
  })
})
