// An archived session is the same session: every view holds the same rows, and nothing that interrupts archiving loses one.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { archiveSession } from '../../src/store/archive/archive-session.ts'
import { archiveFolder, isArchived } from '../../src/store/archive/manifest.ts'
import { openArchive } from '../../src/store/archive/open-archive.ts'
import { storeFindings } from '../../src/store/analytics/findings.ts'
import { storeScores } from '../../src/store/analytics/scores.ts'
import { syncSession } from '../../src/store/analytics/sync.ts'
import { viewDocs } from '../../src/store/analytics/view-docs.ts'
import { openSession } from '../../src/store/query.ts'
import { readSession } from '../../src/store/session.ts'
import { cliFile, runCli } from '../support/cli.ts'
import { generateSession, serviceBlocks, type InstanceOptions } from '../support/generate-session.ts'
import { RecordWriter } from '../support/record-writer.ts'

let dir: string
beforeEach(() => (dir = mkdtempSync(path.join(os.tmpdir(), 'perf-archive-'))))
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const instances = (traces: number): InstanceOptions[] => [{ blocks: serviceBlocks(traces), contents: { ab: '{"kept":true}' } }]
const service = async (traces = 300): Promise<string> => generateSession({ dir, instances: instances(traces) })
const archive = (folder: string) => archiveSession(readSession(folder), { agent: 'test' })

/** Every row of every documented view, in an order of its own. */
async function everything(folder: string): Promise<Record<string, unknown[]>> {
  const reader = await openSession(readSession(folder))
  try {
    const rows: Record<string, unknown[]> = {}
    for (const view of Object.keys(viewDocs)) rows[view] = rounded(await reader.rows(`SELECT * FROM ${view} ORDER BY ALL`)) as unknown[]
    return rows
  } finally {
    reader.close()
  }
}

/** Sums of floating-point numbers depend on the order of the rows in their last digits, lists of distinct values in theirs. */
const rounded = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (key, entry: unknown) => {
    if (key === 'layers' && Array.isArray(entry)) return entry.map(String).sort()
    return typeof entry === 'number' ? Number(entry.toPrecision(9)) : entry
  })

async function expectSame(folder: string, before: Record<string, unknown[]>): Promise<void> {
  for (const [view, rows] of Object.entries(await everything(folder))) expect(rows, view).toEqual(before[view])
}

describe('an archive', () => {
  it('holds every row of every view, without database and hot store, in less space, and gives all of it back', async () => {
    const folder = await service()
    const before = await everything(folder)
    expect(before['spans']).toHaveLength(2400)
    const result = await archive(folder)
    expect(result).toMatchObject({ outcome: 'archived', kept: [] })
    expect(readdirSync(folder).sort()).toEqual(['archive', 'session.json'])
    for (const name of readdirSync(archiveFolder(folder))) expect(statSync(path.join(archiveFolder(folder), name)).mode & 0o077).toBe(0)
    await expectSame(folder, before)
    expect((await archive(folder)).outcome).toBe('already archived')
    expect(await runCli(['archive', '--restore', 'last', '--dir', dir])).toMatchObject({ code: 0, stderr: '' })
    expect(readdirSync(folder).sort()).toEqual(['session.duckdb', 'session.json'])
    await expectSame(folder, before)
  })

  it('holds the same where large tables are read from their files, query by query', async () => {
    const folder = await service(20)
    const before = await everything(folder)
    await archive(folder)
    const { connection, close } = await openArchive(archiveFolder(folder), {}, { rows: 0, bytes: 0 })
    const kinds = await connection.runAndReadAll(`SELECT view_name FROM duckdb_views() WHERE schema_name = 'store'`)
    expect(kinds.getRows().flat()).toContain('spans')
    for (const [view, rows] of Object.entries(before)) {
      const read = await connection.runAndReadAll(`SELECT * FROM ${view} ORDER BY ALL`)
      expect(read.currentRowCount, view).toBe(rows.length)
    }
    const spans = await connection.runAndReadAll('SELECT DISTINCT trace_id FROM spans ORDER BY 1')
    expect(spans.getRows().flat()).toEqual([...new Set((before['spans'] as { trace_id: string }[]).map((row) => row.trace_id))].sort())
    close()
  })

  it('is read by the commands as the session was', async () => {
    await service()
    const commands = [
      ['report', '--json'],
      ['findings', '--json'],
      ['trace', 'slowest'],
      ['trace', 'slowest', '--critical'],
      ['sql', 'SELECT id, kind, cost_ms FROM findings ORDER BY 1'],
      ['sql', `SELECT * FROM spans WHERE span_id = (SELECT max(span_id) FROM spans)`],
      ['export', '--chrome-trace', '--output', '-'],
      ['report', '--format', 'md', '--budget', '1500'],
      ['heap'],
      ['tasks'],
      ['flame'],
      ['doctor', '--json'],
      ['what-if', 'ai.*', '-50%'],
      ['compare', 'half:first', 'half:second', '--session', 'last', '--json'],
      ['audit', '--json'],
      ['show', 'slowest'],
    ]
    const run = async (): Promise<unknown[]> => {
      const outputs: { command: string[]; code: number | null; stdout: string; stderr: string }[] = []
      for (const command of commands) {
        const { code, stdout, stderr } = await runCli([...command, '--dir', dir])
        outputs.push({ command, code, stdout, stderr })
      }
      return outputs.map(({ stdout, ...rest }) => ({
        ...rest,
        stdout: stdout.replaceAll(/\d+\.\d{6,}/g, (digits) => Number(digits).toPrecision(9)),
      }))
    }
    const before = await run()
    expect((await runCli(['archive', 'last', '--dir', dir])).code).toBe(0)
    for (const [i, output] of (await run()).entries()) expect(output, commands[i]?.join(' ')).toEqual(before[i])
    const list = await runCli(['sessions', '--dir', dir, '--json'])
    expect(JSON.parse(list.stdout)).toMatchObject([{ state: 'done', archived: true, processes: 1, spans: 2400 }])
  }, 240_000)

  it('can be queried and nothing else', async () => {
    const folder = await service(5)
    await archive(folder)
    const target = path.join(archiveFolder(folder), 'spans.parquet')
    const bytes = readFileSync(target)
    const reader = await openSession(readSession(folder))
    for (const sql of [
      `COPY (SELECT 1) TO '${target}'`,
      `EXPLAIN ANALYZE COPY (SELECT 1) TO '${target}'`,
      `SELECT 1; COPY (SELECT 1) TO '${target}'`,
      `ATTACH '${target}.db'`,
      `PREPARE p AS COPY (SELECT 1) TO '${target}'`,
      `SET enable_external_access = true`,
    ])
      await expect(reader.query(sql), sql).rejects.toThrow(/This session is archived: it can be queried/)
    await expect(reader.query(`SELECT * FROM read_text('/etc/hostname')`)).rejects.toThrow(/disabled by configuration/)
    expect(await reader.rows('DESCRIBE spans')).not.toHaveLength(0)
    reader.close()
    expect(readFileSync(target).equals(bytes)).toBe(true)
    expect(readdirSync(archiveFolder(folder))).not.toContain('spans.parquet.db')
  })

  it('keeps what the analysis adds, and gives that back, too', async () => {
    const folder = await service(5)
    await archive(folder)
    const row = {
      id: 'x-1',
      kind: 'x',
      severity: 'low',
      title: 'a title',
      cost_ms: 1,
      cost_usd: null,
      evidence: {},
      advice: 'do',
      next_command: 'show',
      data: null,
    }
    await storeFindings(readSession(folder), [row], 'a state', [])
    await storeScores(readSession(folder), 'a key', [
      { spanId: '00000000000000ff', scorer: 'length', score: 0.5, weight: 1, outcome: 'scored', reason: null },
    ])
    expect(isArchived(folder)).toBe(true)
    const added = async (): Promise<unknown[]> => {
      const reader = await openSession(readSession(folder))
      try {
        return [
          ...(await reader.rows('SELECT id, title FROM findings')),
          ...(await reader.rows('SELECT scorer, score FROM store.scores')),
          ...(await reader.rows(`SELECT value FROM store.meta WHERE key = 'scores_key'`)),
        ]
      } finally {
        reader.close()
      }
    }
    const expected = [{ id: 'x-1', title: 'a title' }, { scorer: 'length', score: 0.5 }, { value: 'a key' }]
    expect(await added()).toEqual(expected)
    expect((await runCli(['archive', '--restore', 'last', '--dir', dir])).code).toBe(0)
    expect(await added()).toEqual(expected)
  })

  it('gives back what the analysis had kept before it was interrupted', async () => {
    const folder = await service(5)
    await archive(folder)
    const scored = (scorer: string) => [
      { spanId: '00000000000000ff', scorer, score: 0.5, weight: 1, outcome: 'scored' as const, reason: null },
    ]
    const scorers = async (): Promise<unknown[]> => {
      const reader = await openSession(readSession(folder))
      try {
        return (await reader.rows<{ scorer: string }>('SELECT scorer FROM store.scores')).map(({ scorer }) => scorer)
      } finally {
        reader.close()
      }
    }
    await storeScores(readSession(folder), 'one', scored('first'))
    const manifest = path.join(archiveFolder(folder), 'manifest.json')
    const before = readFileSync(manifest)
    await storeScores(readSession(folder), 'two', [...scored('second'), ...scored('third')])
    expect(await scorers()).toEqual(['second', 'third'])
    // Killed before the last step: the new manifest is not there yet.
    writeFileSync(manifest, before)
    expect(await scorers()).toEqual(['first'])
    await storeScores(readSession(folder), 'three', scored('fourth'))
    expect(await scorers()).toEqual(['fourth'])
    writeFileSync(manifest, before)
    expect(await runCli(['archive', '--restore', 'last', '--dir', dir])).toMatchObject({ code: 0, stderr: '' })
    expect(await scorers()).toEqual(['first'])
  })

  it('is read, and not its neighbours, below a folder whose name is a pattern', async () => {
    const one = await generateSession({ dir: path.join(dir, 'a[1]*'), instances: instances(3) })
    const other = await generateSession({ dir: path.join(dir, 'a1x'), instances: instances(9) })
    for (const folder of [one, other]) await archive(folder)
    expect((await everything(one))['spans']).toHaveLength(24)
    const { connection, close } = await openArchive(archiveFolder(one), {}, { rows: 0, bytes: 0 })
    expect((await connection.runAndReadAll('SELECT count(*) FROM spans')).getRows()).toEqual([[24n]])
    close()
  })

  it('or a database is not made where DuckDB would misread the path: one sentence, and the recording stays', async () => {
    const folder = await generateSession({ dir: path.join(dir, 'what?'), instances: instances(3) })
    for (const command of ['report', 'archive', 'sync']) {
      const { code, stderr } = await runCli([command, ...(command === 'archive' ? ['last'] : []), '--dir', path.join(dir, 'what?')])
      expect([code, stderr], command).toEqual([
        2,
        expect.stringMatching(/^perf-agent: .*DuckDB cannot keep a database below a folder whose name holds "\?" .*\n$/),
      ])
    }
    const moved = path.join(dir, 'sessions', path.basename(folder))
    cpSync(folder, moved, { recursive: true })
    expect((await everything(moved))['spans']).toHaveLength(24)
  })

  it('does not take the log of a database that is gone for its own', async () => {
    const folder = await service(5)
    const before = await everything(folder)
    const log = path.join(folder, 'session.duckdb.wal')
    await archive(folder)
    writeFileSync(log, 'the log of another database')
    expect((await archive(folder)).outcome).toBe('already archived')
    expect(existsSync(log)).toBe(false)
    writeFileSync(log, 'the log of another database')
    expect(await runCli(['archive', '--restore', 'last', '--dir', dir])).toMatchObject({ code: 0, stderr: '' })
    await expectSame(folder, before)
  })

  it('takes what joins the session later', async () => {
    const folder = await service(10)
    await archive(folder)
    const late = { instance: 'f'.repeat(16), blocks: serviceBlocks(2, { seed: 8 }) }
    await generateSession({ dir, instances: [late] })
    const reader = await openSession(readSession(folder))
    expect(await reader.rows('SELECT count(*) AS spans, count(DISTINCT process) AS processes FROM spans')).toEqual([
      { spans: 96, processes: 2 },
    ])
    reader.close()
    expect(isArchived(folder)).toBe(false)
    await archive(folder)
    expect((await everything(folder))['spans']).toHaveLength(96)
  })

  it('is not made of a session that still runs', async () => {
    const folder = await generateSession({
      dir,
      instances: [{ blocks: serviceBlocks(2), pid: process.pid, end: null, beat: { wallMs: Date.now(), monoNs: 1 } }],
    })
    await expect(archive(folder)).rejects.toThrow(/is still being recorded/)
    expect(readdirSync(folder)).not.toContain('archive')
    const { code, stderr } = await runCli(['archive', 'last', '--dir', dir])
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^perf-agent: Session shop_\S+ is still being recorded/)])
    const many = await runCli(['archive', '--older', '1ms', '--dir', dir])
    expect([many.code, many.stdout]).toEqual([2, ''])
  })

  it('keeps what a newer version wrote and this one cannot read, and needs no more of it', async () => {
    const writer = new RecordWriter().raw(99, Buffer.from('new')).span({ spanId: 1n, startNs: 1, endNs: 2, name: 'known' })
    const blocks = [writer.block({ v: 2 })]
    const folder = await generateSession({
      dir,
      instances: [{ blocks }, { blocks: serviceBlocks(2) }],
      json: { format: 2, agent: '9.0.0' },
    })
    const environment = readdirSync(path.join(folder, 'hot')).find((name) => name.startsWith('0000000000000001') && name.endsWith('.lmdb'))
    const { kept } = await archive(folder)
    expect(kept).toEqual([{ file: `hot/${environment}`, reason: 'holds records this version cannot read' }])
    expect(readdirSync(path.join(folder, 'hot')).filter((name) => name.endsWith('.lmdb'))).toEqual([environment])
    const reader = await openSession(readSession(folder))
    expect(await reader.rows('SELECT count(*) AS n FROM spans')).toEqual([{ n: 17 }])
    reader.close()
    expect(isArchived(folder)).toBe(true)
  })

  it('keeps what could not be read', async () => {
    const folder = await service(5)
    writeFileSync(path.join(folder, 'hot', `${'e'.repeat(16)}.0.1.spill`), 'PERFSPL1 not a spill file')
    const old = new Date(Date.now() - 60_000)
    utimesSync(path.join(folder, 'hot', `${'e'.repeat(16)}.0.1.spill`), old, old)
    const { kept } = await archive(folder)
    expect(kept).toEqual([{ file: `hot/${'e'.repeat(16)}.0.1.spill`, reason: expect.stringMatching(/^damaged/) }])
    expect(readdirSync(path.join(folder, 'hot'))).toEqual([`${'e'.repeat(16)}.0.1.spill`])
    expect((await everything(folder))['spans']).toHaveLength(40)
    expect(isArchived(folder)).toBe(true)
  })

  it('may be copied without its times', async () => {
    const folder = await service(5)
    mkdirSync(path.join(folder, 'heap'))
    writeFileSync(path.join(folder, 'heap', '0000000000000001-1795255200123.heapsnapshot'), heapSnapshot())
    await archive(folder)
    expect(readdirSync(path.join(folder, 'heap'))[0]).toMatch(/\.heapsnapshot\.(zst|gz)$/)
    const copy = path.join(dir, 'elsewhere', 'sessions', path.basename(folder))
    cpSync(folder, copy, { recursive: true })
    expect((await everything(copy))['heap_classes']).not.toHaveLength(0)
    expect(isArchived(copy)).toBe(true)
  })

  it('that was damaged says so in one sentence', async () => {
    const folder = await service(5)
    await archive(folder)
    writeFileSync(path.join(archiveFolder(folder), 'spans.parquet'), 'PAR1')
    const damaged = await runCli(['report', '--dir', dir])
    expect([damaged.code, damaged.stderr]).toEqual([
      2,
      expect.stringMatching(/^perf-agent: The archive of session shop_\S+ cannot be read \(.*\)\.\n$/),
    ])
    writeFileSync(path.join(archiveFolder(folder), 'manifest.json'), '{')
    const headless = await runCli(['report', '--dir', dir])
    expect([headless.code, headless.stderr]).toEqual([
      2,
      expect.stringMatching(/^perf-agent: \S+manifest\.json cannot be read \(not valid JSON\)\.\n$/),
    ])
  })

  it('of an older schema is brought up to date while it is read', async () => {
    const folder = await service(5)
    const before = await everything(folder)
    await archive(folder)
    const file = path.join(archiveFolder(folder), 'manifest.json')
    writeFileSync(file, readFileSync(file, 'utf8').replace('"schemaVersion": 2', '"schemaVersion": 1'))
    expect((await everything(folder))['spans']).toEqual(before['spans'])
    writeFileSync(file, readFileSync(file, 'utf8').replace('"schemaVersion": 1', '"schemaVersion": 99'))
    await expect(openSession(readSession(folder))).rejects.toThrow(/was archived by a newer version/)
  })
})

describe('an interrupted archiving', () => {
  it('leaves the session as it was, or archived, whenever it is killed', async () => {
    const folder = await service(800)
    const pristine = path.join(dir, 'pristine')
    await syncSession(readSession(folder))
    cpSync(folder, pristine, { recursive: true })
    const outcomes = new Set<string>()
    for (let step = 0; step < 9; step++) {
      rmSync(folder, { recursive: true, force: true })
      cpSync(pristine, folder, { recursive: true, preserveTimestamps: true })
      await killedAt(folder, step)
      outcomes.add(isArchived(folder) ? 'archived' : existsSync(archiveFolder(folder)) ? 'both' : 'as it was')
      const reader = await openSession(readSession(folder))
      expect(await reader.rows('SELECT count(*) AS spans, count(DISTINCT trace_id) AS traces FROM spans')).toEqual([
        { spans: 6400, traces: 800 },
      ])
      reader.close()
      await archive(folder)
      expect(readdirSync(folder).sort()).toEqual(['archive', 'session.json'])
    }
    expect(outcomes).toContain('as it was')
    expect((await everything(folder))['spans']).toHaveLength(6400)
  }, 120_000)

  /** Archives in a process that is killed when the folder shows the step. */
  async function killedAt(folder: string, step: number): Promise<void> {
    const child = spawn(process.execPath, [cliFile(), 'archive', path.basename(folder), '--dir', dir], { stdio: 'ignore' })
    const ended = once(child, 'exit')
    const temporary = (): string | undefined => readdirSync(folder).find((name) => name.startsWith('archive.') && name.endsWith('.tmp'))
    const isReached = (): boolean => {
      const files = temporary() === undefined ? 0 : readdirSync(path.join(folder, temporary() ?? '')).length
      if (step < 5) return files > step * 3
      if (step < 6) return files > 0 && existsSync(path.join(folder, temporary() ?? '', 'manifest.json'))
      if (step < 8) return existsSync(archiveFolder(folder))
      return isArchived(folder)
    }
    while (child.exitCode === null && child.signalCode === null && !reached(isReached))
      await new Promise((resolve) => setImmediate(resolve))
    child.kill('SIGKILL')
    await ended
  }

  const reached = (look: () => boolean): boolean => {
    try {
      return look()
    } catch {
      // A folder that was renamed between two looks.
      return false
    }
  }
})

function heapSnapshot(): string {
  const meta = {
    node_fields: ['type', 'name', 'id', 'self_size', 'edge_count', 'trace_node_id', 'detachedness'],
    node_types: [['hidden', 'array', 'string', 'object'], 'string', 'number', 'number', 'number', 'number', 'number'],
    edge_fields: ['type', 'name_or_index', 'to_node'],
    edge_types: [['context', 'element', 'property'], 'string_or_number', 'node'],
    trace_function_info_fields: [],
    trace_node_fields: [],
    sample_fields: [],
    location_fields: [],
  }
  return JSON.stringify({
    snapshot: { meta, node_count: 1, edge_count: 0, trace_function_count: 0 },
    nodes: [3, 1, 1, 64, 0, 0, 0],
    edges: [],
    trace_function_infos: [],
    trace_tree: [],
    samples: [],
    locations: [],
    strings: ['', 'Order'],
  })
}
