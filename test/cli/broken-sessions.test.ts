// Every command that reads a session, over sessions that are not whole: what it can say it says, else one clear sentence; never a stack trace.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { program } from '../../src/cli/program.ts'
import { runCli } from '../support/cli.ts'
import { generateSession, serviceBlocks } from '../support/generate-session.ts'

const INSTANCE = '1'.padStart(16, '0')
const GOLDEN = path.join(import.meta.dirname, '..', 'golden', 'format-1')

/** Commands that read one session, with what they need besides. */
const COMMANDS: readonly (readonly string[])[] = [
  ['sessions'],
  ['report'],
  ['report', '--format', 'md'],
  ['report', '--json'],
  ['findings'],
  ['show', 'n-plus-one'],
  ['trace'],
  ['trace', 'slowest', '--critical'],
  ['what-if', 'tool.search', '-50%'],
  ['sql', 'SELECT count(*) AS n FROM spans'],
  ['sync'],
  ['heap'],
  ['flame'],
  ['export', '--collapsed', '--output', '-'],
  ['snapshot', 'list'],
  ['tasks'],
  ['doctor'],
  ['audit'],
  ['queue'],
  ['trends'],
  ['score'],
]

/** Commands that read no session, act on a running process, or need more than one session. */
const OTHERS = ['run', 'config', 'profile', 'recording', 'bench', 'load', 'archive', 'prune', 'optimize', 'compare']

/** How to make a session; gives nothing. The folder is `<dir>/sessions/<name>`. */
const SESSIONS: Record<string, (dir: string, name: string) => Promise<void>> = {
  async empty(dir, name) {
    await generateSession({ dir, name, instances: [] })
  },
  async crashed(dir, name) {
    await generateSession({ dir, name, instances: [{ blocks: serviceBlocks(20), end: null }] })
  },
  async 'without a session.json'(dir, name) {
    await generateSession({ dir, name, json: null, instances: [{ blocks: serviceBlocks(20) }] })
  },
  async 'with half a session.json'(dir, name) {
    const file = path.join(await generateSession({ dir, name, instances: [{ blocks: serviceBlocks(20) }] }), 'session.json')
    writeFileSync(file, readFileSync(file, 'utf8').slice(0, 60))
  },
  async 'of a newer format'(dir, name) {
    await generateSession({ dir, name, json: { format: 9, agent: '9.0.0' }, instances: [{ blocks: serviceBlocks(20) }] })
  },
  async 'with half an LMDB file'(dir, name) {
    const file = path.join(
      await generateSession({ dir, name, instances: [{ blocks: serviceBlocks(200) }] }),
      'hot',
      `${INSTANCE}.lmdb`,
      'data.mdb',
    )
    truncateSync(file, 30_000)
    utimesSync(file, 1, 1)
  },
  async 'with half a spill file'(dir, name) {
    const folder = path.join(dir, 'sessions', name)
    cpSync(GOLDEN, folder, { recursive: true })
    const file = path.join(folder, 'hot', 'c3c3c3c3c3c3c3c3.0.1795256106500.spill')
    truncateSync(file, Math.floor(readFileSync(file).length / 2))
    utimesSync(file, 1, 1)
  },
  async 'with an empty session.duckdb'(dir, name) {
    writeFileSync(await synced(dir, name), '')
  },
  async 'with the beginning of a session.duckdb'(dir, name) {
    truncateSync(await synced(dir, name), 20_000)
  },
  async 'with most of a session.duckdb'(dir, name) {
    const file = await synced(dir, name)
    truncateSync(file, Math.floor(readFileSync(file).length * 0.7))
  },
  async 'with something else as session.duckdb'(dir, name) {
    writeFileSync(await synced(dir, name), Buffer.alloc(50_000, 1))
  },
  async 'synced by an older version'(dir, name) {
    await change(await synced(dir, name), [
      `UPDATE store.meta SET value = '1' WHERE key = 'schema_version'`, `DELETE FROM store.meta WHERE key IN ('tables', 'views')`,
      'DROP TABLE store.traces', 'DROP TABLE store.covered', 'DROP TABLE store.late_traces', 'DROP TABLE store.findings_of', 'ALTER TABLE store.findings DROP data',
    ]) // prettier-ignore
  },
  async 'synced by a newer version'(dir, name) {
    await change(await synced(dir, name), [`UPDATE store.meta SET value = '99' WHERE key = 'schema_version'`])
  },
  async 'still being written'(dir, name) {
    mkdirSync(path.join(dir, 'live'), { recursive: true })
    writeFileSync(path.join(dir, 'live', `${process.pid}.json`), JSON.stringify({ instance: 'd'.repeat(16) }))
    const beat = { wallMs: Date.now() + 5000, monoNs: 1 }
    await generateSession({
      dir,
      name,
      instances: [{ instance: 'd'.repeat(16), blocks: serviceBlocks(20), end: null, pid: process.pid, beat }],
    })
  },
}

async function synced(dir: string, name: string): Promise<string> {
  const folder = await generateSession({ dir, name, instances: [{ blocks: serviceBlocks(300) }] })
  await runCli(['sync', '--dir', dir])
  return path.join(folder, 'session.duckdb')
}

async function change(file: string, statements: readonly string[]): Promise<void> {
  const instance = await DuckDBInstance.create(file)
  const connection = await instance.connect()
  for (const statement of statements) await connection.run(statement)
  connection.closeSync()
  instance.closeSync()
}

let root: string
beforeAll(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'perf-broken-'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

it('every command is looked at here', () => {
  const known = new Set([...COMMANDS.map(([name]) => name), ...OTHERS])
  expect(program.commands.map((command) => command.name()).filter((name) => !known.has(name))).toEqual([])
})

describe.each(Object.entries(SESSIONS))('a session %s', (what, make) => {
  it('is read as far as it goes, or refused with one sentence, by every command', async () => {
    const dir = path.join(root, what.replaceAll(/\W/g, '-'))
    await make(dir, 'shop_20261121-101500_9f3c')
    const wrong: unknown[] = []
    for (const words of COMMANDS) {
      const { code, signal, stdout, stderr } = await runCli([...words, '--dir', dir], { cwd: root })
      const isClear =
        signal === null &&
        (code === 0 || code === 1 || (code === 2 && stderr.trim().split('\n').length === 1 && /^perf-agent: .{20,}[.;:)']/.test(stderr))) &&
        stdout + stderr !== '' &&
        !/\n\s+at [^\n]+:\d+:\d+|INTERNAL|Stack Trace|PERF_LOG=debug/.test(stdout + stderr)
      if (!isClear) wrong.push({ words, code, signal, stderr: stderr.slice(0, 600), stdout: stdout.slice(0, 200) })
    }
    expect(wrong).toEqual([])
  }, 120_000)
})
